//! Shared memory: views, values behind a lock, and conditions, between threads and between processes.

mod common;

use std::process;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use common::{role, start, unique};
use winipc::section::{Monitor, SectionOptions, SharedLockError, SharedMutex};
use winipc::{AsHandle, Disposition, EventOptions, Waitable, Win32Error};

#[test]
fn a_view_gives_what_was_written_at_any_offset() {
    let section = SectionOptions::new().create(200).unwrap();
    let view = section.writable_view().unwrap();
    assert_eq!(view.len(), 4096);
    let bytes: Vec<u8> = (0..100).collect();
    for offset in 0..20 {
        for length in 0..30 {
            view.write(0, &[0xEE; 100]).unwrap();
            view.write(offset, &bytes[..length]).unwrap();
            let mut all = [0; 100];
            view.read(0, &mut all).unwrap();
            let expected: Vec<u8> = (0..100)
                .map(|at| if (offset..offset + length).contains(&at) { (at - offset) as u8 } else { 0xEE })
                .collect();
            assert_eq!(all[..], expected, "{length} bytes at {offset}");
            let mut some = vec![0; length];
            view.read(offset, &mut some).unwrap();
            assert_eq!(some, bytes[..length]);
        }
    }
}

#[test]
fn what_is_outside_is_refused() {
    let section = SectionOptions::new().create(4096).unwrap();
    let view = section.writable_view().unwrap();
    let outside = Some(Win32Error::INVALID_PARAMETER);
    for (offset, length) in [(4096, 1), (4095, 2), (usize::MAX, 1), (usize::MAX, 0), (0, 4097)] {
        assert_eq!(view.read(offset, &mut vec![0; length]).err(), outside, "{length} at {offset}");
        assert_eq!(view.write(offset, &vec![0; length]).err(), outside, "{length} at {offset}");
    }
    assert_eq!(view.load::<u64>(4089).err(), outside);
    assert_eq!(view.store(4093, &0_u32).err(), outside);
    assert_eq!(view.atomic::<AtomicU32>(4094).err(), outside);
    assert_eq!(view.atomic::<AtomicU32>(2).err(), outside, "misaligned");
    assert_eq!(view.atomics::<AtomicU32>(0, usize::MAX).err(), outside);
    assert_eq!(view.atomics::<AtomicU32>(0, 1025).err(), outside);
    assert!(view.read(4096, &mut []).is_ok());
    assert_eq!(section.view_at(4096, 0).err(), Some(Win32Error::MAPPED_ALIGNMENT));
    assert_eq!(section.view_at(0, 4097).err(), Some(Win32Error::ACCESS_DENIED));
    assert_eq!(SectionOptions::new().create(0).err(), outside);
}

#[test]
fn a_view_outlives_its_section() {
    let name = unique("outlives");
    let view = SectionOptions::new().name(&name).create(4096).unwrap().writable_view().unwrap();
    view.store(8, &7_u16).unwrap();
    assert_eq!(SectionOptions::new().name(&name).open().err(), Some(Win32Error::FILE_NOT_FOUND));
    assert_eq!(view.load::<u16>(8), Ok(7));
}

#[test]
fn a_section_is_the_one_of_its_name_and_handles() {
    let name = unique("same");
    let first = SectionOptions::new().name(&name).create(4096).unwrap();
    let second = SectionOptions::new().name(&name).create(1 << 20).unwrap();
    assert_eq!((first.disposition(), second.disposition()), (Disposition::Created, Disposition::Opened));
    assert!(first.as_handle().is_same_object(second.as_handle()));
    assert_eq!(second.view().unwrap().len(), 4096);
    let reader = SectionOptions::new().name(&name).read_only().open().unwrap();
    assert_eq!(reader.writable_view().err(), Some(Win32Error::ACCESS_DENIED));
    reader.copy_view().unwrap().write(0, b"mine").unwrap();
    assert_eq!(first.view().unwrap().load::<u32>(0), Ok(0));
}

#[test]
fn processes_add_to_one_value() {
    const TEST: &str = "processes_add_to_one_value";
    const EACH: u64 = 2_000;
    let add = |shared: &SharedMutex<[u64; 9]>| {
        for _ in 0..EACH {
            let mut value = shared.lock().unwrap();
            assert!(value.iter().all(|word| *word == value[0]));
            value.iter_mut().for_each(|word| *word += 1);
        }
    };
    if let Some((_, name)) = role() {
        add(&SharedMutex::open(&name).unwrap());
        process::exit(0);
    }
    let name = unique("add");
    let shared = SharedMutex::create(&name, [0; 9]).unwrap();
    let mut others: Vec<_> = (0..3).map(|_| start(TEST, "adder", &name)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| add(&shared));
        scope.spawn(|| add(&SharedMutex::create(&name, [7; 9]).unwrap()));
    });
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    assert_eq!(*shared.lock().unwrap(), [5 * EACH; 9]);
}

#[test]
fn who_is_killed_with_a_guard_leaves_the_old_value() {
    const TEST: &str = "who_is_killed_with_a_guard_leaves_the_old_value";
    if let Some((_, name)) = role() {
        let shared = SharedMutex::<[u32; 2]>::open(&name).unwrap();
        let mut guard = shared.lock().unwrap();
        guard[0] = 5;
        EventOptions::new().name(format!("{name}.half")).open().unwrap().set().unwrap();
        loop {
            std::thread::park();
        }
    }
    let name = unique("killed");
    let half_done = EventOptions::new().name(format!("{name}.half")).create().unwrap();
    let shared = SharedMutex::create(&name, [1_u32, 1]).unwrap();
    for looks in [false, true] {
        let mut child = start(TEST, "victim", &name);
        assert!(half_done.wait(None).unwrap().is_signaled());
        assert!(matches!(shared.try_lock(), Err(SharedLockError::Timeout)));
        child.kill().unwrap();
        child.wait().unwrap();
        if looks {
            // Who opens it looks at it, and the next is still told.
            SharedMutex::<[u32; 2]>::open(&name).unwrap();
        }
        match shared.lock() {
            Err(SharedLockError::Abandoned(guard)) => assert_eq!(*guard, [1, 1]),
            other => panic!("{other:?}"),
        };
        assert_eq!(*shared.lock().unwrap(), [1, 1]);
    }
}

#[test]
fn a_value_of_another_size_is_refused() {
    let name = unique("sizes");
    let _shared = SharedMutex::create(&name, [0_u64; 4]).unwrap();
    let refused = Some(Win32Error::INVALID_PARAMETER);
    assert_eq!(SharedMutex::<[u64; 5]>::open(&name).err(), refused);
    assert_eq!(SharedMutex::<[u64; 3]>::create(&name, [0; 3]).err(), refused);
    assert_eq!(SharedMutex::<[u8; 100_000]>::open(&name).err(), refused);
    assert_eq!(Monitor::<[u64; 4]>::open(&name, 1).err(), refused);
    assert!(SharedMutex::<[i64; 4]>::open(&name).is_ok());
    assert_eq!(SharedMutex::<u8>::open(&unique("nobody")).err(), Some(Win32Error::FILE_NOT_FOUND));
}

#[test]
fn a_thread_cannot_have_two_guards() {
    let name = unique("twice");
    let shared = SharedMutex::create(&name, 1_u32).unwrap();
    let same = SharedMutex::<u32>::open(&name).unwrap();
    let guard = shared.lock().unwrap();
    for other in [&shared, &same] {
        match other.lock() {
            Err(SharedLockError::Failed(error)) => assert_eq!(error, Win32Error::POSSIBLE_DEADLOCK),
            other => panic!("{other:?}"),
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(matches!(same.try_lock(), Err(SharedLockError::Timeout)))).join().unwrap();
    });
    drop(guard);
    assert_eq!(*same.lock().unwrap(), 1);
}

/// Conditions of the queue below.
const FILLED: usize = 0;
const EMPTIED: usize = 1;

/// A queue of four numbers, and how many were put and taken.
type Queue = [u32; 6];
const PUT: usize = 4;
const TAKEN: usize = 5;

fn put(queue: &Monitor<Queue>, number: u32) {
    let guard = queue.lock().or_else(SharedLockError::into_guard).unwrap();
    let is_full = |queue: &Queue| queue[PUT] - queue[TAKEN] == 4;
    let mut guard = wait_while(guard, EMPTIED, is_full);
    let place = guard[PUT] as usize % 4;
    guard[place] = number;
    guard[PUT] += 1;
    guard.notify_one(FILLED).unwrap();
}

fn take(queue: &Monitor<Queue>) -> u32 {
    let guard = queue.lock().or_else(SharedLockError::into_guard).unwrap();
    let is_empty = |queue: &Queue| queue[PUT] == queue[TAKEN];
    let mut guard = wait_while(guard, FILLED, is_empty);
    let number = guard[guard[TAKEN] as usize % 4];
    guard[TAKEN] += 1;
    guard.notify_one(EMPTIED).unwrap();
    number
}

/// Goes on where somebody has died.
fn wait_while<'a>(
    guard: winipc::section::MonitorGuard<'a, Queue>,
    condition: usize,
    holds: impl Fn(&Queue) -> bool,
) -> winipc::section::MonitorGuard<'a, Queue> {
    let mut guard = guard;
    loop {
        match guard.wait_while(condition, &holds) {
            Ok(guard) => return guard,
            Err(error) => guard = error.into_guard().unwrap(),
        }
    }
}

#[test]
fn producers_and_consumers_of_several_processes_lose_nothing() {
    const TEST: &str = "producers_and_consumers_of_several_processes_lose_nothing";
    const EACH: u32 = 1_000;
    if let Some((role, name)) = role() {
        let queue = Monitor::open(&name, 2).unwrap();
        if role == "producer" {
            (0..EACH).for_each(|number| put(&queue, number));
        } else {
            (0..EACH).for_each(|_| {
                take(&queue);
            });
        }
        process::exit(0);
    }
    let name = unique("queue");
    let queue = Monitor::create(&name, 2, [0; 6]).unwrap();
    let mut others: Vec<_> =
        ["producer", "consumer", "producer", "consumer"].map(|role| start(TEST, role, &name)).into();
    let sum = std::thread::scope(|scope| {
        scope.spawn(|| (0..EACH).for_each(|number| put(&queue, number)));
        scope.spawn(|| (0..EACH).map(|_| take(&queue)).map(u64::from).sum::<u64>()).join().unwrap()
    });
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    let end = queue.lock().unwrap();
    assert_eq!((end[PUT], end[TAKEN]), (3 * EACH, 3 * EACH));
    assert!(sum <= u64::from(EACH) * u64::from(EACH));
}

/// Until so many threads wait for a condition of a monitor whose value counts those who are about to.
fn until_waiting(monitor: &Monitor<[u32; 2]>, count: u32) {
    while monitor.lock().or_else(SharedLockError::into_guard).unwrap()[0] != count {
        std::thread::yield_now();
    }
}

/// Counts itself, and waits until it may pass.
fn wait_to_pass(monitor: &Monitor<[u32; 2]>) {
    let mut guard = monitor.lock().or_else(SharedLockError::into_guard).unwrap();
    guard[0] += 1;
    while guard[1] == 0 {
        guard = guard.wait(0).or_else(SharedLockError::into_guard).unwrap();
    }
    guard[1] -= 1;
}

/// Whoever is killed while it waits, or when it has just been notified, leaves the notification to another.
#[test]
fn a_killed_waiter_takes_no_notification_with_it() {
    const TEST: &str = "a_killed_waiter_takes_no_notification_with_it";
    if let Some((_, name)) = role() {
        let monitor = Monitor::<[u32; 2]>::open(&name, 1).unwrap();
        let mut guard = monitor.lock().or_else(SharedLockError::into_guard).unwrap();
        guard[0] += 1;
        let _guard = guard.wait(0);
        loop {
            std::thread::park();
        }
    }
    let name = unique("heirs");
    for first_notified in [false, true] {
        for victims in 1..4 {
            let monitor = Monitor::create(&name, 1, [0; 2]).unwrap();
            let mut children: Vec<_> = (0..victims).map(|_| start(TEST, "victim", &name)).collect();
            until_waiting(&monitor, victims);
            std::thread::scope(|scope| {
                let survivor = scope.spawn(|| wait_to_pass(&monitor));
                until_waiting(&monitor, victims + 1);
                let notify = || {
                    let mut guard = monitor.lock().or_else(SharedLockError::into_guard).unwrap();
                    guard[1] = 1;
                    guard.notify_one(0).unwrap();
                };
                if first_notified {
                    notify();
                }
                for child in &mut children {
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
                if !first_notified {
                    notify();
                }
                survivor.join().unwrap();
            });
        }
    }
}

#[test]
fn notify_all_wakes_all_and_notify_one_wakes_one() {
    let monitor = Monitor::new(1, [0_u32; 2]).unwrap();
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| wait_to_pass(&monitor))).collect();
        until_waiting(&monitor, 4);
        {
            let mut guard = monitor.lock().unwrap();
            guard[1] = 1;
            guard.notify_one(0).unwrap();
        }
        while waiters.iter().filter(|waiter| waiter.is_finished()).count() != 1 {
            std::thread::yield_now();
        }
        {
            let mut guard = monitor.lock().unwrap();
            guard[1] = 3;
            guard.notify_all(0).unwrap();
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
    assert_eq!(*monitor.lock().unwrap(), [4, 0]);
}

#[test]
fn a_wait_ends_by_its_time() {
    let monitor = Monitor::new(2, 0_u8).unwrap();
    for _ in 0..3 {
        let guard = monitor.lock().unwrap();
        let (guard, is_notified) = guard.wait_timeout(1, Duration::from_millis(1)).unwrap();
        assert!(!is_notified);
        // Who does not wait is not notified later.
        guard.notify_all(1).unwrap();
    }
    let guard = monitor.lock().unwrap();
    let (guard, is_notified) = guard.wait_timeout(1, Duration::ZERO).unwrap();
    assert!(!is_notified);
    assert!(matches!(guard.wait(2), Err(SharedLockError::Failed(Win32Error::INVALID_PARAMETER))));
    assert!(monitor.lock().unwrap().notify_one(2).is_err());
}
