//! Requests that end in a closure (`ReadFileEx`, `WriteFileEx`).

use super::call::last_error;
use super::owned_handle::BorrowedHandle;
use super::{ERROR_MORE_DATA, OVERLAPPED, ReadFileEx, WriteFileEx};
use crate::{Received, Result, Win32Error};

/// What a request owns until the system calls its routine, which it does once. Where the thread ends before that, it
/// never does, and this is leaked.
#[repr(C)]
struct State<F> {
    /// First, so that its address is the state's.
    overlapped: OVERLAPPED,
    buffer: Vec<u8>,
    routine: F,
}

/// Reads at most `buffer`'s capacity, and hands the buffer to `routine` in an alertable wait of the calling thread.
pub(crate) fn read<F>(pipe: BorrowedHandle<'_>, mut buffer: Vec<u8>, routine: F) -> Result<()>
where
    F: FnOnce(Result<Received>, Vec<u8>) + 'static,
{
    unsafe extern "system" fn done<F: FnOnce(Result<Received>, Vec<u8>)>(
        error: u32,
        bytes: u32,
        overlapped: *mut OVERLAPPED,
    ) {
        // SAFETY: `start` made it of a box with this type, and this is the one call for it.
        let mut state = unsafe { Box::from_raw(overlapped.cast::<State<F>>()) };
        let received = match error {
            0 | ERROR_MORE_DATA => Ok(Received { bytes: bytes as usize, is_complete: error == 0 }),
            _ => Err(Win32Error(error)),
        };
        if let Ok(received) = received {
            // SAFETY: so many bytes have been read into it.
            unsafe { state.buffer.set_len(received.bytes) };
        }
        (state.routine)(received, state.buffer);
    }

    buffer.clear();
    start(buffer, routine, |buffer, overlapped| {
        let size = u32::try_from(buffer.capacity()).unwrap_or(u32::MAX);
        // SAFETY: the handle is open; status block and buffer stay until the routine is called.
        unsafe { ReadFileEx(pipe.as_raw(), buffer.as_mut_ptr(), size, overlapped, Some(done::<F>)) }
    })
}

/// Writes `data`, and hands it to `routine` in an alertable wait of the calling thread.
pub(crate) fn write<F>(pipe: BorrowedHandle<'_>, data: Vec<u8>, routine: F) -> Result<()>
where
    F: FnOnce(Result<usize>, Vec<u8>) + 'static,
{
    unsafe extern "system" fn done<F: FnOnce(Result<usize>, Vec<u8>)>(
        error: u32,
        bytes: u32,
        overlapped: *mut OVERLAPPED,
    ) {
        // SAFETY: `start` made it of a box with this type, and this is the one call for it.
        let state = unsafe { Box::from_raw(overlapped.cast::<State<F>>()) };
        let written = if error == 0 { Ok(bytes as usize) } else { Err(Win32Error(error)) };
        (state.routine)(written, state.buffer);
    }

    let size = u32::try_from(data.len()).map_err(|_| Win32Error::INVALID_PARAMETER)?;
    start(data, routine, |data, overlapped| {
        // SAFETY: the handle is open; status block and data stay until the routine is called.
        unsafe { WriteFileEx(pipe.as_raw(), data.as_ptr(), size, overlapped, Some(done::<F>)) }
    })
}

fn start<F>(
    buffer: Vec<u8>,
    routine: F,
    call: impl FnOnce(&mut Vec<u8>, *mut OVERLAPPED) -> i32,
) -> Result<()> {
    let state = Box::into_raw(Box::new(State { overlapped: OVERLAPPED::default(), buffer, routine }));
    // SAFETY: the system does not use the state before the call.
    let buffer = unsafe { &mut (*state).buffer };
    if call(buffer, state.cast()) != 0 {
        return Ok(());
    }
    let error = last_error();
    // SAFETY: the call failed, so the routine is not called and the state is ours.
    drop(unsafe { Box::from_raw(state) });
    Err(error)
}
