//! Children whose parents end.

use super::*;

/// The child is made, its parent ends, and then the child runs: it is watched by us, and has what it inherited.
pub(crate) fn a_child_outlives_its_parent() {
    let event = inheritable(None);
    let what = format!("parent {} suspended set {}", std::process::id(), event.raw());
    let parent = start(&what, Inherited::All, RUNNING);
    let [process, thread, id] = hear();
    let (process, thread) = (Handle::from_raw(process), Handle::from_raw(thread));
    assert_eq!(ended(parent.process), 42);
    assert!(is_running(process));
    assert_eq!(process::id_of(process), Ok(id as u32));
    assert_eq!(winipc_executive::inspect::check(), []);
    assert_eq!(thread::resume(thread), Ok(1));
    assert_eq!(ended(process), 42);
    assert!(matches!(wait::one(event, NOW, false), Ok(Outcome::Object(_))));
    close(parent);
    for handle in [process, thread, event] {
        handle::close(handle).unwrap();
    }
    assert_whole_and_empty();
}

/// Nobody is in the namespace when the child joins.
pub(crate) fn the_last_parent() {
    let program = std::env::current_exe().unwrap();
    let directory = std::env::var("WINIPC_DIR").unwrap();
    let fifo = Path::new(&directory).join("fifo");
    let event = inheritable(Some("inherited"));
    // SAFETY: as in `start`.
    unsafe {
        std::env::set_var("ROLE", "child");
        std::env::set_var("ARGUMENT", format!("last {}", event.raw()));
    }
    // It becomes this program when it hears that we have left.
    let script = format!("read line < {0}; exec {1} {2}", fifo.display(), program.display(), TEST.join(" "));
    shell(&script, Inherited::All, RUNNING);
}

pub(crate) fn children_of_a_killed_parent_are_taken_in() {
    let what = format!("parent {} killed exec sleep 1000", std::process::id());
    let parent = start(&what, Inherited::All, RUNNING);
    let [process, thread, _] = hear();
    let (process, thread) = (Handle::from_raw(process), Handle::from_raw(thread));
    assert_eq!(ended(parent.process), 1);
    assert!(is_running(process));
    process::terminate(process, 6).unwrap();
    assert_eq!(ended(process), 6);
    close(parent);
    handle::close(process).unwrap();
    handle::close(thread).unwrap();
    assert_whole_and_empty();
}

pub(crate) fn a_suspended_child_that_nobody_can_resume_goes_with_its_parent() {
    let parent = start(&format!("parent {} lost", std::process::id()), Inherited::All, RUNNING);
    let [process, _, id] = hear();
    let process = Handle::from_raw(process);
    assert_eq!(ended(process), 1);
    until(|| !Path::new(&format!("/proc/{id}")).exists() || !support::is_asleep(id as i32, id as i32));
    close(parent);
    handle::close(process).unwrap();
    assert_whole_and_empty();
}

/// Whoever runs us finds the arena gone, and the child soon.
pub(crate) fn the_last_with_a_suspended_child() {
    let event = inheritable(None);
    let created = start(&format!("set {}", event.raw()), Inherited::All, SUSPENDED);
    let world = std::env::var("WINIPC_DIR").unwrap();
    std::fs::write(format!("{world}.suspended"), created.id.to_string()).unwrap();
}
/// The child took whatever it found under the number, and closed it with the handle.
pub(crate) fn a_number_that_leads_elsewhere_is_left_alone() {
    for who_has_it in ["alone", "parent"] {
        let (reader, writer) = file::create_pipe(0, false).unwrap();
        io::write(writer, b"x", None).unwrap();
        handle::set_flags(reader, Some(true), None).unwrap();
        let number = file::descriptor_of(reader, 0).unwrap().as_raw_fd();
        let what = format!("elsewhere {} {number} {who_has_it}", reader.raw());
        let created = start(&what, Inherited::All, SUSPENDED);
        if who_has_it == "alone" {
            handle::close(reader).unwrap();
        }
        thread::resume(created.thread).unwrap();
        assert_eq!(ended(created.process), 42);
        close(created);
        handle::close(writer).unwrap();
        if who_has_it == "parent" {
            handle::close(reader).unwrap();
        }
    }
    assert_whole_and_empty();
}
