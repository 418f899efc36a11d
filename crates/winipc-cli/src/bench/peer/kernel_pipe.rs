//! The kernel's pipe, in one direction.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::contest::{Contestant, Helper, Setting, repeat_and_answer};
use super::{Meeting, failed};
use crate::error::{Error, Result};

pub(crate) struct KernelPipe {
    helper: Helper,
    pipe: File,
    buffer: Vec<u8>,
    _meeting: Meeting,
}

impl KernelPipe {
    pub(crate) const KIND: &str = "kernel-pipe";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let meeting = Meeting::new(setting);
        mknodat(CWD, &meeting.0, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).map_err(failed("mkfifo"))?;
        // Open for both, it does not wait for the reader.
        let pipe = OpenOptions::new().read(true).write(true).open(&meeting.0).map_err(broken)?;
        if let Some(quota) = setting.quota {
            rustix::pipe::fcntl_setpipe_size(&pipe, quota).map_err(failed("F_SETPIPE_SZ"))?;
        }
        let helper = Helper::start(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, pipe, buffer: vec![0; setting.size], _meeting: meeting }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let mut pipe = File::open(Meeting::path(&setting.tag)).map_err(broken)?;
        let mut buffer = vec![0; setting.size];
        repeat_and_answer(|count| (0..count).try_for_each(|_| pipe.read_exact(&mut buffer).map_err(broken)))
    }
}

impl Contestant for KernelPipe {
    fn operate(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)?;
        for _ in 0..count {
            self.pipe.write_all(&self.buffer).map_err(broken)?;
        }
        self.helper.wait_for_answer()
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::because("benchmark: kernel pipe", error)
}
