//! A pthread robust process-shared mutex, locked and unlocked by one thread.

use std::ptr::NonNull;

use super::super::contest::{Contestant, Setting};
use super::Meeting;
use super::shared_memory::SharedPage;
use crate::error::{Error, Result};

pub(crate) struct RobustMutex {
    mutex: NonNull<libc::pthread_mutex_t>,
    _page: SharedPage,
    _meeting: Meeting,
}

impl RobustMutex {
    pub(crate) fn set_up(setting: &Setting) -> Result<Box<dyn Contestant>> {
        const { assert!(size_of::<libc::pthread_mutex_t>() <= SharedPage::SIZE) };
        let meeting = Meeting::new(setting);
        let page = SharedPage::create(&meeting.0)?;
        let mutex = page.start().cast::<libc::pthread_mutex_t>();
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        // SAFETY: the attributes are initialized before they are used; the mutex lies in a page that is shared,
        // zeroed, large enough and mapped while `self` lives.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes.as_mut_ptr()))?;
            check(libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED))?;
            check(libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST))?;
            check(libc::pthread_mutex_init(mutex.as_ptr(), attributes.as_ptr()))?;
        }
        Ok(Box::new(Self { mutex, _page: page, _meeting: meeting }))
    }
}

impl Contestant for RobustMutex {
    fn operate(&mut self, count: u64) -> Result<()> {
        for _ in 0..count {
            // SAFETY: the mutex is initialized, and only this thread uses it.
            unsafe {
                check(libc::pthread_mutex_lock(self.mutex.as_ptr()))?;
                check(libc::pthread_mutex_unlock(self.mutex.as_ptr()))?;
            }
        }
        Ok(())
    }
}

fn check(result: i32) -> Result<()> {
    if result == 0 {
        return Ok(());
    }
    Err(Error::because("benchmark: robust mutex", std::io::Error::from_raw_os_error(result)))
}
