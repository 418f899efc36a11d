//! Section 1.3: names of events, mutexes, semaphores and timers.

use crate::support::child::Child;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::null;

tests![
    names_are_case_sensitive,
    one_name_is_one_object,
    names_are_shared_between_processes,
    a_name_of_another_kind_fails,
    an_existing_object_keeps_its_properties,
    an_existing_mutex_ignores_initial_owner,
    inheritance_is_of_the_new_handle,
    bad_parameters_are_found_before_the_name,
    opening_an_absent_name_fails,
    opening_no_name_fails,
    no_name_is_unnamed,
    an_empty_name_is_unnamed,
    opening_an_empty_name_fails,
    no_prefix_means_local,
    global_is_another_namespace,
    prefixes_are_case_sensitive,
    a_further_backslash_is_a_path,
    a_name_may_hold_any_other_character,
    a_long_wide_name_is_accepted,
    an_ansi_name_longer_than_max_path_fails,
    ansi_and_wide_names_are_the_same,
];

fn create_event(name: &Name) -> (Handle, u32) {
    let (handle, error) = call!(CreateEventW(null(), TRUE, FALSE, name.ptr()));
    assert!(!handle.is_null(), "CreateEventW({}) fails {error}", name.text());
    (Handle::own(handle), error)
}

fn open_event(name: &Name) -> Handle {
    Handle::own(ok!(OpenEventW(EVENT_ALL_ACCESS, FALSE, name.ptr())))
}

fn same(one: &Handle, other: &Handle) -> bool {
    call!(CompareObjectHandles(one.raw(), other.raw())).0 == TRUE
}

/// 1.3: Names of events, mutexes, semaphores and timers are case-sensitive.
fn names_are_case_sensitive() {
    let text = unique_text();
    let (_lower, first) = create_event(&Name::new(&format!("{text}-name")));
    let (_upper, second) = create_event(&Name::new(&format!("{text}-NAME")));
    assert_eq!((first, second), (ERROR_SUCCESS, ERROR_SUCCESS));
    fails!(OpenEventW(SYNCHRONIZE, FALSE, Name::new(&format!("{text}-Name")).ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.3: Create and Open of one name and kind give handles to one object.
fn one_name_is_one_object() {
    let name = Name::unique();
    let (first, _) = create_event(&name);
    let (second, error) = create_event(&name);
    let third = open_event(&name);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    assert!(first.raw() != second.raw() && second.raw() != third.raw());
    ok!(SetEvent(third.raw()));
    assert!(is_signaled(&first) && is_signaled(&second));
    assert!(same(&first, &second) && same(&first, &third));
}

/// 1.3: A name means the same object in every process of the session.
fn names_are_shared_between_processes() {
    let (name, mut child) = (Name::unique(), Child::start());
    let (event, _) = create_event(&name);
    let answer = child.ask(&format!("create_event {} 1 0", name.text()));
    assert_eq!(answer.error, ERROR_ALREADY_EXISTS);
    child.ok(&format!("set_event {}", answer.value));
    assert!(is_signaled(&event));
}

/// 1.3: A name in use by another kind: Create and Open fail ERROR_INVALID_HANDLE.
fn a_name_of_another_kind_fails() {
    let create = |kind: usize, name: &Name| match kind {
        0 => call!(CreateEventW(null(), TRUE, FALSE, name.ptr())),
        1 => call!(CreateMutexW(null(), FALSE, name.ptr())),
        2 => call!(CreateSemaphoreW(null(), 1, 1, name.ptr())),
        _ => call!(CreateWaitableTimerW(null(), TRUE, name.ptr())),
    };
    let open = |kind: usize, name: &Name| match kind {
        0 => call!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr())),
        1 => call!(OpenMutexW(SYNCHRONIZE, FALSE, name.ptr())),
        2 => call!(OpenSemaphoreW(SYNCHRONIZE, FALSE, name.ptr())),
        _ => call!(OpenWaitableTimerW(SYNCHRONIZE, FALSE, name.ptr())),
    };
    for kind in 0..4 {
        let name = Name::unique();
        let _kept = Handle::own(create(kind, &name).0);
        for other in (0..4).filter(|&other| other != kind) {
            assert_eq!(create(other, &name), (std::ptr::null_mut(), ERROR_INVALID_HANDLE), "{kind} {other}");
            assert_eq!(open(other, &name), (std::ptr::null_mut(), ERROR_INVALID_HANDLE), "{kind} {other}");
        }
    }
}

/// 1.3: Create of an existing name ignores the initial state, the counts and the type asked for.
fn an_existing_object_keeps_its_properties() {
    let name = Name::unique();
    let automatic = Handle::own(ok!(CreateEventW(null(), FALSE, FALSE, name.ptr())));
    let (second, error) = call!(CreateEventW(null(), TRUE, TRUE, name.ptr()));
    let second = Handle::own(second);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    assert!(!is_signaled(&automatic));
    ok!(SetEvent(second.raw()));
    assert!(is_signaled(&second) && !is_signaled(&second), "still resets automatically");

    let name = Name::unique();
    let semaphore = Handle::own(ok!(CreateSemaphoreW(null(), 1, 2, name.ptr())));
    let second = Handle::own(ok!(CreateSemaphoreW(null(), 5, 9, name.ptr())));
    assert_eq!(count_of(&semaphore), 1);
    fails!(ReleaseSemaphore(second.raw(), 2, std::ptr::null_mut()), ERROR_TOO_MANY_POSTS);

    let name = Name::unique();
    let automatic = Handle::own(ok!(CreateWaitableTimerW(null(), FALSE, name.ptr())));
    let second = Handle::own(ok!(CreateWaitableTimerW(null(), TRUE, name.ptr())));
    set_timer(&second, 0);
    assert_eq!(wait(&automatic, SOON), WAIT_OBJECT_0);
    assert!(!is_signaled(&second), "still a synchronization timer");
}

/// 1.3: Create of an existing mutex does not make the caller its owner.
fn an_existing_mutex_ignores_initial_owner() {
    let name = Name::unique();
    let first = Handle::own(ok!(CreateMutexW(null(), FALSE, name.ptr())));
    let (second, error) = call!(CreateMutexW(null(), TRUE, name.ptr()));
    let second = Handle::own(second);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    fails!(ReleaseMutex(second.raw()), ERROR_NOT_OWNER);
    on_thread(|| {
        assert_eq!(wait(&first, 0), WAIT_OBJECT_0);
        ok!(ReleaseMutex(first.raw()));
    });
}

/// 1.3: Handle inheritance is honoured also when an existing object is opened by Create.
fn inheritance_is_of_the_new_handle() {
    let name = Name::unique();
    let (plain, _) = create_event(&name);
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        bInheritHandle: TRUE,
        ..Default::default()
    };
    let inheritable = Handle::own(ok!(CreateEventW(&attributes, TRUE, FALSE, name.ptr())));
    let (mut first, mut second) = (9, 9);
    ok!(GetHandleInformation(plain.raw(), &mut first));
    ok!(GetHandleInformation(inheritable.raw(), &mut second));
    assert_eq!((first, second), (0, HANDLE_FLAG_INHERIT));
}

/// 1.3: Bad creation parameters are rejected although the object exists (?).
fn bad_parameters_are_found_before_the_name() {
    let name = Name::unique();
    let _semaphore = Handle::own(ok!(CreateSemaphoreW(null(), 1, 2, name.ptr())));
    fails!(CreateSemaphoreW(null(), 3, 2, name.ptr()), ERROR_INVALID_PARAMETER);
    fails!(CreateSemaphoreW(null(), 0, 0, name.ptr()), ERROR_INVALID_PARAMETER);
}

/// 1.3: Open of an absent name fails ERROR_FILE_NOT_FOUND.
fn opening_an_absent_name_fails() {
    let name = Name::unique();
    fails!(OpenEventW(EVENT_ALL_ACCESS, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    fails!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    fails!(OpenSemaphoreW(SEMAPHORE_ALL_ACCESS, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
    fails!(OpenWaitableTimerW(TIMER_ALL_ACCESS, FALSE, name.ptr()), ERROR_FILE_NOT_FOUND);
}

/// 1.3: Open with a NULL name fails ERROR_INVALID_PARAMETER.
fn opening_no_name_fails() {
    fails!(OpenEventW(EVENT_ALL_ACCESS, FALSE, null()), ERROR_INVALID_PARAMETER);
    fails!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, null()), ERROR_INVALID_PARAMETER);
    fails!(OpenSemaphoreW(SEMAPHORE_ALL_ACCESS, FALSE, null()), ERROR_INVALID_PARAMETER);
    fails!(OpenWaitableTimerW(TIMER_ALL_ACCESS, FALSE, null()), ERROR_INVALID_PARAMETER);
}

/// 1.3: Create with a NULL name makes an unnamed object: every time another one.
fn no_name_is_unnamed() {
    let (one, other) = (event(true, true), event(true, false));
    assert!(!same(&one, &other) && is_signaled(&one) && !is_signaled(&other));
}

/// 1.3: Create with an empty name makes an unnamed object too (?).
fn an_empty_name_is_unnamed() {
    let (one, first) = create_event(&Name::new(""));
    let (other, second) = create_event(&Name::new(""));
    assert_eq!((first, second), (ERROR_SUCCESS, ERROR_SUCCESS));
    assert!(!same(&one, &other));
}

/// 1.3: Open with an empty name fails ERROR_INVALID_HANDLE (?).
fn opening_an_empty_name_fails() {
    fails!(OpenEventW(EVENT_ALL_ACCESS, FALSE, Name::new("").ptr()), ERROR_INVALID_HANDLE);
    fails!(OpenMutexW(MUTEX_ALL_ACCESS, FALSE, Name::new("").ptr()), ERROR_INVALID_HANDLE);
}

/// 1.3: A name without prefix is the same as with `Local\`.
fn no_prefix_means_local() {
    let text = unique_text();
    let (plain, _) = create_event(&Name::new(&text));
    let (local, error) = create_event(&Name::new(&format!(r"Local\{text}")));
    assert_eq!(error, ERROR_ALREADY_EXISTS);
    assert!(same(&plain, &local));
}

/// 1.3: `Global\x` and `Local\x` are different names.
fn global_is_another_namespace() {
    let text = unique_text();
    let (local, _) = create_event(&Name::new(&format!(r"Local\{text}")));
    let global_name = Name::new(&format!(r"Global\{text}"));
    fails!(OpenEventW(SYNCHRONIZE, FALSE, global_name.ptr()), ERROR_FILE_NOT_FOUND);
    let (global, error) = create_event(&global_name);
    assert_eq!(error, ERROR_SUCCESS);
    assert!(!same(&local, &global));
    assert!(same(&global, &open_event(&global_name)));
}

/// 1.3: Prefixes are case-sensitive: `local\x` is an unknown directory, ERROR_PATH_NOT_FOUND.
fn prefixes_are_case_sensitive() {
    for prefix in ["local", "LOCAL", "global", "GLOBAL", "gLobal"] {
        let name = Name::new(&format!(r"{prefix}\{}", unique_text()));
        fails!(CreateEventW(null(), TRUE, FALSE, name.ptr()), ERROR_PATH_NOT_FOUND);
        fails!(OpenEventW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_PATH_NOT_FOUND);
    }
}

/// 1.3: A further backslash after the prefix fails ERROR_PATH_NOT_FOUND.
fn a_further_backslash_is_a_path() {
    for prefix in [r"Local\", r"Global\", ""] {
        let name = Name::new(&format!(r"{prefix}{}\x", unique_text()));
        fails!(CreateEventW(null(), TRUE, FALSE, name.ptr()), ERROR_PATH_NOT_FOUND);
        fails!(CreateMutexW(null(), FALSE, name.ptr()), ERROR_PATH_NOT_FOUND);
        fails!(OpenSemaphoreW(SYNCHRONIZE, FALSE, name.ptr()), ERROR_PATH_NOT_FOUND);
    }
}

/// 1.3: After the prefix any character except backslash is part of the name.
fn a_name_may_hold_any_other_character() {
    let text = unique_text();
    let mut kept = Vec::new();
    for odd in ["/a", ":*?\"<>|", " ", " \t", "ä", "Ä", "\u{1F600}", "."] {
        let name = Name::new(&format!(r"Local\{text}{odd}"));
        let (handle, error) = create_event(&name);
        assert_eq!(error, ERROR_SUCCESS, "{odd}");
        assert!(same(&handle, &open_event(&name)), "{odd}");
        kept.push(handle);
    }
    // UTF-16 need not be well formed.
    let mut wide: Vec<u16> = text.encode_utf16().collect();
    wide.extend([0xD800, 0]);
    kept.push(Handle::own(ok!(CreateEventW(null(), TRUE, FALSE, wide.as_ptr()))));
    wide[text.len()] = 0xD801;
    fails!(OpenEventW(SYNCHRONIZE, FALSE, wide.as_ptr()), ERROR_FILE_NOT_FOUND);
    wide[text.len()] = 0xD800;
    Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, wide.as_ptr())));
}

/// 1.3: A wide name longer than MAX_PATH is accepted (?).
fn a_long_wide_name_is_accepted() {
    let name = Name::new(&format!("{}{}", unique_text(), "n".repeat(300)));
    let (event, error) = create_event(&name);
    assert_eq!(error, ERROR_SUCCESS);
    assert!(same(&event, &open_event(&name)));
}

/// 1.3: An ANSI name longer than MAX_PATH fails ERROR_FILENAME_EXCED_RANGE (?).
fn an_ansi_name_longer_than_max_path_fails() {
    let name = Name::new(&"n".repeat(300)).ansi();
    fails!(CreateEventA(null(), TRUE, FALSE, name.as_ptr()), ERROR_FILENAME_EXCED_RANGE);
    fails!(CreateMutexA(null(), FALSE, name.as_ptr()), ERROR_FILENAME_EXCED_RANGE);
    fails!(OpenEventA(SYNCHRONIZE, FALSE, name.as_ptr()), ERROR_FILENAME_EXCED_RANGE);
}

/// 1.3: The A and the W functions share their names.
fn ansi_and_wide_names_are_the_same() {
    let names: Vec<Name> = (0..4).map(|_| Name::unique()).collect();
    let ansi: Vec<Vec<u8>> = names.iter().map(Name::ansi).collect();
    let _kept = [
        Handle::own(ok!(CreateEventA(null(), TRUE, FALSE, ansi[0].as_ptr()))),
        Handle::own(ok!(CreateMutexA(null(), FALSE, ansi[1].as_ptr()))),
        Handle::own(ok!(CreateSemaphoreW(null(), 1, 1, names[2].ptr()))),
        Handle::own(ok!(CreateWaitableTimerW(null(), TRUE, names[3].ptr()))),
    ];
    Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, names[0].ptr())));
    Handle::own(ok!(OpenEventA(SYNCHRONIZE, FALSE, ansi[0].as_ptr())));
    Handle::own(ok!(OpenMutexW(SYNCHRONIZE, FALSE, names[1].ptr())));
    let (second, error) = call!(CreateEventA(null(), TRUE, FALSE, ansi[0].as_ptr()));
    Handle::own(second);
    assert_eq!(error, ERROR_ALREADY_EXISTS);
}
