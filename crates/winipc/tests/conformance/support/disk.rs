//! Files on disk as the tests use them.

use super::*;

/// A file that no other test uses, removed when dropped.
pub(crate) struct Scratch(pub(crate) std::path::PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("winipc-{}.tmp", unique_text())))
    }

    pub(crate) fn holding(bytes: &[u8]) -> Self {
        let this = Self::new();
        std::fs::write(&this.0, bytes).unwrap();
        this
    }

    pub(crate) fn name(&self) -> Name {
        Name::new(self.0.to_str().unwrap())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }

    pub(crate) fn try_open(&self, access: u32, creation: u32, flags: u32) -> (HANDLE, u32) {
        open(&self.name(), access, SHARED, creation, flags)
    }

    pub(crate) fn open(&self, access: u32, creation: u32) -> Handle {
        Handle::own(self.try_open(access, creation, 0).0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) const SHARED: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

pub(crate) fn open(name: &Name, access: u32, share: u32, creation: u32, flags: u32) -> (HANDLE, u32) {
    call!(CreateFileW(name.ptr(), access, share, null(), creation, flags, null_mut()))
}

pub(crate) fn size(file: &Handle) -> i64 {
    let mut size = -1;
    ok!(GetFileSizeEx(file.raw(), &mut size));
    size
}
