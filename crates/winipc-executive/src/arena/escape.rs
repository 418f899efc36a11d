//! Ending a thread from anywhere in it, as `ExitThread` does: back to where its routine was called, past all that is
//! between.
//!
//! `pthread_exit` would unwind the stack. The standard library's frames at its bottom do not let that pass, nor do
//! functions that must not unwind, of which every routine of Win32 is one.

use core::arch::naked_asm;
use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::null_mut;

thread_local! {
    /// The stack where the thread's routine was called; null if it can be left in no such way.
    static PLACE: Cell<*mut c_void> = const { Cell::new(null_mut()) };
}

/// Calls a thread's routine, which may be left by [`exit_thread`]. What it owns is dropped by the caller all the same.
pub(crate) fn run(mut routine: &mut dyn FnMut()) {
    extern "C" fn call(routine: *mut c_void) {
        // SAFETY: the reference that `run` has on its stack.
        let routine = unsafe { &mut *routine.cast::<&mut dyn FnMut()>() };
        routine();
    }
    let routine = (&raw mut routine).cast();
    let outer = PLACE.get();
    // SAFETY: the function takes this argument; the place is the thread's own.
    PLACE.with(|place| unsafe { call_escapable(call, routine, place.as_ptr()) });
    PLACE.set(outer);
}

/// Ends the calling thread with an exit code.
///
/// A thread that [`create`](crate::thread::create) has made ends at once. Any other ends as far as others can see by
/// its object, and sleeps on; the process's first one ends the process if no thread that was so made is left.
///
/// # Safety
/// Nothing on the thread's stack has to be dropped: its frames are given up as they are.
pub unsafe fn exit_thread(code: u32) -> ! {
    crate::thread::end_with(code);
    if PLACE.get().is_null() {
        crate::thread::end_in_place(code)
    }
    // SAFETY: as the caller promises.
    unsafe { escape() }
}

/// Goes back to where [`run`] called the thread's routine.
///
/// # Safety
/// It has, and nothing between has to be dropped.
unsafe fn escape() -> ! {
    // SAFETY: the place is where `call_escapable` has saved what it restores, in a frame that is still there.
    unsafe { return_to(PLACE.get()) }
}

/// Saves the registers that a call preserves, notes where, calls the function, and returns as [`return_to`] does.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn call_escapable(
    function: extern "C" fn(*mut c_void),
    argument: *mut c_void,
    place: *mut *mut c_void,
) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rdx], rsp",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "mov rdi, rsp",
        "jmp {return_to}",
        return_to = sym return_to,
    )
}

/// Returns from the call that noted the place, with the registers that it saved there.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn return_to(place: *mut c_void) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Saves the registers that a call preserves, notes where, calls the function, and returns as [`return_to`] does.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn call_escapable(
    function: extern "C" fn(*mut c_void),
    argument: *mut c_void,
    place: *mut *mut c_void,
) {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mov x9, sp",
        "str x9, [x2]",
        "mov x9, x0",
        "mov x0, x1",
        "blr x9",
        "mov x0, sp",
        "b {return_to}",
        return_to = sym return_to,
    )
}

/// Returns from the call that noted the place, with the registers that it saved there.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn return_to(place: *mut c_void) -> ! {
    naked_asm!(
        "mov sp, x0",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
    )
}

#[cfg(all(test, not(miri)))]
mod tests {
    use core::hint::black_box;

    use super::*;

    fn deep(levels: u32) -> u32 {
        if levels == 0 {
            // SAFETY: called in `run`, and no frame between has anything to drop.
            unsafe { escape() }
        }
        black_box(deep(levels - 1)) + 1
    }

    #[test]
    fn a_routine_is_left_and_its_caller_goes_on() {
        assert!(PLACE.get().is_null());
        let (mut before, kept) = (0_u64, black_box([1.5_f64, 2.5]));
        for round in 0..1000 {
            before += round;
            run(&mut || {
                assert!(!PLACE.get().is_null());
                deep(20);
            });
        }
        assert_eq!((before, kept), (499_500, [1.5, 2.5]));
        let (sender, receiver) = std::sync::mpsc::channel();
        run(&mut || sender.send(7).unwrap());
        assert_eq!(receiver.recv(), Ok(7));
        assert!(PLACE.get().is_null());
    }
}
