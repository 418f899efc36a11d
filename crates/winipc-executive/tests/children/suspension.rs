//! Children that start suspended.

use super::*;

pub(crate) fn a_suspended_child_waits() {
    let event = inheritable(None);
    let created = start(&format!("set {}", event.raw()), Inherited::All, SUSPENDED);
    // It sleeps before it has become the program.
    let id = created.id as i32;
    until(|| support::is_asleep(id, id));
    let own = std::fs::read_link("/proc/self/exe").unwrap();
    assert_eq!(std::fs::read_link(format!("/proc/{id}/exe")).unwrap(), own);
    assert!(is_running(created.process));
    assert_eq!(thread::resume(created.thread), Ok(1));
    assert_eq!(thread::resume(created.thread), Ok(0));
    assert_eq!(ended(created.process), 42);
    assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
    close(created);
    handle::close(event).unwrap();
    assert_whole_and_empty();
}

pub(crate) fn a_suspended_child_is_terminated() {
    let created = shell("exit 1", Inherited::All, SUSPENDED);
    process::terminate(created.process, 77).unwrap();
    assert_eq!(ended(created.process), 77);
    close(created);
    assert_whole_and_empty();
}

pub(crate) fn a_suspended_child_is_given_handles() {
    let (event, _) = event::create(&Attributes::default(), ALL, true, false).unwrap();
    // The first number that a table gives.
    let created = start("set 4", Inherited::All, SUSPENDED);
    let how = handle::Duplicate { access: None, inherit: false, close_source: false };
    let there = handle::duplicate(Handle::CURRENT_PROCESS, event, Some(created.process), &how).unwrap();
    assert_eq!(there.raw(), 4);
    thread::resume(created.thread).unwrap();
    assert_eq!(ended(created.process), 42);
    assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
    close(created);
    handle::close(event).unwrap();
    assert_whole_and_empty();
}
