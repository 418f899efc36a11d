//! Files on tmpfs: what named objects cost where the file system keeps the names.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;

use super::super::contest::{Contestant, Setting};
use super::super::names::Shuffle;
use super::Meeting;
use crate::error::{Error, Result};

/// Create, unlink, close.
pub(crate) struct TmpfsCreate(Meeting);

impl TmpfsCreate {
    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        Ok(Box::new(Self(Meeting::new(setting))))
    }
}

impl Contestant for TmpfsCreate {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let file = OpenOptions::new().write(true).create_new(true).open(&self.0.0).map_err(unusable)?;
            fs::remove_file(&self.0.0).map_err(unusable)?;
            drop(file);
        }
        Ok(())
    }
}

/// Open and close by random name among many.
pub(crate) struct TmpfsOpen {
    paths: Vec<PathBuf>,
    shuffle: Shuffle,
    _meeting: Meeting,
}

impl TmpfsOpen {
    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let meeting = Meeting::new(setting);
        fs::create_dir(&meeting.0).map_err(unusable)?;
        let paths: Vec<_> =
            (0..setting.population).map(|number| meeting.0.join(format!("{number:06}"))).collect();
        for path in &paths {
            File::create_new(path).map_err(unusable)?;
        }
        Ok(Box::new(Self { paths, shuffle: Shuffle::default(), _meeting: meeting }))
    }
}

impl Contestant for TmpfsOpen {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let path = &self.paths[self.shuffle.below(self.paths.len())];
            drop(OpenOptions::new().read(true).write(true).open(path).map_err(unusable)?);
        }
        Ok(())
    }
}

fn unusable(error: std::io::Error) -> Error {
    Error::because("benchmark: cannot use files on /dev/shm", error)
}
