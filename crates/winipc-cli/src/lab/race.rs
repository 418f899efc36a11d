//! A print job that is lost, and how a mutex prevents it.

use winipc::{LockError, WaitResult, Waitable, wait_any};

use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "race",
    title: "a print job is lost when two processes put theirs into a spooler's queue; a mutex prevents it",
    play,
    act,
    look_for: &[
        "without the mutex, ann and bob read the same number of the next free slot",
        "both write to that slot; the later one wins, and the other's job is never printed, without any error",
        "the queue is in order all the same: nobody can see afterwards that something is missing",
        "with the mutex, bob is refused while ann is between reading and writing, and reads the next number",
        "nothing is left to luck: ann waits at the critical place until bob has been there, or has been refused",
    ],
};

const JOBS: [&str; 5] = ["notes.txt", "poster.pdf", "thesis.pdf", "letter of ann", "letter of bob"];
const ANNS: i64 = 3;
const BOBS: i64 = 4;

/// Where the number of the next free slot is; the slots follow.
const NEXT_FREE: usize = 0;

fn play(play: &mut Play) -> Result<()> {
    let jobs = queue(play, "without mutual exclusion", "bare")?;
    ensure(jobs == [0, 1, 2, ANNS], "bob's job was to be lost, and only that")?;
    let jobs = queue(play, "with a mutex", "mutex")?;
    ensure(jobs == [0, 1, 2, ANNS, BOBS], "with a mutex, both jobs were to be printed")
}

/// Has ann and bob put a job each into a queue of three, and returns what is printed.
fn queue(play: &mut Play, title: &str, how: &str) -> Result<Vec<i64>> {
    let mut scene = play.scene(title)?;
    for event in ["ann-has-read", "bob-is-through", "bob-is-refused"] {
        scene.event(event, false, false)?;
    }
    scene.mutex("mutex")?;
    scene.board(&[3, 0, 1, 2, -1, -1])?;
    scene.enter("ann", &[how])?;
    scene.enter("bob", &[how])?;
    scene.finish()?;
    scene.enter("printer", &[])?;
    scene.finish()?;
    Ok(scene.values("printed", None))
}

fn act(role: &Role) -> Result<()> {
    match role.name.as_str() {
        "ann" => ann(role),
        "bob" => bob(role),
        _ => printer(role),
    }
}

fn ann(role: &Role) -> Result<()> {
    let mutex = role.mutex("mutex")?;
    let _guard = if is_guarded(role) { Some(mutex.lock().map_err(failed)?) } else { None };
    let place = read_next_free(role)?;
    role.say("here the scheduler interrupts me")?;
    role.event("ann-has-read")?.set().map_err(failed)?;
    let (through, refused) = (role.event("bob-is-through")?, role.event("bob-is-refused")?);
    match wait_any(&[&through, &refused], None).map_err(failed)? {
        WaitResult::Signaled(0) => role.say("I go on; the number that I have read is out of date")?,
        _ => role.say("I go on; nobody has been here, since I own the mutex")?,
    }
    write(role, place, ANNS)
}

fn bob(role: &Role) -> Result<()> {
    let _ = role.event("ann-has-read")?.wait(None).map_err(failed)?;
    let mutex = role.mutex("mutex")?;
    let mut guard = None;
    if is_guarded(role) {
        ensure(matches!(mutex.try_lock(), Err(LockError::Timeout)), "the mutex was to be ann's")?;
        role.say("the mutex is taken: I wait for it")?;
        role.event("bob-is-refused")?.set().map_err(failed)?;
        guard = Some(mutex.lock().map_err(failed)?);
    }
    let place = read_next_free(role)?;
    write(role, place, BOBS)?;
    drop(guard);
    role.event("bob-is-through")?.set().map_err(failed)
}

fn is_guarded(role: &Role) -> bool {
    role.words == ["mutex"]
}

fn read_next_free(role: &Role) -> Result<i64> {
    let place = role.board()?.read(NEXT_FREE)?;
    role.say(format_args!("the next free slot is number {place}"))?;
    role.pause(1500);
    Ok(place)
}

fn write(role: &Role, place: i64, job: i64) -> Result<()> {
    let board = role.board()?;
    board.write(slot(place), job)?;
    role.say(format_args!("I put \"{}\" into slot {place}", JOBS[job as usize]))?;
    role.pause(1500);
    board.write(NEXT_FREE, place + 1)?;
    role.say(format_args!("and set the number of the next free slot to {}", place + 1))
}

fn printer(role: &Role) -> Result<()> {
    let board = role.board()?;
    for place in 0..board.read(NEXT_FREE)? {
        let job = board.read(slot(place))?;
        role.pause(500);
        role.say(format_args!("slot {place}: I print \"{}\"", JOBS[job as usize]))?;
        role.fact("printed", job)?;
    }
    Ok(())
}

fn slot(place: i64) -> usize {
    NEXT_FREE + 1 + place as usize
}
