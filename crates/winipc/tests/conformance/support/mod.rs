//! What the tests share: calls that report their last error, owned handles, names, threads and children.

pub(crate) mod anonymous_pipe;
pub(crate) mod child;
pub(crate) mod commands;
pub(crate) mod disk;
pub(crate) mod mailslot;
pub(crate) mod pipe;
pub(crate) mod process;
pub(crate) mod section;

use crate::sys::*;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};

/// The last error every call starts with; no system code has this value.
pub(crate) const UNTOUCHED: u32 = 0xBADC_0DE5;

/// Milliseconds to wait for what must happen: only a fault reaches it, and then it ends the test.
pub(crate) const SOON: u32 = 20_000;

/// A handle value that is a multiple of four and so high that no table reaches it.
pub(crate) const NEVER: HANDLE = 0x00FF_FFF0 as HANDLE;

/// Calls a Win32 function and returns its value and the last error, which was [`UNTOUCHED`] before the call.
macro_rules! call {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the pointers that tests pass are null, where the function defines an error for that, or
        // point to locals that outlive the call; those of pending requests are kept by `Request`.
        unsafe {
            $crate::sys::SetLastError($crate::support::UNTOUCHED);
            let value = $crate::sys::$function($($argument),*);
            (value, $crate::sys::GetLastError())
        }
    }};
}

/// Calls a function that must succeed and returns its value.
macro_rules! ok {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let (value, error) = call!($function($($argument),*));
        if $crate::support::Value::failed(value, stringify!($function)) {
            panic!("{} fails {error}", stringify!($function($($argument),*)));
        }
        value
    }};
}

/// Calls a function that must succeed and leave the last error alone; returns its value.
macro_rules! quiet {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let (value, error) = call!($function($($argument),*));
        let text = stringify!($function($($argument),*));
        assert!(!$crate::support::Value::failed(value, stringify!($function)), "{text} fails {error}");
        assert_eq!(error, $crate::support::UNTOUCHED, "{text} writes the last error");
        value
    }};
}

/// Calls a function that must fail with the given last error, and with the failure value of its kind.
macro_rules! fails {
    ($function:ident($($argument:expr),* $(,)?), $code:expr) => {{
        let (value, error) = call!($function($($argument),*));
        let text = stringify!($function($($argument),*));
        let failed = $crate::support::Value::failed(value, stringify!($function));
        assert!(failed, "{text} succeeds with {value:?}, expected failure {}", $code);
        assert_eq!(error, $code, "last error of {text}");
    }};
}
pub(crate) use {call, fails, ok, quiet};

/// A return value that tells success from failure.
pub(crate) trait Value: Copy {
    fn failed(self, function: &str) -> bool;
}

impl Value for i32 {
    fn failed(self, function: &str) -> bool {
        assert!(self == TRUE || self == FALSE, "{function} returns {self}, neither TRUE nor FALSE");
        self == FALSE
    }
}

impl Value for u32 {
    fn failed(self, function: &str) -> bool {
        if function.starts_with("Wait") || function.starts_with("Signal") {
            self == WAIT_FAILED
        } else {
            self == 0
        }
    }
}

impl Value for HANDLE {
    fn failed(self, function: &str) -> bool {
        let is_file = ["CreateFile", "CreateNamedPipe", "CreateMailslot"]
            .iter()
            .any(|maker| function.starts_with(maker));
        let (failure, other) =
            if is_file { (INVALID_HANDLE_VALUE, null_mut()) } else { (null_mut(), INVALID_HANDLE_VALUE) };
        assert_ne!(self, other, "{function} returns the failure value of the other kind of function");
        self == failure
    }
}

/// An owned handle, closed when dropped.
#[derive(Debug, PartialEq)]
pub(crate) struct Handle(HANDLE);

// SAFETY: a handle is a number, valid in every thread of the process.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(crate) fn own(raw: HANDLE) -> Self {
        assert!(!raw.is_null() && raw != INVALID_HANDLE_VALUE, "not a handle: {raw:?}");
        Self(raw)
    }

    pub(crate) fn raw(&self) -> HANDLE {
        self.0
    }

    pub(crate) fn close(self) {
        drop(self);
    }

    /// Another handle to the same object, with the same access.
    pub(crate) fn duplicate(&self) -> Self {
        let mut copy = null_mut();
        ok!(DuplicateHandle(
            this_process(),
            self.0,
            this_process(),
            &mut copy,
            0,
            FALSE,
            DUPLICATE_SAME_ACCESS
        ));
        Self::own(copy)
    }

    /// Another handle to the same object with exactly `access`.
    pub(crate) fn with_access(&self, access: u32) -> Self {
        let mut copy = null_mut();
        ok!(DuplicateHandle(this_process(), self.0, this_process(), &mut copy, access, FALSE, 0));
        Self::own(copy)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let (value, error) = call!(CloseHandle(self.0));
        if !std::thread::panicking() {
            assert_eq!(value, TRUE, "CloseHandle({:?}) fails {error}", self.0);
        }
    }
}

pub(crate) fn this_process() -> HANDLE {
    -1isize as HANDLE
}

pub(crate) fn this_thread() -> HANDLE {
    -2isize as HANDLE
}

/// A real handle to the calling thread.
pub(crate) fn thread_handle() -> Handle {
    let mut copy = null_mut();
    ok!(DuplicateHandle(
        this_process(),
        this_thread(),
        this_process(),
        &mut copy,
        0,
        FALSE,
        DUPLICATE_SAME_ACCESS
    ));
    Handle::own(copy)
}

/// A text in UTF-16 with its terminating zero.
#[derive(Clone)]
pub(crate) struct Name {
    text: String,
    wide: Vec<u16>,
}

impl Name {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), wide: text.encode_utf16().chain([0]).collect() }
    }

    /// A name no other test and no other process uses.
    pub(crate) fn unique() -> Self {
        Self::new(&unique_text())
    }

    pub(crate) fn ptr(&self) -> *const u16 {
        self.wide.as_ptr()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The same text with a zero at its end, for the A functions.
    pub(crate) fn ansi(&self) -> Vec<u8> {
        self.text.bytes().chain([0]).collect()
    }
}

pub(crate) fn unique_text() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("conformance-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn event(manual_reset: bool, set: bool) -> Handle {
    Handle::own(ok!(CreateEventW(null(), manual_reset.into(), set.into(), null())))
}

pub(crate) fn mutex(owned: bool) -> Handle {
    Handle::own(ok!(CreateMutexW(null(), owned.into(), null())))
}

pub(crate) fn semaphore(initial: i32, maximum: i32) -> Handle {
    Handle::own(ok!(CreateSemaphoreW(null(), initial, maximum, null())))
}

pub(crate) fn timer(manual_reset: bool) -> Handle {
    Handle::own(ok!(CreateWaitableTimerW(null(), manual_reset.into(), null())))
}

/// Sets a timer once, `due` in units of 100 ns, without routine.
pub(crate) fn set_timer(timer: &Handle, due: i64) {
    ok!(SetWaitableTimer(timer.raw(), &due, 0, None, null(), FALSE));
}

/// Due so far away that it never comes in a test.
pub(crate) const FAR: i64 = -3600 * 10_000_000;

pub(crate) fn wait(handle: &Handle, milliseconds: u32) -> u32 {
    call!(WaitForSingleObject(handle.raw(), milliseconds)).0
}

/// Whether a wait succeeds at once; takes what it finds.
pub(crate) fn is_signaled(handle: &Handle) -> bool {
    match wait(handle, 0) {
        WAIT_OBJECT_0 => true,
        WAIT_TIMEOUT => false,
        other => panic!("wait returns {other:#x}"),
    }
}

pub(crate) fn raw(handles: &[&Handle]) -> Vec<HANDLE> {
    handles.iter().map(|handle| handle.raw()).collect()
}

pub(crate) fn wait_any(handles: &[&Handle], milliseconds: u32) -> u32 {
    call!(WaitForMultipleObjects(handles.len() as u32, raw(handles).as_ptr(), FALSE, milliseconds)).0
}

pub(crate) fn wait_all(handles: &[&Handle], milliseconds: u32) -> u32 {
    call!(WaitForMultipleObjects(handles.len() as u32, raw(handles).as_ptr(), TRUE, milliseconds)).0
}

/// The count of a semaphore, or of an object that behaves like one: takes all there is and gives it back.
pub(crate) fn count_of(semaphore: &Handle) -> i32 {
    let mut count = 0;
    while is_signaled(semaphore) {
        count += 1;
    }
    if count > 0 {
        ok!(ReleaseSemaphore(semaphore.raw(), count, null_mut()));
    }
    count
}

/// Runs `body` on a thread of its own, which has ended when this returns.
pub(crate) fn on_thread<R: Send>(body: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| {
        scope.spawn(body).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A mutex whose owner has ended without releasing it.
pub(crate) fn abandoned_mutex() -> Handle {
    let mutex = mutex(false);
    on_thread(|| assert_eq!(wait(&mutex, 0), WAIT_OBJECT_0));
    mutex
}

/// Gives other threads the time to block in what they are about to call. No outcome may depend on it: it only makes
/// it likely that a test sees the case it is about.
pub(crate) fn patience(milliseconds: u32) {
    assert_eq!(wait(&event(true, false), milliseconds), WAIT_TIMEOUT);
}

/// Looks at `condition` until it holds; fails the test when it does not within a bounded time.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed().as_secs() < 30, "never happens: {what}");
        std::thread::yield_now();
    }
}
