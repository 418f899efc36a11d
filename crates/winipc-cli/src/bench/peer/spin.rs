//! Two processes that spin on one word: the fastest that two cores can be.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::super::contest::{Contestant, Helper, PATIENCE, Setting, repeat};
use super::Meeting;
use super::shared_memory::SharedPage;
use crate::error::{Error, Result};

pub(crate) struct Spin {
    helper: Helper,
    page: SharedPage,
    turn: u32,
    _meeting: Meeting,
}

impl Spin {
    pub(crate) const KIND: &str = "spin";

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
            wait_for(page.word(), turn.wrapping_add(1))?;
            turn = turn.wrapping_add(2);
            page.word().store(turn, Ordering::Release);
            Ok(())
        })
    }
}

impl Contestant for Spin {
    fn prepare(&mut self, count: u64) -> Result<()> {
        self.helper.request(count)
    }

    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            self.page.word().store(self.turn.wrapping_add(1), Ordering::Release);
            self.turn = self.turn.wrapping_add(2);
            wait_for(self.page.word(), self.turn)?;
        }
        Ok(())
    }
}

fn wait_for(word: &AtomicU32, value: u32) -> Result<()> {
    const LOOKS_PER_CLOCK: u32 = 1 << 20;
    let mut start = None;
    loop {
        for _ in 0..LOOKS_PER_CLOCK {
            if word.load(Ordering::Acquire) == value {
                return Ok(());
            }
            spin_loop();
        }
        if start.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return Err(Error::new("benchmark: the other end of the spinning pair does not answer"));
        }
    }
}
