//! Producers and consumers, and a buffer of few places between them.

use winipc::section::{Monitor, SharedLockError};
use winipc::{Event, Mutex, Semaphore, Waitable, wait_all};

use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "bounded-buffer",
    title: "producers and consumers share a buffer of three places: over semaphores, over a mutex and events, over a \
            monitor",
    play,
    act,
    look_for: &[
        "the consumers begin when the buffer is full: until then the producers wait, however much they have left",
        "every item comes out once, and those of one producer in its order",
        "over semaphores, one counts the empty places and one the full ones: both are waits and counts at once",
        "over a mutex and events, who waits for \"not full\" gets the mutex at the same instant, so that it is still true",
        "over a monitor, who finds the buffer full lets the others in while it waits, and looks again when it is told",
        "all three give the same result; the order of the lines differs from run to run",
    ],
};

const PRODUCERS: [&str; 2] = ["ann", "bob"];
const CONSUMERS: [&str; 2] = ["cleo", "dan"];
/// Made by each producer, and taken by each consumer.
const ITEMS: i64 = 6;
const PLACES: i64 = 3;
const WAYS: [(&str, &str); 3] =
    [("semaphores", "over semaphores"), ("mutex", "over a mutex and events"), ("monitor", "over a monitor")];

/// Places on the board: how many items have been put into the buffer and taken out of it; the buffer follows.
const PUT: usize = 0;
const TAKEN: usize = 1;
const BUFFER: usize = 2;

fn play(play: &mut Play) -> Result<()> {
    let numbers = 1..=ITEMS;
    let made: Vec<_> =
        (0..PRODUCERS.len()).flat_map(|who| numbers.clone().map(move |n| item(who, n))).collect();
    for (way, title) in WAYS {
        let mut scene = play.scene(title)?;
        scene.board(&[0; BUFFER + PLACES as usize])?;
        scene.event("was-full", true, false)?;
        scene.semaphore("empty", PLACES as u32, PLACES as u32)?;
        scene.semaphore("full", 0, PLACES as u32)?;
        scene.semaphore("buffer", 1, 1)?;
        scene.mutex("mutex")?;
        scene.event("not-full", true, true)?;
        scene.event("not-empty", true, false)?;
        scene.monitor::<i64>("monitor", CONDITIONS)?;
        for name in PRODUCERS.into_iter().chain(CONSUMERS) {
            scene.enter(name, &[way])?;
        }
        scene.finish()?;
        let mut taken = scene.values("taken", None);
        taken.sort_unstable();
        ensure(taken == made, format!("{title}, {made:?} were put in, but {taken:?} came out"))?;
        for consumer in CONSUMERS {
            let taken = scene.values("taken", Some(consumer));
            for producer in 0..PRODUCERS.len() {
                let of_one = taken.iter().filter(|one| made_by(**one) == producer);
                ensure(of_one.is_sorted(), format!("{title}, {consumer} got items out of order: {taken:?}"))?;
            }
        }
    }
    Ok(())
}

/// The number that stands for an item of a producer.
fn item(producer: usize, number: i64) -> i64 {
    100 * producer as i64 + number
}

fn made_by(item: i64) -> usize {
    (item / 100) as usize
}

fn described(item: i64) -> String {
    format!("item {} of {}", item % 100, PRODUCERS[made_by(item)])
}

fn act(role: &Role) -> Result<()> {
    let buffer: Box<dyn Buffer> = match role.words[0].as_str() {
        "semaphores" => Box::new(Semaphores {
            empty: role.semaphore("empty")?,
            full: role.semaphore("full")?,
            buffer: role.semaphore("buffer")?,
        }),
        "mutex" => Box::new(MutexAndEvents {
            mutex: role.mutex("mutex")?,
            not_full: role.event("not-full")?,
            not_empty: role.event("not-empty")?,
        }),
        _ => Box::new(role.monitor::<i64>("monitor", CONDITIONS)?),
    };
    match PRODUCERS.iter().position(|name| *name == role.name) {
        Some(who) => produce(role, buffer.as_ref(), who),
        None => consume(role, buffer.as_ref()),
    }
}

fn produce(role: &Role, buffer: &dyn Buffer, who: usize) -> Result<()> {
    let (board, was_full) = (role.board()?, role.event("was-full")?);
    for number in 1..=ITEMS {
        buffer.put(&mut || {
            let item = item(who, number);
            let put = board.read(PUT)?;
            board.write(place(put), item)?;
            board.write(PUT, put + 1)?;
            let count = put + 1 - board.read(TAKEN)?;
            role.say(format_args!("put in item {number}: {count} of {PLACES} places are taken"))?;
            if count == PLACES {
                was_full.set().map_err(failed)?;
            }
            Ok(count)
        })?;
        role.pause(200);
    }
    Ok(())
}

fn consume(role: &Role, buffer: &dyn Buffer) -> Result<()> {
    let board = role.board()?;
    let _ = role.event("was-full")?.wait(None).map_err(failed)?;
    for _ in 0..ITEMS {
        buffer.take(&mut || {
            let taken = board.read(TAKEN)?;
            let item = board.read(place(taken))?;
            board.write(TAKEN, taken + 1)?;
            let count = board.read(PUT)? - taken - 1;
            role.say(format_args!("took {}: {count} are left", described(item)))?;
            role.fact("taken", item)?;
            Ok(count)
        })?;
        role.pause(500);
    }
    Ok(())
}

/// Where the item is that was put in as this one.
fn place(number: i64) -> usize {
    BUFFER + (number % PLACES) as usize
}

/// A way to use the buffer: one at a time, who puts in when there is room, who takes out when there is something. What
/// is to be done then tells how many items the buffer holds after it.
trait Buffer {
    fn put(&self, put: &mut dyn FnMut() -> Result<i64>) -> Result<()>;
    fn take(&self, take: &mut dyn FnMut() -> Result<i64>) -> Result<()>;
}

struct Semaphores {
    /// The number of empty places.
    empty: Semaphore,
    /// The number of items.
    full: Semaphore,
    /// One while nobody uses the buffer.
    buffer: Semaphore,
}

impl Semaphores {
    fn pass(&self, from: &Semaphore, to: &Semaphore, change: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        for semaphore in [from, &self.buffer] {
            let _ = semaphore.wait(None).map_err(failed)?;
        }
        change()?;
        for semaphore in [&self.buffer, to] {
            semaphore.release(1).map_err(failed)?;
        }
        Ok(())
    }
}

impl Buffer for Semaphores {
    fn put(&self, put: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        self.pass(&self.empty, &self.full, put)
    }

    fn take(&self, take: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        self.pass(&self.full, &self.empty, take)
    }
}

struct MutexAndEvents {
    mutex: Mutex,
    not_full: Event,
    not_empty: Event,
}

impl MutexAndEvents {
    fn change(&self, when: &Event, change: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        let _ = wait_all(&[&self.mutex, when], None).map_err(failed)?;
        let guard = self.mutex.adopt();
        let count = change()?;
        let tell = |event: &Event, is_so| if is_so { event.set() } else { event.reset() }.map_err(failed);
        tell(&self.not_full, count < PLACES)?;
        tell(&self.not_empty, count > 0)?;
        guard.release().map_err(failed)
    }
}

impl Buffer for MutexAndEvents {
    fn put(&self, put: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        self.change(&self.not_full, put)
    }

    fn take(&self, take: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        self.change(&self.not_empty, take)
    }
}

const NOT_FULL: usize = 0;
const NOT_EMPTY: usize = 1;
const CONDITIONS: usize = 2;

/// Behind the monitor is the number of items.
impl Buffer for Monitor<i64> {
    fn put(&self, put: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        change(self, NOT_FULL, |count| *count == PLACES, put, NOT_EMPTY)
    }

    fn take(&self, take: &mut dyn FnMut() -> Result<i64>) -> Result<()> {
        change(self, NOT_EMPTY, |count| *count == 0, take, NOT_FULL)
    }
}

/// Waits for a condition while something is in the way, changes the buffer, and tells those who wait for another one.
fn change(
    monitor: &Monitor<i64>,
    condition: usize,
    is_in_the_way: impl FnMut(&i64) -> bool,
    change: &mut dyn FnMut() -> Result<i64>,
    other: usize,
) -> Result<()> {
    let guard = monitor.lock().or_else(SharedLockError::into_guard).map_err(failed)?;
    let guard = guard.wait_while(condition, is_in_the_way);
    let mut count = guard.or_else(SharedLockError::into_guard).map_err(failed)?;
    *count = change()?;
    count.notify_one(other).map_err(failed)
}
