//! A writer of random numbers and a reader, and one mutex around the memory that they share.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "shared-memory",
    title: "a writer puts random numbers into shared memory, a reader adds them up, and a mutex keeps them apart",
    play,
    act,
    look_for: &[
        "who acquires the mutex has a number in the order of acquisition, which goes up by one each time",
        "a line of one process never comes between \"has the mutex\" and \"gives it back\" of the other",
        "the numbers that the reader finds are those that were written last, all of one round: never some of two",
        "nobody promises that they take turns: the writer may write twice before the reader reads, and the reader find \
         the same numbers again",
    ],
};

const ROUNDS: i64 = 6;
/// What is shared: how often the mutex was acquired, the round of the numbers, and the numbers.
const ACQUIRED: usize = 0;
const ROUND: usize = 8;
const NUMBERS: usize = 16;
const COUNT: usize = 5;

fn play(play: &mut Play) -> Result<()> {
    let mut scene = play.scene("")?;
    scene.mutex("mutex")?;
    scene.section("memory", (NUMBERS + 8 * COUNT) as u64)?;
    for name in ["writer", "reader"] {
        scene.enter(name, &[])?;
    }
    let facts = scene.finish()?;
    let turns: Vec<_> = facts.iter().filter(|fact| fact.name == "acquired").map(|fact| fact.value).collect();
    ensure(
        turns.iter().copied().eq(1..=turns.len() as i64),
        format!("it was acquired in this order: {turns:?}"),
    )?;
    let written = scene.values("sum written", Some("writer"));
    let read = scene.values("sum read", Some("reader"));
    ensure(
        read.iter().all(|sum| written.contains(sum)),
        format!("{written:?} was written and {read:?} read"),
    )?;
    ensure(read.last() == written.last(), "the last numbers were not read")
}

fn act(role: &Role) -> Result<()> {
    let (memory, mutex) = (role.memory("memory")?, role.mutex("mutex")?);
    let is_writer = role.name == "writer";
    let mut last_read = 0;
    let mut round = 0;
    // The reader goes on until it has seen the last.
    while if is_writer { round < ROUNDS } else { last_read < ROUNDS } {
        round += 1;
        let guard = mutex.lock().map_err(failed)?;
        let turn = memory.load::<i64>(ACQUIRED).map_err(failed)? + 1;
        memory.store(ACQUIRED, &turn).map_err(failed)?;
        role.fact("acquired", turn)?;
        role.say(format_args!("has the mutex, acquisition {turn}"))?;
        if is_writer {
            let numbers = std::array::from_fn::<i64, COUNT, _>(|_| random());
            memory.store(ROUND, &round).map_err(failed)?;
            for (place, number) in numbers.iter().enumerate() {
                memory.store(NUMBERS + 8 * place, number).map_err(failed)?;
                role.pause(100);
            }
            role.fact("sum written", numbers.iter().sum())?;
            role.say(format_args!("writes round {round}: {numbers:?}"))?;
        } else {
            let mut numbers = [0_i64; COUNT];
            memory.load_slice(NUMBERS, &mut numbers).map_err(failed)?;
            last_read = memory.load(ROUND).map_err(failed)?;
            if last_read == 0 {
                role.say("finds nothing yet")?;
            } else {
                role.fact("sum read", numbers.iter().sum())?;
                let sum: i64 = numbers.iter().sum();
                role.say(format_args!("reads round {last_read}: {numbers:?}, in sum {sum}"))?;
            }
        }
        role.say("gives it back")?;
        guard.release().map_err(failed)?;
        role.pause(500);
    }
    Ok(())
}

/// A number below a hundred.
fn random() -> i64 {
    (RandomState::new().build_hasher().finish() % 100) as i64
}
