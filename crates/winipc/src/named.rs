//! What all objects that can have a name have in common, and the options they are created and opened with.

/// Implements what every named object that can be waited for has:
/// `struct T { handle: OwnedHandle, disposition: Disposition }`.
macro_rules! named_object {
    ($object:ident) => {
        $crate::named::handle_object!($object);

        impl $crate::Waitable for $object {}
    };
}

/// Implements what every named object has.
macro_rules! handle_object {
    ($object:ident) => {
        impl $object {
            /// Whether this value's call created the object or opened one that was there.
            pub fn disposition(&self) -> $crate::Disposition {
                self.disposition
            }

            /// A second handle to the same object ([`OwnedHandle::try_clone`]($crate::OwnedHandle::try_clone)).
            ///
            /// # Errors
            ///
            /// - `ERROR_NOT_ENOUGH_MEMORY`, `ERROR_NOT_ENOUGH_QUOTA`: there is no room for a handle.
            pub fn try_clone(&self) -> $crate::Result<Self> {
                Ok(Self { handle: self.handle.try_clone()?, disposition: self.disposition })
            }
        }

        impl $crate::AsHandle for $object {
            fn as_handle(&self) -> $crate::BorrowedHandle<'_> {
                self.handle.as_handle()
            }
        }

        /// Takes a handle, for example one that was inherited or duplicated, for one to such an object. Where it is
        /// not, every call on it fails with `ERROR_INVALID_HANDLE`.
        impl From<$crate::OwnedHandle> for $object {
            fn from(handle: $crate::OwnedHandle) -> Self {
                Self { handle, disposition: $crate::Disposition::Opened }
            }
        }

        impl From<$object> for $crate::OwnedHandle {
            fn from(object: $object) -> Self {
                object.handle
            }
        }
    };
}

/// Implements what the options of every named object have: `struct T { named: Named, .. }`.
macro_rules! named_options {
    ($options:ident opens $object:ident by $call:ident, $function:literal, with $rights:literal) => {
        impl $options {
            /// The name, with or without `Local\` or `Global\` ([names](crate#names)).
            pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
                self.named.name = Some(name.into());
                self
            }

            #[doc = concat!("The rights of the handle, a mask of `", $rights, "` and standard rights in")]
            /// [`sys`](crate::sys).
            pub fn access(&mut self, access: u32) -> &mut Self {
                self.named.access = access;
                self
            }

            /// Whether child processes inherit the handle.
            pub fn inherit(&mut self, inherit: bool) -> &mut Self {
                self.named.inherit = inherit;
                self
            }

            #[doc = concat!("Opens the ", stringify!($call), " with this name (`", $function, "`).")]
            ///
            /// # Errors
            ///
            /// - `ERROR_FILE_NOT_FOUND`: there is none.
            /// - `ERROR_INVALID_PARAMETER`: no name was given.
            /// - As [`create`](Self::create), where that is about the name and the access.
            pub fn open(&self) -> $crate::Result<$object> {
                Ok($crate::sys::call::$call::open(&self.named)?.into())
            }
        }
    };
}

pub(crate) use {handle_object, named_object, named_options};
