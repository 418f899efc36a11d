//! Making threads, and ending the calling one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;

use crate::access;
use crate::arena::{Ref, escape, futex};
use crate::context::{self, current};
use crate::handle::{self, Handle};
use crate::process::{self, system_thread_id};
use crate::records::{Kind, Object};
use crate::status::{Result, Status};
use crate::thread;

/// What a new thread runs, once; the result is its exit code. It is dropped also where the thread ends by
/// [`exit`](super::exit).
pub type Body = Box<dyn FnMut() -> u32 + Send>;

/// How [`create`] makes a thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Creation {
    /// Bytes of its stack, rounded up to what the system wants at least; 0 for the standard library's default.
    pub stack: usize,
    /// Whether it waits until it is [resumed](super::resume).
    pub is_suspended: bool,
    /// Whether children inherit the handle.
    pub inherit: bool,
}

/// The threads of an attachment: a child of fork has none of its parent's.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Threads that [`create`] has made and that have not ended.
    count: AtomicU32,
    /// Whether the first thread has ended by [`exit`](super::exit): the last of the others then ends the process.
    first_has_ended: AtomicBool,
}

/// Makes a thread. Returns a handle to it, with all rights, and its id.
///
/// It is attached when this returns, so that calls can be queued to it; whether it has begun to run `body` is not
/// known.
///
/// # Errors
/// [`Status::INSUFFICIENT_RESOURCES`]: there can be no more threads or handles. [`Status::NO_MEMORY`].
///
/// # References
/// - `docs/conformance.md`, 13.4
pub fn create(creation: &Creation, mut body: Body) -> Result<(Handle, u32)> {
    let current = current()?;
    let (tell, told) = sync_channel(1);
    let (permit, permitted) = sync_channel::<()>(1);
    let suspended = u32::from(creation.is_suspended);
    let run = move || {
        let attached = begin(suspended);
        let _ = tell.send(attached.map(|object| (object, thread::id())));
        let Ok(object) = attached else { return };
        // Not permitted: nobody has a handle.
        if permitted.recv().is_ok() {
            wait_for_resumption(object);
            escape::run(&mut || end_with(body()));
            leave();
        }
    };
    let builder = std::thread::Builder::new();
    let builder = if creation.stack == 0 { builder } else { builder.stack_size(creation.stack) };
    builder.spawn(run).map_err(|_| Status::INSUFFICIENT_RESOURCES)?;
    let (object, id) = told.recv().map_err(|_| Status::UNSUCCESSFUL)??;
    let mut lock = current.begin()?;
    let access = access::all(Kind::Thread);
    let handle = handle::insert(&mut lock, current.process(), object, access, creation.inherit)?;
    lock.commit()?;
    current.context.made.count.fetch_add(1, Ordering::SeqCst);
    permit.send(()).map_err(|_| Status::UNSUCCESSFUL)?;
    Ok((handle, id))
}

/// Attaches the new thread and makes its object.
fn begin(suspended: u32) -> Result<Ref<Object>> {
    let current = current()?;
    let object = thread::own_object(&current)?;
    let asleep = if suspended != 0 { thread::ASLEEP } else { 0 };
    current.arena().get(object)?.suspended.store(suspended | asleep);
    Ok(object)
}

fn wait_for_resumption(object: Ref<Object>) {
    let Ok(current) = current() else { return };
    let Ok(object) = current.arena().get(object) else { return };
    loop {
        match object.suspended.load() {
            0 => return,
            thread::ASLEEP => object.suspended.store(0),
            count => futex::wait(&object.suspended, count, None),
        }
    }
}

/// Notes the exit code of the calling thread.
pub(crate) fn end_with(code: u32) {
    if let Ok(current) = current() {
        current.thread.exit_code.store(code);
    }
}

/// The calling thread, which [`create`] has made, is over.
fn leave() {
    let Ok(current) = current() else { return };
    let made = &current.context.made;
    if made.count.fetch_sub(1, Ordering::SeqCst) == 1 && made.first_has_ended.load(Ordering::SeqCst) {
        process::exit(current.thread.exit_code.load());
    }
}

/// Ends the calling thread, which [`create`] has not made, as far as others can see; it sleeps on. The process's first
/// thread takes the process along if no thread that [`create`] has made is left.
pub(crate) fn end_in_place(code: u32) -> ! {
    if system_thread_id() == process::id() {
        let is_last = context::attached().is_none_or(|context| {
            context.made.first_has_ended.store(true, Ordering::SeqCst);
            context.made.count.load(Ordering::SeqCst) == 0
        });
        if is_last {
            process::exit(code);
        }
    }
    context::get_up();
    loop {
        std::thread::park();
    }
}
