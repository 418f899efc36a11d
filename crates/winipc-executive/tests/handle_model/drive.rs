//! The real handles, driven beside the model.

use std::io::{Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use winipc_executive::handle::{self, Duplicate};
use winipc_executive::wait::{self, Mode, Outcome};
use winipc_executive::{
    Attributes, Disposition, Handle, Kind, Result, Status, event, inspect, mutex, process, semaphore, timer,
};

use crate::model::{
    DUPLICATE_HANDLE, MODIFY_STATE, Model, NEIGHBOUR, OWN, Object, SYNCHRONIZE, Signal, all, desired,
    granted, key,
};

/// What a semaphore begins with, and may have at most.
const COUNTS: (i32, i32) = (1, 3);
const NOW: Option<Duration> = Some(Duration::ZERO);

/// One step. A handle is a number that [`Model::pick`] makes a handle of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Create { kind: Kind, name: u8, flag: bool, inherit: bool },
    Open { kind: Kind, name: u8, access: u8 },
    OpenProcess { neighbour: bool, access: u8 },
    Close(u8),
    Duplicate { processes: u8, source: u8, options: u8 },
    SetFlags { handle: u8, flags: u8 },
    Compare(u8, u8),
    Change { call: u8, handle: u8 },
    Take(u8),
    TakeBoth { handles: [u8; 2], all: bool },
}

impl Step {
    /// A step for each four numbers.
    pub(crate) fn decode([what, first, second, third]: [u8; 4]) -> Self {
        let kind = [Kind::Event, Kind::Mutex, Kind::Semaphore, Kind::Timer][usize::from(first % 4)];
        match what % 32 {
            0..=6 => Step::Create { kind, name: second, flag: third & 1 != 0, inherit: third & 2 != 0 },
            7..=9 => Step::Open { kind, name: second, access: third },
            10 => Step::OpenProcess { neighbour: first & 1 != 0, access: third },
            11..=16 => Step::Close(first),
            17..=21 => Step::Duplicate { processes: first, source: second, options: third },
            22 | 23 => Step::SetFlags { handle: first, flags: second },
            24 => Step::Compare(first, second),
            25..=27 => Step::Change { call: second, handle: first },
            28 | 29 => Step::Take(first),
            _ => Step::TakeBoth { handles: [first, second], all: third & 1 != 0 },
        }
    }
}

/// Process id of another process of the namespace, which lives as long as the calling one.
pub(crate) fn neighbour() -> u32 {
    static PROCESS: OnceLock<(u32, std::io::PipeWriter)> = OnceLock::new();
    PROCESS
        .get_or_init(|| {
            let (mut end, holder) = std::io::pipe().unwrap();
            let (mut ready, mut teller) = std::io::pipe().unwrap();
            // SAFETY: the child uses nothing that another thread of the parent may have locked.
            let child = unsafe { libc::fork() };
            assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
            if child == 0 {
                drop(holder);
                // After its leaving the namespace, which is registered later, nothing more of the parent's runs in it.
                extern "C" fn vanish() {
                    // SAFETY: ends the process.
                    unsafe { libc::_exit(0) };
                }
                // SAFETY: the function stays valid and does not panic.
                unsafe { libc::atexit(vanish) };
                let attached = winipc_executive::namespace::attach();
                let _ = teller.write_all(&[u8::from(attached.is_ok())]);
                // Until the parent is gone, however it goes.
                let _ = end.read(&mut [0]);
                std::process::exit(0);
            }
            let mut is_attached = [0];
            ready.read_exact(&mut is_attached).unwrap();
            assert_eq!(is_attached, [1], "the neighbour cannot attach");
            (child as u32, holder)
        })
        .0
}

/// Drives handles and the model through the steps.
///
/// # Panics
/// They differ, something is left behind, or the arena is not whole afterwards.
pub(crate) fn run(steps: &[Step]) {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    neighbour();
    let process = || Object { kind: Kind::Process, name: None, signal: Signal::Never };
    let mut model = Model {
        run: format!("run {} ", RUNS.fetch_add(1, Ordering::Relaxed)),
        objects: vec![process(), process(), Object { kind: Kind::Thread, ..process() }],
        tables: Default::default(),
        values: Vec::new(),
    };
    for (number, step) in steps.iter().enumerate() {
        one_step(*step, &mut model, number);
        for (value, entry) in &model.tables[OWN] {
            let handle = Handle::from_raw(*value);
            assert_eq!(handle::kind(handle), Ok(model.objects[entry.object].kind), "step {number}, {step:?}");
            assert_eq!(handle::granted_access(handle), Ok(entry.access), "step {number}, {step:?}");
            assert_eq!(handle::flags(handle), Ok(entry.flags), "step {number}, {step:?}");
        }
    }
    clear(&mut model);
}

/// Closes everything, and sees that nothing is left.
fn clear(model: &mut Model) {
    let other = process::open(neighbour(), DUPLICATE_HANDLE, false).unwrap();
    let close_source = Duplicate { access: None, inherit: false, close_source: true };
    for (value, entry) in std::mem::take(&mut model.tables[OWN]) {
        let handle = Handle::from_raw(value);
        if entry.flags.protect_from_close {
            handle::set_flags(handle, None, Some(false)).unwrap();
        }
        handle::close(handle).unwrap();
    }
    for value in std::mem::take(&mut model.tables[NEIGHBOUR]).into_keys() {
        assert_eq!(handle::duplicate(other, Handle::from_raw(value), None, &close_source), Ok(Handle::NULL));
    }
    handle::close(other).unwrap();
    assert_eq!(inspect::check(), []);
    let left = inspect::objects().unwrap().objects;
    let is_left = |object: &&inspect::ObjectView| {
        object.handle_count != 0 || !matches!(object.kind, Kind::Process | Kind::Thread)
    };
    assert_eq!(left.iter().filter(is_left).count(), 0, "left behind: {left:#?}");
}

fn one_step(step: Step, model: &mut Model, number: usize) {
    let context = format!("step {number}, {step:?}");
    match step {
        Step::Create { kind, name, flag, inherit } => create(model, (kind, name), flag, inherit, &context),
        Step::Open { kind, name, access } => open(model, (kind, name), access, &context),
        Step::OpenProcess { neighbour: is_neighbour, access } => {
            let id = if is_neighbour { neighbour() } else { std::process::id() };
            let desired = desired(Kind::Process, access);
            let expected = granted(Kind::Process, desired);
            let object = if is_neighbour { NEIGHBOUR } else { OWN };
            let result = process::open(id, desired, false);
            opened(model, result, expected.map(|access| (object, access)), false, &context);
        }
        Step::Close(handle) => {
            let handle = model.pick(handle);
            let expected = match handle {
                Handle::CURRENT_PROCESS | Handle::CURRENT_THREAD => Ok(()),
                _ => model.close(OWN, handle),
            };
            assert_eq!(handle::close(handle), expected, "{context}");
        }
        Step::Duplicate { processes, source, options } => {
            duplicate(model, processes, source, options, &context)
        }
        Step::SetFlags { handle, flags } => {
            let handle = model.pick(handle);
            let wish = |bits: u8| [None, Some(false), Some(true), Some(false)][usize::from(bits % 4)];
            let (inherit, protect) = (wish(flags), wish(flags >> 2));
            let expected = model.entry(OWN, handle).map(|_| {
                let entry = model.tables[OWN].get_mut(&key(handle)).unwrap();
                entry.flags.inherit = inherit.unwrap_or(entry.flags.inherit);
                entry.flags.protect_from_close = protect.unwrap_or(entry.flags.protect_from_close);
            });
            assert_eq!(handle::set_flags(handle, inherit, protect), expected, "{context}");
            assert_eq!(handle::flags(handle), model.entry(OWN, handle).map(|entry| entry.flags), "{context}");
        }
        Step::Compare(a, b) => {
            let (a, b) = (model.pick(a), model.pick(b));
            let expected = model.resolved(a).and_then(|a| model.resolved(b).map(|b| a.object == b.object));
            assert_eq!(handle::same_object(a, b), expected, "{context}");
            let kind = model.resolved(a).map(|entry| model.objects[entry.object].kind);
            assert_eq!(handle::kind(a), kind, "{context}");
            assert_eq!(handle::granted_access(a), model.resolved(a).map(|entry| entry.access), "{context}");
        }
        Step::Change { call, handle } => {
            let handle = model.pick(handle);
            let (result, expected) = change(model, call, handle);
            assert_eq!(result, expected, "{context}");
        }
        Step::Take(handle) => {
            let handle = model.pick(handle);
            let expected = Model::waitable(model.resolved(handle)).map(|object| {
                if !model.is_signaled(object) {
                    return Outcome::Timeout;
                }
                model.take(object);
                Outcome::Object(0)
            });
            assert_eq!(wait::one(handle, NOW, false), expected, "{context}");
        }
        Step::TakeBoth { handles, all } => take_both(model, handles, all, &context),
    }
}

fn take_both(model: &mut Model, handles: [u8; 2], all: bool, context: &str) {
    let handles = handles.map(|handle| model.pick(handle));
    let mode = if all { Mode::All } else { Mode::Any };
    let objects = Model::waitable(model.entry(OWN, handles[0]))
        .and_then(|a| Model::waitable(model.entry(OWN, handles[1])).map(|b| [a, b]));
    let expected = match objects {
        Err(status) => Err(status),
        Ok([a, b]) if all && a == b => Err(Status::INVALID_PARAMETER),
        Ok([a, b]) => Ok(match [a, b].map(|object| model.is_signaled(object)) {
            [true, true] if all => {
                model.take(a);
                model.take(b);
                Outcome::Object(0)
            }
            [true, _] if !all => {
                model.take(a);
                Outcome::Object(0)
            }
            [_, true] if !all => {
                model.take(b);
                Outcome::Object(1)
            }
            _ => Outcome::Timeout,
        }),
    };
    assert_eq!(wait::many(&handles, mode, NOW, false), expected, "{context}");
}

fn create(model: &mut Model, (kind, name): (Kind, u8), flag: bool, inherit: bool, context: &str) {
    let (text, found_by) = model.name(name);
    let attributes = Attributes { name: text.as_deref(), inherit };
    let (result, signal) = match kind {
        Kind::Event => {
            let signal = Signal::Event { manual: flag, set: !flag };
            (event::create(&attributes, all(kind), flag, !flag), signal)
        }
        Kind::Mutex => {
            (mutex::create(&attributes, all(kind), flag), Signal::Mutex { taken: u32::from(flag) })
        }
        Kind::Semaphore => {
            (semaphore::create(&attributes, all(kind), COUNTS.0, COUNTS.1), Signal::Semaphore(COUNTS.0))
        }
        _ => (timer::create(&attributes, all(kind), flag), Signal::Never),
    };
    let existing = match found_by {
        Err(status) => Err(status),
        Ok(None) => Ok(None),
        Ok(Some(name)) => match model.named(&name, kind) {
            Err(Status::OBJECT_NAME_NOT_FOUND) => Ok(None),
            found => found.map(Some),
        },
    };
    match existing {
        Err(status) => assert_eq!(result, Err(status), "{context}"),
        Ok(existing) => {
            let (handle, disposition) = result.expect(context);
            let object = existing.unwrap_or_else(|| {
                let name = model.name(name).1.unwrap_or_default();
                model.objects.push(Object { kind, name, signal });
                model.objects.len() - 1
            });
            let is_new = disposition == Disposition::Created;
            assert_eq!(is_new, existing.is_none(), "{context}");
            model.insert(OWN, handle, object, all(kind), inherit);
        }
    }
}

fn open(model: &mut Model, (kind, name): (Kind, u8), access: u8, context: &str) {
    let (text, found_by) = model.name(name);
    let desired = desired(kind, access);
    let inherit = access & 8 != 0;
    let text = text.unwrap_or_default();
    let result = match kind {
        Kind::Event => event::open(&text, desired, inherit),
        Kind::Mutex => mutex::open(&text, desired, inherit),
        Kind::Semaphore => semaphore::open(&text, desired, inherit),
        _ => timer::open(&text, desired, inherit),
    };
    let expected = match found_by {
        Err(status) => Err(status),
        Ok(None) => Err(Status::INVALID_HANDLE),
        Ok(Some(name)) => {
            model.named(&name, kind).and_then(|object| granted(kind, desired).map(|access| (object, access)))
        }
    };
    opened(model, result, expected, inherit, context);
}

/// Compares what opening gave with the object and the rights that it should have given.
fn opened(
    model: &mut Model,
    result: Result<Handle>,
    expected: Result<(usize, u32)>,
    inherit: bool,
    context: &str,
) {
    match expected {
        Ok((object, access)) => model.insert(OWN, result.expect(context), object, access, inherit),
        Err(status) => assert_eq!(result, Err(status), "{context}"),
    }
}

fn duplicate(model: &mut Model, processes: u8, source: u8, options: u8, context: &str) {
    // Mostly the two processes, sometimes whatever there is.
    let other = model.tables[OWN].iter().find(|(_, entry)| entry.object == NEIGHBOUR);
    let other = other.map_or(Handle::NULL, |(value, _)| Handle::from_raw(*value));
    let process = |number: u8| match number % 8 {
        0..=3 => Handle::CURRENT_PROCESS,
        4..=6 => other,
        _ => model.pick(processes),
    };
    let (from, to) = (process(processes), process(processes >> 3));
    let to = (options & 0x70 != 0).then_some(to);
    let source = model.pick(source);
    let access = [None, None, Some(SYNCHRONIZE), Some(all(Kind::Event))][usize::from(options % 4)];
    let options = Duplicate { access, inherit: options & 4 != 0, close_source: options & 8 != 0 };
    let result = handle::duplicate(from, source, to, &options);
    let expected = model.process(from).and_then(|from| {
        let copied = to.map(|to| model.copied(from, source, to, access)).transpose();
        if let Ok(Some((table, object, access))) = copied {
            let handle = result.expect(context);
            model.insert(table, handle, object, access, options.inherit);
        }
        let is_pseudo = [Handle::CURRENT_PROCESS, Handle::CURRENT_THREAD].contains(&source);
        if options.close_source && !is_pseudo {
            let closed = model.close(from, source);
            if to.is_none() {
                return closed;
            }
        }
        copied.map(|_| ())
    });
    match expected {
        Ok(()) => assert!(result.is_ok_and(|handle| (handle == Handle::NULL) == to.is_none()), "{context}"),
        Err(status) => assert_eq!(result, Err(status), "{context}"),
    }
}

/// A call that changes an object's signal, and what it should say.
fn change(model: &mut Model, call: u8, handle: Handle) -> (Result<i32>, Result<i32>) {
    let mut set_event = |to: bool| {
        model.required(handle, Kind::Event, MODIFY_STATE).map(|signal| {
            if let Signal::Event { set, .. } = signal {
                *set = to;
            }
            0
        })
    };
    match call % 6 {
        0 => (event::set(handle).map(|()| 0), set_event(true)),
        1 => (event::reset(handle).map(|()| 0), set_event(false)),
        2 => (event::pulse(handle).map(|()| 0), set_event(false)),
        3 => {
            let expected = model.required(handle, Kind::Mutex, 0).and_then(|signal| match signal {
                Signal::Mutex { taken } if *taken > 0 => {
                    *taken -= 1;
                    Ok(0)
                }
                _ => Err(Status::MUTANT_NOT_OWNED),
            });
            (mutex::release(handle).map(|()| 0), expected)
        }
        4 => {
            let expected = model.required(handle, Kind::Semaphore, MODIFY_STATE).and_then(|signal| {
                let Signal::Semaphore(count) = signal else { unreachable!("it is a semaphore") };
                if *count == COUNTS.1 {
                    return Err(Status::SEMAPHORE_LIMIT_EXCEEDED);
                }
                *count += 1;
                Ok(*count - 1)
            });
            (semaphore::release(handle, 1), expected)
        }
        _ => {
            let expected = model.required(handle, Kind::Timer, MODIFY_STATE).map(|_| 0);
            (timer::cancel(handle).map(|()| 0), expected)
        }
    }
}
