//! Signals: being asked to end, and passing on to a command what was meant for it.

use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

#[cfg(not(unix))]
use crate::error::Error;
use crate::error::Result;

/// Whether somebody wants this process to end.
#[derive(Clone)]
pub(super) struct Asked(Arc<(Mutex<bool>, Condvar)>);

impl Asked {
    /// From now on, what would end the process at once asks it.
    ///
    /// # Errors
    /// The system does not deliver signals.
    pub(super) fn to_end() -> Result<Self> {
        let asked = Self(Arc::default());
        let asking = asked.clone();
        #[cfg(unix)]
        unix::each(unix::arriving(&unix::ENDING)?, move |_| asking.ask())?;
        #[cfg(not(unix))]
        ctrlc::set_handler(move || asking.ask())
            .map_err(|error| Error::because("cannot handle signals", error))?;
        Ok(asked)
    }

    pub(super) fn ask(&self) {
        let (is_asked, condition) = &*self.0;
        *is_asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        condition.notify_all();
    }

    /// Waits until somebody asks.
    pub(super) fn wait(&self) {
        let (is_asked, condition) = &*self.0;
        let is_asked = is_asked.lock().unwrap_or_else(PoisonError::into_inner);
        drop(condition.wait_while(is_asked, |is_asked| !*is_asked));
    }
}

/// What would end the process while a command runs for it.
pub(super) struct Forwarding {
    #[cfg(unix)]
    signals: signal_hook::iterator::Signals,
}

impl Forwarding {
    /// From now on signals do not end the process, but are kept for the command.
    ///
    /// # Errors
    /// The system does not deliver signals.
    #[cfg(unix)]
    pub(super) fn begin() -> Result<Self> {
        Ok(Self { signals: unix::arriving(&unix::FORWARDED)? })
    }

    /// From now on signals do not end the process: the system gives them to the command, too.
    ///
    /// # Errors
    /// The system does not deliver signals.
    #[cfg(not(unix))]
    pub(super) fn begin() -> Result<Self> {
        ctrlc::set_handler(|| {}).map_err(|error| Error::because("cannot handle signals", error))?;
        Ok(Self {})
    }

    /// Passes them on from now on, those that have arrived included.
    ///
    /// # Errors
    /// The system does not deliver signals.
    #[cfg(unix)]
    pub(super) fn to(self, child: &Child) -> Result<()> {
        let process = unix::descriptor_of(child)?;
        unix::each(self.signals, move |signal| {
            if !unix::is_from_keyboard(signal) {
                unix::send(&process, signal);
            }
        })
    }

    /// Passes nothing on.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    pub(super) fn to(self, _: &Child) -> Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, File};
    use std::os::fd::OwnedFd;
    use std::process::Child;
    use std::thread;

    use rustix::process::{Pid, PidfdFlags, Signal, getpgrp, pidfd_open, pidfd_send_signal};
    use rustix::termios::tcgetpgrp;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::Signals;

    use crate::error::{Error, Result};

    pub(super) const ENDING: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];
    pub(super) const FORWARDED: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

    /// Has those of `signals` kept that this process was not started to ignore, as by `nohup`.
    pub(super) fn arriving(signals: &[i32]) -> Result<Signals> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        let heeded = signals.iter().filter(|signal| ignored >> (**signal - 1) & 1 == 0);
        Signals::new(heeded).map_err(|error| Error::because("cannot handle signals", error))
    }

    /// Calls `handler` for each signal, on a thread of its own.
    pub(super) fn each(mut signals: Signals, handler: impl Fn(i32) + Send + 'static) -> Result<()> {
        let thread = thread::Builder::new().name("signals".to_string());
        let result = thread.spawn(move || signals.forever().for_each(handler));
        result.map(drop).map_err(|error| Error::because("cannot handle signals", error))
    }

    /// Names the process also when its id has been given to another one.
    pub(super) fn descriptor_of(child: &Child) -> Result<OwnedFd> {
        pidfd_open(Pid::from_child(child), PidfdFlags::empty())
            .map_err(|error| Error::because("cannot watch the command", error))
    }

    pub(super) fn send(process: &OwnedFd, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            // It fails if the process has just ended, which is what its parent waits for.
            let _ = pidfd_send_signal(process, signal);
        }
    }

    /// Whether the terminal has sent the signal, which gave it to the command, too.
    pub(super) fn is_from_keyboard(signal: i32) -> bool {
        let is_in_foreground =
            || File::open("/dev/tty").is_ok_and(|tty| tcgetpgrp(tty).is_ok_and(|group| group == getpgrp()));
        (signal == SIGINT || signal == SIGQUIT) && is_in_foreground()
    }
}
