//! Calls to the system about threads, processes and processors.

use core::ffi::{CStr, c_int, c_void};
use core::mem::MaybeUninit;

/// Id of the calling thread in its process id namespace.
pub(crate) fn system_thread_id() -> u32 {
    // SAFETY: gettid cannot fail.
    unsafe { libc::gettid() as u32 }
}

/// The process id namespace in which the calling process has its id; 0 where nothing tells. As long as a process lives
/// in one, no other has its number.
pub(crate) fn process_id_namespace() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino() as u32)
}

/// The computer's name, if it has one.
pub(crate) fn host_name() -> Option<String> {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is writable for one byte less than its length: the last stays a zero.
    if unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) } != 0 {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).ok()?.to_str().ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// When the process that `/proc` has under a name started, in milliseconds since the system did, rounded down to a
/// tick; `None` if none that lives is there.
pub(crate) fn started(name: &str) -> Option<u64> {
    const STATE: usize = 2;
    const THREADS: usize = 19;
    const START: usize = 21;
    let text = std::fs::read(format!("/proc/{name}/stat")).ok()?;
    // The second field is the program's name in parentheses, with anything in it.
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let rest = core::str::from_utf8(text.get(end + 1..)?).ok()?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    // A first thread that has ended before the others looks dead; it counts as one of them.
    let threads: u32 = fields.get(THREADS - 2)?.parse().ok()?;
    let is_dead = threads <= 1 && matches!(*fields.get(STATE - 2)?, "Z" | "X");
    let ticks: u64 = fields.get(START - 2)?.parse().ok()?;
    // SAFETY: sysconf has no preconditions.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok()?;
    (!is_dead).then_some(ticks.checked_mul(1000)? / per_second.max(1))
}

/// Milliseconds since the system started.
pub(crate) fn boot_now_ms() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid place for the result, and a clock that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1000).wrapping_add(time.tv_nsec as u64 / 1_000_000)
}

/// Has a function called when the process ends normally, with the exit code where the C library tells it.
#[cfg(target_env = "gnu")]
pub(crate) fn at_exit(function: fn(Option<i32>)) {
    unsafe extern "C" {
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    extern "C" fn call(code: c_int, function: *mut c_void) {
        // SAFETY: the argument is the function that was registered, which has this type.
        let function: fn(Option<i32>) = unsafe { core::mem::transmute(function) };
        function(Some(code));
    }
    // SAFETY: both functions stay valid for the life of the process; neither panics.
    unsafe { on_exit(call, function as *mut c_void) };
}

/// Has a function called when the process ends normally, with the exit code where the C library tells it.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn at_exit(function: fn(Option<i32>)) {
    static FUNCTION: std::sync::OnceLock<fn(Option<i32>)> = std::sync::OnceLock::new();
    extern "C" fn call() {
        if let Some(function) = FUNCTION.get() {
            function(None);
        }
    }
    let _ = FUNCTION.set(function);
    // SAFETY: the function stays valid and does not panic.
    unsafe { libc::atexit(call) };
}

/// Starts a thread that gets no signals and that nobody joins, with a stack of so many bytes.
///
/// The standard library's threads enter a table of their stacks first. A child forked while another thread is in that
/// table would find it locked for ever.
///
/// # Errors
/// The system's: too many threads, no memory.
pub(crate) fn start_thread(
    name: &'static CStr,
    stack: usize,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    struct Start<F> {
        name: &'static CStr,
        body: F,
    }
    extern "C" fn run<F: FnOnce()>(start: *mut c_void) -> *mut c_void {
        // SAFETY: the box that was given up when the thread was started, which only this thread takes back.
        let start = unsafe { Box::from_raw(start.cast::<Start<F>>()) };
        // SAFETY: the calling thread and a NUL-terminated name.
        unsafe { libc::pthread_setname_np(libc::pthread_self(), start.name.as_ptr()) };
        // A panic has told about itself, and must not leave a function of the C library's.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(start.body));
        core::ptr::null_mut()
    }
    fn start<F: FnOnce()>(stack: usize, argument: *mut Start<F>) -> c_int {
        let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
        let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
        // SAFETY: the attributes are initialised first and destroyed last; the function takes what it is given.
        unsafe {
            let attributes = attributes.as_mut_ptr();
            let result = libc::pthread_attr_init(attributes);
            if result != 0 {
                return result;
            }
            libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED);
            libc::pthread_attr_setstacksize(attributes, stack + least_stack(attributes));
            let result = libc::pthread_create(thread.as_mut_ptr(), attributes, run::<F>, argument.cast());
            libc::pthread_attr_destroy(attributes);
            result
        }
    }
    let argument = Box::into_raw(Box::new(Start { name, body }));
    // The new thread has the mask of the one that starts it.
    let mask = block_signals();
    let result = start(stack, argument);
    drop(mask);
    if result == 0 {
        return Ok(());
    }
    // SAFETY: no thread was started that would take it.
    drop(unsafe { Box::from_raw(argument) });
    Err(std::io::Error::from_raw_os_error(result))
}

/// Bytes of a thread's stack that are not for its calls: with glibc the thread's locals lie there, of which a program
/// can have more than a stack holds.
#[cfg(target_env = "gnu")]
fn least_stack(attributes: *const libc::pthread_attr_t) -> usize {
    // SAFETY: a NUL-terminated name, looked for in what is loaded.
    let function = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__pthread_get_minstack".as_ptr()) };
    // SAFETY: null, or the function of this type by which glibc tells this to those who choose a size.
    let function = unsafe {
        core::mem::transmute::<*mut c_void, Option<unsafe extern "C" fn(*const libc::pthread_attr_t) -> usize>>(
            function,
        )
    };
    // SAFETY: attributes that are initialised.
    function.map_or(libc::PTHREAD_STACK_MIN, |function| unsafe { function(attributes) })
}

#[cfg(not(target_env = "gnu"))]
fn least_stack(_: *const libc::pthread_attr_t) -> usize {
    0
}

/// Blocks all signals for the calling thread and gives back what was blocked.
pub(super) fn block_signals() -> SignalMask {
    // SAFETY: both sets are valid places, filled before they are read.
    unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        SignalMask(before.assume_init())
    }
}

/// The signals a thread had blocked; dropped, they are again.
pub(super) struct SignalMask(libc::sigset_t);

impl Drop for SignalMask {
    fn drop(&mut self) {
        // SAFETY: a mask that the C library filled.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, core::ptr::null_mut()) };
    }
}

/// Processors that are online, whichever of them this process may use.
pub(crate) fn online_processors() -> usize {
    // SAFETY: sysconf has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(1)
}

#[cfg(all(test, not(miri)))]
mod tests {
    use core::cell::Cell;
    use std::sync::mpsc::sync_channel;

    use super::*;

    thread_local! {
        /// More than the stack that the thread is started with.
        static LOCALS: Cell<[u8; 512 << 10]> = const { Cell::new([0; 512 << 10]) };
    }

    /// Where a program had many thread-local variables, there was no keeper, and no process could attach.
    #[test]
    fn a_thread_has_its_stack_beside_its_locals() {
        const STACK: usize = 64 << 10;
        let (tell, told) = sync_channel(1);
        let run = move || {
            // What is left of the stack is used, and the locals are not touched by it.
            let bytes = core::hint::black_box([1_u8; STACK / 2]);
            let locals = LOCALS.with(|locals| locals.as_ptr().cast::<u8>() as usize);
            let at = bytes.as_ptr() as usize;
            tell.send(!(locals..locals + (512 << 10)).contains(&at)).unwrap();
        };
        start_thread(c"winipc-test", STACK, run).unwrap();
        assert_eq!(told.recv(), Ok(true));
    }
    /// The system shows a process whose first thread has ended as a zombie, and a child like that was buried.
    #[test]
    fn a_process_whose_first_thread_has_ended_lives() {
        // SAFETY: the child starts a thread, which waits to be killed, and ends its first.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let wait = || loop {
                std::thread::park();
            };
            let started = start_thread(c"winipc-test", 64 << 10, wait).is_ok();
            // SAFETY: ends the calling thread, or the process where there is no other.
            unsafe {
                if started {
                    libc::syscall(libc::SYS_exit, 0);
                }
                libc::_exit(1);
            }
        }
        let stat = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
        while !stat().contains(") Z ") {
            std::thread::yield_now();
        }
        assert!(started(&child.to_string()).is_some());
        // SAFETY: a child of ours, which is killed and has its body fetched, but for what tells of its end.
        unsafe {
            libc::kill(child, libc::SIGKILL);
            let mut information = MaybeUninit::<libc::siginfo_t>::zeroed();
            let flags = libc::WEXITED | libc::WNOWAIT;
            assert_eq!(libc::waitid(libc::P_PID, child as libc::id_t, information.as_mut_ptr(), flags), 0);
        }
        assert_eq!(started(&child.to_string()), None);
        // SAFETY: as above.
        unsafe { libc::waitpid(child, core::ptr::null_mut(), 0) };
    }
}
