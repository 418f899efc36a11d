//! Calls every public function, whatever it returns.

use std::time::Duration;

use winipc_executive::io::{self, Overlapped, ReadBuffer, StatusBlock};
use winipc_executive::pipe::{self, PipeTimeout, Server};
use winipc_executive::section::{Access, Parameters, Protection, Unused, View};
use winipc_executive::wait::{self, Mode};
use winipc_executive::{
    Attributes, Handle, apc, event, handle, mailslot, mutex, namespace, process, section, semaphore, thread,
    timer,
};

const ALL: u32 = 0x1F_FFFF;
const GENERIC_ALL: u32 = 0x1000_0000;
const READ_WRITE: u32 = 0xC000_0000;
const SOON: Option<Duration> = Some(Duration::from_millis(1));

const MEMORY: Parameters = Parameters { size: 100_000, protection: Protection::ReadWrite, reserve: false };

fn view(access: Access) -> View {
    View { access, execute: false, offset: 65536, length: 0, base: None }
}

pub(crate) fn units(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

pub(crate) fn server(overlapped: bool, nowait: bool) -> Server {
    Server { overlapped, nowait, default_timeout_ms: 1, ..Server::new(true, 64) }
}

/// Memory for an overlapped call. It stays for ever: what a damaged arena holds back is never known to be over.
fn overlapped(event: Option<Handle>, routine: Option<usize>) -> Overlapped {
    let block = Box::leak(Box::new([0_usize; 2]));
    // SAFETY: the words are never freed and nobody else uses them.
    let block = unsafe { StatusBlock::new(block) };
    Overlapped { block, event, routine, no_packet: false }
}

fn buffer(length: usize) -> ReadBuffer {
    let bytes = Vec::leak(vec![0_u8; length]);
    // SAFETY: the bytes are never freed and nobody else uses them.
    unsafe { ReadBuffer::new(bytes.as_mut_ptr(), bytes.len()) }
}

/// Makes one of each kind of object, named and unnamed, in use and with something waiting on it.
pub(crate) fn build() -> Vec<Handle> {
    let mut handles = Vec::new();
    for name in [None, Some("thing")] {
        let named = |kind: &str| name.map(|name| units(&format!("{kind}-{name}")));
        let (event_name, mutex_name) = (named("event"), named("mutex"));
        let (semaphore_name, timer_name) = (named("semaphore"), named("timer"));
        let attributes = |name| Attributes { name, inherit: true };
        handles
            .extend(event::create(&attributes(event_name.as_deref()), ALL, false, false).map(|made| made.0));
        handles.extend(event::create(&attributes(None), ALL, true, true).map(|made| made.0));
        handles.extend(mutex::create(&attributes(mutex_name.as_deref()), ALL, true).map(|made| made.0));
        handles
            .extend(semaphore::create(&attributes(semaphore_name.as_deref()), ALL, 1, 5).map(|made| made.0));
        if let Ok((timer, _)) = timer::create(&attributes(timer_name.as_deref()), ALL, false) {
            let routine = Some(apc::Routine { address: 1, context: 2 });
            let _ = timer::set(timer, &timer::Setting { due: -1, period_ms: 1, routine });
            handles.push(timer);
        }
        let section_name = named("section");
        if let Ok((section, _)) = section::create(&attributes(section_name.as_deref()), ALL, &MEMORY) {
            // They stay for ever: what a damaged arena says of them may not be true.
            let _ = section::map(section, &view(Access::Write));
            let _ = section::map(section, &view(Access::Copy));
            handles.push(section);
        }
        for nowait in [false, true] {
            let end = pipe::create(&units("pipe"), &server(true, nowait)).map(|made| made.0);
            let client = pipe::open(&units("pipe"), READ_WRITE, true, false);
            if let (Ok(end), Ok(client)) = (end, client) {
                let _ = pipe::set_mode(client, true, nowait);
                let _ = io::write(end, &[7; 60], Some(overlapped(None, None)));
                let _ = io::write(end, &[8; 300], Some(overlapped(handles.first().copied(), Some(5))));
                let _ = io::read(end, buffer(10), Some(overlapped(None, Some(6))));
                handles.extend([end, client]);
            }
        }
        handles.extend(pipe::create(&units("pipe"), &server(true, false)).map(|made| made.0));
    }
    for timeout_ms in [0, 1, mailslot::WAIT_FOREVER] {
        let name = units(&format!("slot-{timeout_ms}"));
        let slot = mailslot::create(&name, &mailslot::Server { max_message: 0, timeout_ms, inherit: true });
        let clients = [
            mailslot::open(&name, READ_WRITE, true, true),
            mailslot::open_datagram(&name, READ_WRITE, true, true),
        ];
        for client in clients.into_iter().flatten() {
            let _ = io::write(client, &[9; 300], None);
            handles.push(client);
        }
        handles.extend(slot);
    }
    let waits = mailslot::Server { max_message: 5, timeout_ms: mailslot::WAIT_FOREVER, inherit: true };
    if let Ok(slot) = mailslot::create(&units("slot-waits"), &waits) {
        let _ = io::read(slot, buffer(10), Some(overlapped(handles.first().copied(), Some(6))));
        handles.push(slot);
    }
    handles.extend(process::open(process::id(), ALL, false));
    handles.extend(thread::open(thread::id(), ALL, false));
    let _ = apc::queue(Handle::CURRENT_THREAD, 1, 2);
    handles
}

/// Calls everything with each of the handles. No call waits for what might never come.
pub(crate) fn call_everything(handles: &[Handle]) {
    let _ = namespace::attach();
    io::deliver();
    for &handle in handles {
        let _ = handle::kind(handle);
        let _ = handle::flags(handle);
        let _ = handle::set_flags(handle, Some(true), Some(false));
        let _ = handle::granted_access(handle);
        let _ = handle::same_object(handle, handles[0]);
        let options = handle::Duplicate { access: None, inherit: false, close_source: false };
        for target in [None, Some(Handle::CURRENT_PROCESS), Some(handle)] {
            let _ = handle::duplicate(Handle::CURRENT_PROCESS, handle, target, &options);
            let _ = handle::duplicate(handle, Handle::CURRENT_PROCESS, target, &options);
        }
        call_on_object(handle, handles);
        call_on_mailslot(handle);
        call_on_pipe(handle, handles);
    }
    for mode in [Mode::Any, Mode::All] {
        for chunk in handles.chunks(64) {
            let _ = wait::many(chunk, mode, SOON, true);
            let _ = wait::many(chunk, mode, Some(Duration::ZERO), false);
        }
    }
    for name in [
        "event-thing",
        "mutex-thing",
        "semaphore-thing",
        "timer-thing",
        "section-thing",
        "new",
        "Global\\new",
    ] {
        let name = units(name);
        let attributes = Attributes { name: Some(&name), inherit: false };
        let _ = event::open(&name, ALL, false).map(handle::close);
        let _ = mutex::open(&name, GENERIC_ALL, false).map(handle::close);
        let _ = semaphore::open(&name, ALL, false).map(handle::close);
        let _ = timer::open(&name, ALL, false).map(handle::close);
        let _ = event::create(&attributes, ALL, true, true).map(|made| handle::close(made.0));
        let _ = mutex::create(&attributes, ALL, true).map(|made| handle::close(made.0));
        let _ = semaphore::create(&attributes, ALL, 1, 2).map(|made| handle::close(made.0));
        let _ = timer::create(&attributes, ALL, true).map(|made| handle::close(made.0));
    }
    let name = units("section-thing");
    let attributes = Attributes { name: Some(&name), inherit: false };
    let _ = section::open(&name, GENERIC_ALL, false).map(handle::close);
    let _ = section::create(&attributes, ALL, &MEMORY).map(|made| handle::close(made.0));
    for name in ["pipe", "another"] {
        let name = units(name);
        let _ = pipe::wait_available(&name, PipeTimeout::Milliseconds(1));
        let _ = pipe::wait_available(&name, PipeTimeout::Default);
        let end = pipe::create(&name, &server(true, false));
        let client = pipe::open(&name, READ_WRITE, true, false);
        let _ = end.map(|made| handle::close(made.0));
        let _ = client.map(handle::close);
    }
    for name in ["slot-0", "slot-waits", "another"] {
        let name = units(name);
        let server = mailslot::Server { max_message: 0, timeout_ms: 1, inherit: false };
        let slot = mailslot::create(&name, &server);
        let client = mailslot::open(&name, READ_WRITE, true, false);
        let datagrams = mailslot::open_datagram(&name, READ_WRITE, true, false);
        for end in [client, datagrams, slot].into_iter().flatten() {
            let _ = io::write(end, &[5; 30], None);
            let _ = handle::close(end);
        }
    }
    let _ = process::open(process::id(), ALL, false).map(handle::close);
    let _ = thread::open(thread::id(), ALL, false).map(handle::close);
    let _ = apc::queue(Handle::CURRENT_THREAD, 1, 2);
    while apc::take().is_some_and(|_| false) {}
    let _ = wait::sleep(SOON, true);
}

fn call_on_object(handle: Handle, handles: &[Handle]) {
    let _ = event::set(handle);
    let _ = event::pulse(handle);
    let _ = event::reset(handle);
    let _ = mutex::release(handle);
    let _ = semaphore::release(handle, 1);
    let routine = Some(apc::Routine { address: 1, context: 2 });
    let _ = timer::set(handle, &timer::Setting { due: -1, period_ms: 1, routine });
    let _ = timer::set(handle, &timer::Setting { due: i64::MAX, period_ms: u32::MAX, routine: None });
    let _ = timer::cancel(handle);
    for access in [Access::Read, Access::Write, Access::Copy] {
        if let Ok(address) = section::map(handle, &view(access)) {
            let _ = section::flush(address, 1);
            let _ = section::commit(address, 1);
            // SAFETY: nobody has used the view.
            let _ = section::unmap(unsafe { Unused::at(address) });
        }
    }
    let _ = process::id_of(handle);
    let _ = process::exit_code(handle);
    let _ = thread::id_of(handle);
    let _ = thread::exit_code(handle);
    let _ = apc::queue(handle, 3, 4);
    let _ = wait::one(handle, Some(Duration::ZERO), false);
    let _ = wait::one(handle, SOON, true);
    let _ = wait::signal_and_wait(handle, handles[0], SOON, true);
}

/// Reads and writes are those of pipes. None here may wait for ever.
fn call_on_mailslot(handle: Handle) {
    let _ = mailslot::info(handle);
    let _ = mailslot::set_timeout(handle, 0);
    let _ = io::read(handle, buffer(20), Some(overlapped(None, None)));
    let _ = mailslot::set_timeout(handle, 1);
}

/// Only ends for overlapped use: on others a call waits for the one before it, which a damaged pipe may say is not
/// over, and then for what a damaged pipe may never have.
fn call_on_pipe(handle: Handle, handles: &[Handle]) {
    if io::is_overlapped(handle) != Ok(true) {
        return;
    }
    let _ = pipe::state(handle);
    let _ = pipe::info(handle);
    let _ = pipe::client_process_id(handle);
    let _ = pipe::server_process_id(handle);
    let _ = pipe::peek(handle, &mut [0; 100]);
    let _ = pipe::listen(handle, Some(overlapped(None, None)));
    let _ = io::write(handle, &[1; 50], Some(overlapped(handles.first().copied(), None)));
    let _ = io::write(handle, &[2; 5000], Some(overlapped(None, Some(9))));
    let _ = io::read(handle, buffer(20), Some(overlapped(None, Some(9))));
    let _ = io::read(handle, buffer(200_000), Some(overlapped(None, None)));
    let _ = pipe::transact(handle, &[3; 10], buffer(10), Some(overlapped(None, None)));
    let _ = io::cancel_thread_requests(handle);
    let _ = io::cancel_requests(handle, Some(1));
    let _ = io::cancel_requests(handle, None);
    let _ = io::cancel_synchronous(Handle::CURRENT_THREAD);
    let _ = io::cancel_synchronous(handle);
    if pipe::set_mode(handle, true, true).is_ok() {
        let _ = pipe::listen(handle, None);
        let _ = io::write(handle, &[4; 10], None);
        let _ = io::read(handle, buffer(50), None);
        // Not back to waiting: another thread may be between the same calls on the same end, and would wait for ever.
        let _ = pipe::set_mode(handle, false, true);
    }
    let _ = pipe::disconnect(handle);
    let _ = pipe::listen(handle, Some(overlapped(None, None)));
}
