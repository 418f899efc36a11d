//! Deaths of children and parents between the making of a child and its joining.

use winipc_executive::process::{Created, Creation, Inherited};
use winipc_executive::wait::Outcome;
use winipc_executive::{Attributes, Status, crash, event, handle, namespace, process, thread, wait};

use crate::burials::{Burial, at_each_point};
use crate::operations::processes::{end_orphans, leave_inheritable, make_sleeper};
use crate::support::{ALL, assert_whole_and_empty, progress, units, until};

/// Code with which an heir ends that was not stopped.
const JOINED: u32 = 42;

/// What an heir does: it joins, and stops at a crash point. The argument is its number, and a handle that it inherits.
pub(crate) fn inherit(argument: &str) {
    let (points, event) = argument.split_once(' ').unwrap();
    let event = winipc_executive::Handle::from_raw(event.parse().unwrap());
    crash::arm_process(points.parse().unwrap());
    namespace::attach().unwrap();
    crash::arm_process(u64::MAX);
    event::set(event).unwrap();
    process::exit(JOINED);
}

fn make_heir(points: u64, event: winipc_executive::Handle) -> Created {
    // SAFETY: one thread makes children, and no other reads the environment.
    unsafe {
        std::env::set_var("ROLE", "heir");
        std::env::set_var("ARGUMENT", format!("{points} {}", event.raw()));
    }
    let program = std::env::current_exe().unwrap();
    let words =
        ["test", "--exact", "plays_a_role", "--ignored", "--nocapture", "--test-threads=1", "--quiet"];
    let arguments = words.map(Into::into);
    let creation = Creation {
        inherited: Inherited::All,
        // Until its parent has nothing more to do with the lock.
        is_suspended: true,
        ..Creation::new(&program, &arguments)
    };
    process::create(&creation).unwrap()
}

/// The state of a process as the system tells it; `None` if there is no such process.
fn state_of(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// A child is killed at each point of its joining: its parent sees its end and the code, and nothing of it is left.
pub(crate) fn killed_heirs() {
    at_each_point(20, kill_heir_at);
}

fn kill_heir_at(points: u64) -> bool {
    progress(format!("crash point {points} of joining"));
    let name = units("inherited");
    let attributes = Attributes { name: Some(&name), inherit: true };
    let (event, _) = event::create(&attributes, ALL, true, false).unwrap();
    let heir = make_heir(points, event);
    thread::resume(heir.thread).unwrap();
    // Of the executive nothing is asked: the heir may be stopped with the lock in hand.
    let mut is_over = false;
    until(|| match state_of(heir.id) {
        Some('T') => true,
        None | Some('Z' | 'X') => {
            is_over = true;
            true
        }
        Some(_) => false,
    });
    if !is_over {
        process::terminate(heir.process, 77).unwrap();
    }
    assert_eq!(wait::one(heir.process, None, false), Ok(Outcome::Object(0)));
    assert_eq!(process::exit_code(heir.process), Ok(if is_over { JOINED } else { 77 }));
    assert_eq!(wait::one(heir.thread, None, false), Ok(Outcome::Object(0)));
    for handle in [heir.process, heir.thread, event] {
        handle::close(handle).unwrap();
    }
    assert_eq!(event::open(&name, ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_whole_and_empty();
    is_over
}

/// Looks for the name of what the victim has left. Who does that buries the dead first.
fn look() {
    handle::close(event::open(&units("new"), ALL, false).unwrap()).unwrap();
}

/// Who buries a parent is killed at each point: a third takes in the child.
pub(crate) fn killed_takers_in() {
    let burial = Burial {
        name: "taking a child in",
        survive: |wait_for_deaths| {
            wait_for_deaths();
            look();
            end_orphans();
        },
        leave: || {
            leave_inheritable();
            make_sleeper(false);
        },
        bury: look,
    };
    at_each_point(20, |points| burial.kill_burier_at(points));
}
