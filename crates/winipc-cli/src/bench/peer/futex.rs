//! Two processes that wake each other by futex calls and nothing else.

use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::thread::futex;

use super::super::contest::{Contestant, Helper, PATIENCE, Setting, repeat};
use super::shared_memory::SharedPage;
use super::{Meeting, failed};
use crate::error::{Error, Result};

pub(crate) struct Futex {
    helper: Helper,
    page: SharedPage,
    turn: u32,
    _meeting: Meeting,
}

impl Futex {
    pub(crate) const KIND: &str = "futex";

    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        let meeting = Meeting::new(setting);
        let page = SharedPage::create(&meeting.0)?;
        let helper = Helper::start(Self::KIND, setting)?;
        Ok(Box::new(Self { helper, page, turn: 0, _meeting: meeting }))
    }

    pub(crate) fn help(setting: &Setting) -> Result<()> {
        let page = SharedPage::open(&Meeting::path(&setting.tag))?;
        let mut turn = 0u32;
        repeat(|| {
            wait_while(page.word(), turn)?;
            turn = turn.wrapping_add(2);
            pass(page.word(), turn)
        })
    }
}

impl Contestant for Futex {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            let mine = self.turn.wrapping_add(1);
            self.turn = self.turn.wrapping_add(2);
            pass(self.page.word(), mine)?;
            wait_while(self.page.word(), mine)?;
        }
        Ok(())
    }
}

fn pass(word: &AtomicU32, turn: u32) -> Result<()> {
    word.store(turn, Ordering::Release);
    futex::wake(word, futex::Flags::empty(), 1).map(drop).map_err(failed("futex wake"))
}

fn wait_while(word: &AtomicU32, turn: u32) -> Result<()> {
    let patience = rustix::time::Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    while word.load(Ordering::Acquire) == turn {
        match futex::wait(word, futex::Flags::empty(), turn, Some(&patience)) {
            Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::TIMEDOUT) => {
                return Err(Error::new("benchmark: the other end of the futex pair hangs"));
            }
            Err(error) => return Err(failed("futex wait")(error)),
        }
    }
    Ok(())
}
