//! Section 3.1: events.

use crate::support::child::Child;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null;
use std::sync::atomic::{AtomicU32, Ordering};

tests![
    creation_sets_kind_and_state,
    ex_flags_set_kind_and_state,
    setting_is_idempotent,
    a_manual_event_stays_set,
    a_manual_event_releases_all_waiters,
    an_automatic_event_stays_set_for_a_later_waiter,
    an_automatic_event_releases_one_waiter,
    pulse_without_waiters_resets,
    pulse_releases_all_waiters_of_a_manual_event,
    pulse_releases_one_waiter_of_an_automatic_event,
    set_releases_a_waiter_of_another_process,
];

/// 3.1: CreateEvent takes manual or automatic reset and the initial state.
fn creation_sets_kind_and_state() {
    for manual in [true, false] {
        for set in [true, false] {
            let event = event(manual, set);
            assert_eq!((is_signaled(&event), is_signaled(&event)), (set, set && manual));
        }
    }
    // Any nonzero BOOL is true.
    let event = Handle::own(ok!(CreateEventW(null(), 2, -1, null())));
    assert!(is_signaled(&event) && is_signaled(&event));
}

/// 3.1: CreateEventEx: CREATE_EVENT_MANUAL_RESET is 1, CREATE_EVENT_INITIAL_SET is 2.
fn ex_flags_set_kind_and_state() {
    for flags in 0..4 {
        let event = Handle::own(ok!(CreateEventExW(null(), null(), flags, EVENT_ALL_ACCESS)));
        let (manual, set) = (flags & 1 != 0, flags & 2 != 0);
        assert_eq!((is_signaled(&event), is_signaled(&event)), (set, set && manual));
    }
}

/// 3.1: SetEvent and ResetEvent return TRUE however often; sets are not counted.
fn setting_is_idempotent() {
    for manual in [true, false] {
        let event = event(manual, false);
        for _ in 0..3 {
            quiet!(ResetEvent(event.raw()));
        }
        for _ in 0..3 {
            quiet!(SetEvent(event.raw()));
        }
        assert!(is_signaled(&event));
        assert_eq!(is_signaled(&event), manual);
        quiet!(ResetEvent(event.raw()));
        assert!(!is_signaled(&event));
    }
}

/// 3.1: A manual-reset event stays set until ResetEvent.
fn a_manual_event_stays_set() {
    let event = event(true, false);
    ok!(SetEvent(event.raw()));
    for _ in 0..5 {
        assert!(is_signaled(&event));
        assert!(on_thread(|| is_signaled(&event)));
    }
}

/// 3.1: SetEvent of a manual-reset event releases all waiters.
fn a_manual_event_releases_all_waiters() {
    let event = event(true, false);
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..8).map(|_| scope.spawn(|| wait(&event, SOON))).collect();
        ok!(SetEvent(event.raw()));
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0);
        }
    });
    assert!(is_signaled(&event));
}

/// 3.1: An automatic event that nobody waits for stays set until one wait takes it.
fn an_automatic_event_stays_set_for_a_later_waiter() {
    let event = event(false, false);
    ok!(SetEvent(event.raw()));
    assert!(on_thread(|| is_signaled(&event)));
    assert!(!is_signaled(&event));
}

/// 3.1: SetEvent of an automatic event releases one waiter each time.
fn an_automatic_event_releases_one_waiter() {
    let (event, released) = (event(false, false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(wait(&event, SOON), WAIT_OBJECT_0);
                released.fetch_add(1, Ordering::AcqRel);
            });
        }
        for count in 1..=4 {
            ok!(SetEvent(event.raw()));
            until("one waiter goes", || released.load(Ordering::Acquire) >= count);
            assert_eq!(released.load(Ordering::Acquire), count);
        }
    });
    assert!(!is_signaled(&event));
}

/// 3.1: PulseEvent without a waiter just resets, and returns TRUE.
fn pulse_without_waiters_resets() {
    for manual in [true, false] {
        let event = event(manual, true);
        quiet!(PulseEvent(event.raw()));
        assert!(!is_signaled(&event));
    }
}

/// 3.1: PulseEvent releases all waiters of a manual-reset event and leaves it reset.
fn pulse_releases_all_waiters_of_a_manual_event() {
    let (event, released) = (event(true, false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(wait(&event, SOON), WAIT_OBJECT_0);
                released.fetch_add(1, Ordering::AcqRel);
            });
        }
        // A pulse reaches those that wait at that moment: pulse until all have come by.
        until("all waiters go", || {
            ok!(PulseEvent(event.raw()));
            released.load(Ordering::Acquire) == 4
        });
    });
    assert!(!is_signaled(&event));
}

/// 3.1: PulseEvent releases at most one waiter of an automatic event and leaves it reset.
fn pulse_releases_one_waiter_of_an_automatic_event() {
    let (event, stop, released) = (event(false, false), event(true, false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while wait_any(&[&stop, &event], SOON) == WAIT_OBJECT_0 + 1 {
                    released.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        let mut pulses = 0;
        until("ten pulses reach a waiter", || {
            ok!(PulseEvent(event.raw()));
            pulses += 1;
            released.load(Ordering::Acquire) >= 10
        });
        ok!(SetEvent(stop.raw()));
        assert!(released.load(Ordering::Acquire) <= pulses, "more waiters released than pulses");
    });
    assert!(!is_signaled(&event));
}

/// 3.1: SetEvent releases a waiter in another process.
fn set_releases_a_waiter_of_another_process() {
    let (name, mut child) = (Name::unique(), Child::start());
    let event = Handle::own(ok!(CreateEventW(null(), FALSE, FALSE, name.ptr())));
    let there = child.handle(&format!("open_event {} {EVENT_ALL_ACCESS}", name.text()));
    child.send(&format!("wait {there} {SOON}"));
    ok!(SetEvent(event.raw()));
    assert_eq!(child.answer().value, WAIT_OBJECT_0.into());
    assert!(!is_signaled(&event));
}
