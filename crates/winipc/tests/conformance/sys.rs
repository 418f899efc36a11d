//! The Win32 functions under test, flat as in `winipc::sys`.
pub(crate) use windows_sys::Win32::{
    Foundation::*, Security::*, Storage::FileSystem::*, System::IO::*, System::Pipes::*, System::Threading::*,
};
