//! Anonymous memory files: what a section is without a name and without anybody to find it.

use std::fs::File;
use std::sync::atomic::Ordering;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use super::super::contest::{Contestant, Setting};
use super::failed;
use super::shared_memory::SharedPage;
use crate::error::Result;

/// `memfd_create`, `ftruncate`, `mmap`, a word written, `munmap`, `close`.
pub(crate) struct MemfdMapUnmap;

impl MemfdMapUnmap {
    pub(crate) fn set_up(_: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self))
    }
}

impl Contestant for MemfdMapUnmap {
    fn operate(&mut self, count: u64) -> Result<()> {
        for number in 0..count {
            let file = memfd_create("winipc-bench", MemfdFlags::CLOEXEC).map_err(failed("memfd_create"))?;
            ftruncate(&file, SharedPage::SIZE as u64).map_err(failed("ftruncate"))?;
            let page = SharedPage::map(&File::from(file))?;
            page.word().store(number as u32, Ordering::Relaxed);
        }
        Ok(())
    }
}
