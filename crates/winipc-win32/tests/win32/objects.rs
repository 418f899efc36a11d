//! Creating, opening, changing events, mutexes, semaphores and timers.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::*;
use windows_sys::core::{s, w};
use winipc_win32::{
    CancelWaitableTimer, CloseHandle, CompareObjectHandles, CreateEventA, CreateEventExA, CreateEventExW,
    CreateEventW, CreateMutexA, CreateMutexExA, CreateMutexExW, CreateMutexW, CreateSemaphoreA,
    CreateSemaphoreExA, CreateSemaphoreExW, CreateSemaphoreW, CreateWaitableTimerA, CreateWaitableTimerExA,
    CreateWaitableTimerExW, CreateWaitableTimerW, GetHandleInformation, OpenEventA, OpenEventW, OpenMutexA,
    OpenMutexW, OpenSemaphoreA, OpenSemaphoreW, OpenWaitableTimerA, OpenWaitableTimerW, PulseEvent,
    ReleaseMutex, ReleaseSemaphore, ResetEvent, SetEvent, SetWaitableTimer, SetWaitableTimerEx,
    WaitForSingleObject,
};

use crate::common::{BAD, UNTOUCHED, ansi, wide, world};

type Create = fn(Option<&str>) -> HANDLE;
type Open = fn(Option<&str>) -> HANDLE;

fn pointer(name: &Option<Vec<u16>>) -> *const u16 {
    name.as_ref().map_or(null(), |name| name.as_ptr())
}

fn pointer_a(name: &Option<Vec<u8>>) -> *const u8 {
    name.as_ref().map_or(null(), |name| name.as_ptr())
}

/// Each kind with all its ways to be created: plain and Ex, W and A.
const KINDS: [(&str, [Create; 4], [Open; 2]); 4] = [
    (
        "event",
        [
            |n| run!(CreateEventW(null(), 1, 0, pointer(&n.map(wide)))),
            |n| run!(CreateEventA(null(), 1, 0, pointer_a(&n.map(ansi)))),
            |n| run!(CreateEventExW(null(), pointer(&n.map(wide)), 3, EVENT_ALL_ACCESS)),
            |n| run!(CreateEventExA(null(), pointer_a(&n.map(ansi)), 3, EVENT_ALL_ACCESS)),
        ],
        [
            |n| run!(OpenEventW(EVENT_ALL_ACCESS, 0, pointer(&n.map(wide)))),
            |n| run!(OpenEventA(EVENT_ALL_ACCESS, 0, pointer_a(&n.map(ansi)))),
        ],
    ),
    (
        "mutex",
        [
            |n| run!(CreateMutexW(null(), 0, pointer(&n.map(wide)))),
            |n| run!(CreateMutexA(null(), 0, pointer_a(&n.map(ansi)))),
            |n| run!(CreateMutexExW(null(), pointer(&n.map(wide)), 0, MUTEX_ALL_ACCESS)),
            |n| run!(CreateMutexExA(null(), pointer_a(&n.map(ansi)), 0, MUTEX_ALL_ACCESS)),
        ],
        [
            |n| run!(OpenMutexW(MUTEX_ALL_ACCESS, 0, pointer(&n.map(wide)))),
            |n| run!(OpenMutexA(MUTEX_ALL_ACCESS, 0, pointer_a(&n.map(ansi)))),
        ],
    ),
    (
        "semaphore",
        [
            |n| run!(CreateSemaphoreW(null(), 0, 1, pointer(&n.map(wide)))),
            |n| run!(CreateSemaphoreA(null(), 0, 1, pointer_a(&n.map(ansi)))),
            |n| run!(CreateSemaphoreExW(null(), 0, 1, pointer(&n.map(wide)), 0, SEMAPHORE_ALL_ACCESS)),
            |n| run!(CreateSemaphoreExA(null(), 0, 1, pointer_a(&n.map(ansi)), 0, SEMAPHORE_ALL_ACCESS)),
        ],
        [
            |n| run!(OpenSemaphoreW(SEMAPHORE_ALL_ACCESS, 0, pointer(&n.map(wide)))),
            |n| run!(OpenSemaphoreA(SEMAPHORE_ALL_ACCESS, 0, pointer_a(&n.map(ansi)))),
        ],
    ),
    (
        "timer",
        [
            |n| run!(CreateWaitableTimerW(null(), 0, pointer(&n.map(wide)))),
            |n| run!(CreateWaitableTimerA(null(), 0, pointer_a(&n.map(ansi)))),
            |n| run!(CreateWaitableTimerExW(null(), pointer(&n.map(wide)), 3, TIMER_ALL_ACCESS)),
            |n| run!(CreateWaitableTimerExA(null(), pointer_a(&n.map(ansi)), 3, TIMER_ALL_ACCESS)),
        ],
        [
            |n| run!(OpenWaitableTimerW(TIMER_ALL_ACCESS, 0, pointer(&n.map(wide)))),
            |n| run!(OpenWaitableTimerA(TIMER_ALL_ACCESS, 0, pointer_a(&n.map(ansi)))),
        ],
    ),
];

#[test]
fn creating_writes_the_last_error() {
    let _world = world();
    for (kind, creates, _) in KINDS {
        for (i, create) in creates.into_iter().enumerate() {
            let name = format!("creating-{kind}-{i}-ü");
            let (first, error) = call!(create(Some(&name)));
            assert_eq!((first.is_null(), error), (false, ERROR_SUCCESS), "{name}");
            for again in creates {
                let (second, error) = call!(again(Some(&format!("Local\\{name}"))));
                assert_eq!((second.is_null(), error), (false, ERROR_ALREADY_EXISTS), "{name}");
                assert_eq!(call!(CompareObjectHandles(first, second)), (TRUE, UNTOUCHED));
                succeed!(CloseHandle(second));
            }
            succeed!(CloseHandle(first));
        }
    }
}

#[test]
fn no_name_and_an_empty_name_make_an_object_without_one() {
    let _world = world();
    for (kind, creates, _) in KINDS {
        for create in creates {
            for name in [None, Some(""), Some("")] {
                let (object, error) = call!(create(name));
                assert_eq!((object.is_null(), error), (false, ERROR_SUCCESS), "{kind}");
                succeed!(CloseHandle(object));
            }
        }
        let [first, second] = [creates[0](Some("")), creates[0](Some(""))];
        assert_eq!(call!(CompareObjectHandles(first, second)), (FALSE, ERROR_NOT_SAME_OBJECT));
        succeed!(CloseHandle(first));
        succeed!(CloseHandle(second));
    }
}

#[test]
fn opening_by_name() {
    let _world = world();
    for (kind, creates, opens) in KINDS {
        let name = format!("opening-{kind}");
        for open in opens {
            assert_eq!(call!(open(None)), (null_mut(), ERROR_INVALID_PARAMETER), "{kind}");
            assert_eq!(call!(open(Some(""))), (null_mut(), ERROR_INVALID_HANDLE), "{kind}");
            assert_eq!(call!(open(Some(&name))), (null_mut(), ERROR_FILE_NOT_FOUND), "{kind}");
            let object = creates[0](Some(&name));
            let (opened, error) = call!(open(Some(&name)));
            assert_eq!((opened.is_null(), error), (false, UNTOUCHED), "{kind}");
            succeed!(CloseHandle(opened));
            succeed!(CloseHandle(object));
        }
    }
}

#[test]
fn a_name_has_one_kind() {
    let _world = world();
    for (kind, creates, opens) in KINDS {
        let name = format!("one-kind-{kind}");
        let object = creates[0](Some(&name));
        for (other, creates, opens) in KINDS.iter().filter(|(other, ..)| *other != kind) {
            for create in creates {
                assert_eq!(call!(create(Some(&name))), (null_mut(), ERROR_INVALID_HANDLE), "{kind}, {other}");
            }
            for open in opens {
                assert_eq!(call!(open(Some(&name))), (null_mut(), ERROR_INVALID_HANDLE), "{kind}, {other}");
            }
        }
        succeed!(CloseHandle(object));
        assert_eq!(call!(opens[0](Some(&name))), (null_mut(), ERROR_FILE_NOT_FOUND));
    }
}

#[test]
fn names_that_lead_nowhere() {
    let _world = world();
    for name in [r"local\x", r"Nowhere\x", r"Local\a\b", r"a\b"] {
        for (kind, creates, opens) in KINDS {
            assert_eq!(call!(creates[0](Some(name))), (null_mut(), ERROR_PATH_NOT_FOUND), "{kind} {name}");
            assert_eq!(call!(opens[0](Some(name))), (null_mut(), ERROR_PATH_NOT_FOUND), "{kind} {name}");
        }
    }
}

#[test]
fn ansi_names_end_at_max_path() {
    let _world = world();
    for (kind, creates, opens) in KINDS {
        for create in [creates[1], creates[3]] {
            let object = create(Some(&"n".repeat(260)));
            assert!(!object.is_null(), "{kind}");
            succeed!(CloseHandle(object));
            assert_eq!(
                call!(create(Some(&"n".repeat(261)))),
                (null_mut(), ERROR_FILENAME_EXCED_RANGE),
                "{kind}"
            );
        }
        assert_eq!(
            call!(opens[1](Some(&"n".repeat(261)))),
            (null_mut(), ERROR_FILENAME_EXCED_RANGE),
            "{kind}"
        );
    }
}

#[test]
fn undefined_flags() {
    let _world = world();
    let refused = (null_mut(), ERROR_INVALID_PARAMETER);
    assert_eq!(call!(CreateEventExW(null(), null(), 4, EVENT_ALL_ACCESS)), refused);
    assert_eq!(call!(CreateMutexExW(null(), null(), 2, MUTEX_ALL_ACCESS)), refused);
    assert_eq!(call!(CreateSemaphoreExW(null(), 0, 1, null(), 1, SEMAPHORE_ALL_ACCESS)), refused);
    assert_eq!(call!(CreateWaitableTimerExW(null(), null(), 4, TIMER_ALL_ACCESS)), refused);
}

#[test]
fn the_access_asked_for_is_all_there_is() {
    let _world = world();
    let event = succeed!(CreateEventExW(null(), w!("access"), 0, SYNCHRONIZATION_SYNCHRONIZE));
    assert_eq!(call!(SetEvent(event)), (FALSE, ERROR_ACCESS_DENIED));
    assert_eq!(call!(WaitForSingleObject(event, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    let modify = succeed!(OpenEventA(EVENT_MODIFY_STATE, 0, s!("access")));
    assert_eq!(call!(SetEvent(modify)), (TRUE, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObject(modify, 0)), (WAIT_FAILED, ERROR_ACCESS_DENIED));
    assert_eq!(call!(OpenEventW(0, 0, w!("access"))), (null_mut(), ERROR_ACCESS_DENIED));
    succeed!(CloseHandle(modify));
    succeed!(CloseHandle(event));
}

#[test]
fn inheritance_is_what_the_attributes_say() {
    let _world = world();
    for inherit in [0, 1] {
        let attributes = SECURITY_ATTRIBUTES { bInheritHandle: inherit, ..Default::default() };
        let event = succeed!(CreateEventW(&attributes, 0, 0, null()));
        let mut flags = 0;
        succeed!(GetHandleInformation(event, &mut flags));
        assert_eq!(flags, inherit as u32);
        succeed!(CloseHandle(event));
    }
}

#[test]
fn calls_on_the_wrong_kind() {
    let _world = world();
    let objects = KINDS.map(|(_, creates, _)| creates[0](None));
    let due = 0;
    for (i, object) in objects.into_iter().chain([null_mut(), BAD]).enumerate() {
        let wrong = (FALSE, ERROR_INVALID_HANDLE);
        if i != 0 {
            assert_eq!(call!(SetEvent(object)), wrong);
            assert_eq!(call!(ResetEvent(object)), wrong);
            assert_eq!(call!(PulseEvent(object)), wrong);
        }
        if i != 1 {
            assert_eq!(call!(ReleaseMutex(object)), wrong);
        }
        if i != 2 {
            assert_eq!(call!(ReleaseSemaphore(object, 1, null_mut())), wrong);
        }
        if i != 3 {
            assert_eq!(call!(SetWaitableTimer(object, &due, 0, None, null(), 0)), wrong);
            assert_eq!(call!(CancelWaitableTimer(object)), wrong);
        }
    }
    for object in objects {
        succeed!(CloseHandle(object));
    }
}

#[test]
fn events_and_mutexes_change_without_a_word() {
    let _world = world();
    let event = succeed!(CreateEventW(null(), 1, 0, null()));
    assert_eq!(call!(SetEvent(event)), (TRUE, UNTOUCHED));
    assert_eq!(call!(SetEvent(event)), (TRUE, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObject(event, 0)), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(call!(ResetEvent(event)), (TRUE, UNTOUCHED));
    assert_eq!(call!(PulseEvent(event)), (TRUE, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObject(event, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    succeed!(CloseHandle(event));

    let mutex = succeed!(CreateMutexW(null(), 1, null()));
    assert_eq!(call!(ReleaseMutex(mutex)), (TRUE, UNTOUCHED));
    assert_eq!(call!(ReleaseMutex(mutex)), (FALSE, ERROR_NOT_OWNER));
    succeed!(CloseHandle(mutex));
}

#[test]
fn semaphore_counts() {
    let _world = world();
    for (initial, maximum) in [(0, 0), (-1, 1), (2, 1), (0, -1)] {
        let created = call!(CreateSemaphoreW(null(), initial, maximum, null()));
        assert_eq!(created, (null_mut(), ERROR_INVALID_PARAMETER), "{initial} of {maximum}");
    }
    let semaphore = succeed!(CreateSemaphoreW(null(), 1, 3, null()));
    let mut previous = -7;
    for count in [0, -1, i32::MIN] {
        assert_eq!(
            call!(ReleaseSemaphore(semaphore, count, &mut previous)),
            (FALSE, ERROR_INVALID_PARAMETER)
        );
    }
    for count in [3, i32::MAX] {
        assert_eq!(call!(ReleaseSemaphore(semaphore, count, &mut previous)), (FALSE, ERROR_TOO_MANY_POSTS));
    }
    assert_eq!(previous, -7);
    assert_eq!(call!(ReleaseSemaphore(semaphore, 1, &mut previous)), (TRUE, UNTOUCHED));
    assert_eq!(previous, 1);
    assert_eq!(call!(ReleaseSemaphore(semaphore, 1, null_mut())), (TRUE, UNTOUCHED));
    succeed!(CloseHandle(semaphore));
}

#[test]
fn setting_a_timer() {
    let _world = world();
    let timer = succeed!(CreateWaitableTimerW(null(), 1, null()));
    let due = 0;
    let refused = (FALSE, ERROR_INVALID_PARAMETER);
    assert_eq!(call!(SetWaitableTimer(timer, &due, -1, None, null(), 0)), refused);
    assert_eq!(call!(SetWaitableTimerEx(timer, &due, -1, None, null(), null(), 0)), refused);
    assert_eq!(call!(SetWaitableTimer(timer, null(), 0, None, null(), 0)), (FALSE, ERROR_NOACCESS));
    assert_eq!(call!(WaitForSingleObject(timer, 0)), (WAIT_TIMEOUT, UNTOUCHED));
    assert_eq!(call!(SetWaitableTimer(timer, &due, 0, None, null(), 0)), (TRUE, UNTOUCHED));
    assert_eq!(call!(WaitForSingleObject(timer, INFINITE)), (WAIT_OBJECT_0, UNTOUCHED));
    assert_eq!(call!(SetWaitableTimer(timer, &due, 0, None, null(), 1)), (TRUE, ERROR_NOT_SUPPORTED));
    assert_eq!(call!(SetWaitableTimerEx(timer, &due, 0, None, null(), null(), 5)), (TRUE, UNTOUCHED));
    assert_eq!(call!(CancelWaitableTimer(timer)), (TRUE, UNTOUCHED));
    succeed!(CloseHandle(timer));
}
