//! What the tests share.

use std::ptr::{null, null_mut};
use std::sync::{Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE, HANDLE};
use windows_sys::Win32::Storage::FileSystem::{OPEN_EXISTING, PIPE_ACCESS_DUPLEX};
use windows_sys::Win32::System::Pipes::PIPE_READMODE_MESSAGE;
use winipc_win32::{CreateFileW, CreateNamedPipeW, SetNamedPipeHandleState, WriteFile};

/// The last error before each call under test: no call under test sets it.
pub(crate) const UNTOUCHED: u32 = 0xDEAD;

/// A handle value that nobody has.
pub(crate) const BAD: HANDLE = 0x7FFF_0000 as HANDLE;

static WORLD: RwLock<()> = RwLock::new(());

/// Makes this program live in a namespace of its own. Every test begins with it and holds the guard.
pub(crate) fn world() -> RwLockReadGuard<'static, ()> {
    enter();
    WORLD.read().unwrap_or_else(PoisonError::into_inner)
}

/// [`world`] for a test that uses a handle after closing it: no other test may make one meanwhile, since it could get
/// the same value.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    enter();
    WORLD.write().unwrap_or_else(PoisonError::into_inner)
}

/// Set in a process that a test has started, which lives in the namespace of that test.
pub(crate) const CHILD: &str = "WIN32_TEST_CHILD";

fn enter() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os(CHILD).is_none() {
            let name = format!("win32-{}", std::process::id());
            // SAFETY: each test is here first, and none reads the environment but through the standard library.
            unsafe { std::env::set_var("WINIPC_NAMESPACE", name) };
        }
    });
}

/// Runs a call and gives its result.
macro_rules! run {
    ($call:expr) => {{
        // SAFETY: a test passes only NULL and pointers to live values, except where the rule says that they are
        // refused before use.
        #[allow(unused_unsafe)]
        unsafe {
            $call
        }
    }};
}

/// Runs a call and gives its result with the last error after it.
macro_rules! call {
    ($call:expr) => {
        run!({
            winipc_win32::SetLastError(crate::common::UNTOUCHED);
            let result = $call;
            (result, winipc_win32::GetLastError())
        })
    };
}

/// Runs a call that must not fail, and gives its result.
macro_rules! succeed {
    ($call:expr) => {{
        let (result, error) = call!($call);
        assert!(result as isize != 0 && result as isize != -1, "{}: error {error}", stringify!($call));
        result
    }};
}

/// A string for a W function.
pub(crate) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// A string for an A function.
pub(crate) fn ansi(text: &str) -> Vec<u8> {
    text.bytes().chain([0]).collect()
}

/// Creates the server end of a duplex pipe.
pub(crate) fn server(name: &str, open_mode: u32, pipe_mode: u32) -> HANDLE {
    let path = wide(&format!(r"\\.\pipe\{name}"));
    let open_mode = PIPE_ACCESS_DUPLEX | open_mode;
    succeed!(CreateNamedPipeW(path.as_ptr(), open_mode, pipe_mode, 4, 4096, 4096, 0, null()))
}

/// Opens the client end of a duplex pipe.
pub(crate) fn client(name: &str, flags: u32) -> HANDLE {
    let path = wide(&format!(r"\\.\pipe\{name}"));
    let access = GENERIC_READ | GENERIC_WRITE;
    succeed!(CreateFileW(path.as_ptr(), access, 0, null(), OPEN_EXISTING, flags, null_mut()))
}

/// Writes, and expects that everything fits.
pub(crate) fn write(pipe: HANDLE, data: &[u8]) {
    let mut count = 77;
    succeed!(WriteFile(pipe, data.as_ptr(), data.len() as u32, &mut count, null_mut()));
    assert_eq!(count as usize, data.len());
}

/// Makes a client end read messages.
pub(crate) fn read_messages(pipe: HANDLE) {
    succeed!(SetNamedPipeHandleState(pipe, &PIPE_READMODE_MESSAGE, null(), null()));
}
