//! What the options of both ends have in common.

/// Implements it for `struct T { nowait: bool, flags: u32, inherit: bool, .. }`, where `flags` has the file flags.
macro_rules! end_options {
    ($options:ident) => {
        impl $options {
            /// Whether calls on this end return at once where they would wait (`PIPE_NOWAIT`). Microsoft keeps this for
            /// old programs; [`overlapped`](crate::overlapped) requests serve the purpose better.
            pub fn nowait(&mut self, nowait: bool) -> &mut Self {
                self.nowait = nowait;
                self
            }

            /// Whether requests on this end are independent of each other (`FILE_FLAG_OVERLAPPED`). True unless said
            /// otherwise. If not, each call on this end waits for the one before ([`PipeEnd`](crate::PipeEnd)), and
            /// starting a request waits for its end.
            pub fn overlapped(&mut self, overlapped: bool) -> &mut Self {
                self.flag($crate::sys::FILE_FLAG_OVERLAPPED, overlapped)
            }

            /// Whether writes over the network wait for delivery (`FILE_FLAG_WRITE_THROUGH`). No effect locally.
            pub fn write_through(&mut self, write_through: bool) -> &mut Self {
                self.flag($crate::sys::FILE_FLAG_WRITE_THROUGH, write_through)
            }

            /// Whether child processes inherit the handle.
            pub fn inherit(&mut self, inherit: bool) -> &mut Self {
                self.inherit = inherit;
                self
            }

            fn flag(&mut self, flag: u32, on: bool) -> &mut Self {
                self.flags = if on { self.flags | flag } else { self.flags & !flag };
                self
            }

            fn is_overlapped(&self) -> bool {
                self.flags & $crate::sys::FILE_FLAG_OVERLAPPED != 0
            }
        }

        impl Default for $options {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

pub(super) use end_options;
