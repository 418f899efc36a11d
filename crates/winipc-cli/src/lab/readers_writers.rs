//! Readers and writers: many may read at a time, and a writer is alone.

use winipc::section::{Monitor, MonitorGuard, SharedLockError};
use winipc::{Event, Mutex, Semaphore, Waitable, wait_all};

use super::board::Board;
use super::play::Play;
use super::role::Role;
use super::{Lab, ensure, failed};
use crate::error::Result;

pub(super) const LAB: Lab = Lab {
    name: "readers-writers",
    title: "readers read together, writers write alone: over semaphores, over a mutex and an event, over a monitor",
    play,
    act,
    look_for: &[
        "all three readers are inside at one time: the first reading ends only when all have begun; after it they wait \
         until something has been written",
        "what is written has two halves; no reader sees one that is new and one that is old",
        "over semaphores, the first reader locks the writers out, and the last one lets them in: who locks and who \
         unlocks are different processes, which a mutex would not allow",
        "over a mutex and an event, a writer waits for both at one instant: nobody inside, and nobody can come in",
        "over a monitor, the numbers of readers and writers and the waits for them to change are one object",
        "all three give the same result; the order of the lines differs from run to run",
    ],
};

const READERS: [&str; 3] = ["reader 1", "reader 2", "reader 3"];
const WRITERS: [&str; 2] = ["writer 1", "writer 2"];
const ROUNDS: i64 = 4;
const WAYS: [(&str, &str); 3] = [
    ("semaphores", "over semaphores"),
    ("mutex", "over a mutex and an event"),
    ("monitor", "over a monitor"),
];

/// Places on the board: what is written and read,
const HALVES: [usize; 2] = [0, 1];
/// how many readers are inside,
const READERS_INSIDE: usize = 2;
/// and how many writers.
const WRITERS_INSIDE: usize = 3;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    readings: usize,
    faulty_readings: usize,
    writings: usize,
    faulty_writings: usize,
    /// What is written in the end.
    halves: [i64; 2],
}

fn play(play: &mut Play) -> Result<()> {
    let expected = Outcome {
        readings: READERS.len() * ROUNDS as usize,
        faulty_readings: 0,
        writings: WRITERS.len() * ROUNDS as usize,
        faulty_writings: 0,
        halves: [WRITERS.len() as i64 * ROUNDS; 2],
    };
    for (way, title) in WAYS {
        let outcome = run(play, way, title)?;
        ensure(outcome == expected, format!("{title}, it was not {expected:?} but {outcome:?}"))?;
    }
    Ok(())
}

fn run(play: &mut Play, way: &str, title: &str) -> Result<Outcome> {
    let mut scene = play.scene(title)?;
    let board = scene.board(&[0; 4])?;
    scene.semaphore("readers-inside", 0, READERS.len() as u32)?;
    scene.event("all-readers-inside", true, false)?;
    scene.event("has-been-written", true, false)?;
    scene.semaphore("count", 1, 1)?;
    scene.semaphore("writing", 1, 1)?;
    scene.mutex("mutex")?;
    scene.event("no-readers", true, true)?;
    scene.monitor::<Inside>("monitor", CONDITIONS)?;
    for name in READERS.into_iter().chain(WRITERS) {
        scene.enter(name, &[way])?;
    }
    scene.finish()?;
    let (readings, writings) = (scene.values("read", None), scene.values("written", None));
    let faults = |values: &[i64]| values.iter().filter(|value| **value != 1).count();
    Ok(Outcome {
        readings: readings.len(),
        faulty_readings: faults(&readings),
        writings: writings.len(),
        faulty_writings: faults(&writings),
        halves: [board.read(HALVES[0])?, board.read(HALVES[1])?],
    })
}

fn act(role: &Role) -> Result<()> {
    let gate: Box<dyn Gate> = match role.words[0].as_str() {
        "semaphores" => Box::new(Semaphores {
            count: role.semaphore("count")?,
            writing: role.semaphore("writing")?,
            board: role.board()?,
        }),
        "mutex" => Box::new(MutexAndEvent {
            mutex: role.mutex("mutex")?,
            no_readers: role.event("no-readers")?,
            board: role.board()?,
        }),
        _ => Box::new(role.monitor::<Inside>("monitor", CONDITIONS)?),
    };
    if WRITERS.contains(&role.name.as_str()) {
        // So that there is somebody to keep them out.
        let _ = role.event("all-readers-inside")?.wait(None).map_err(failed)?;
        (1..=ROUNDS).try_for_each(|_| write(role, gate.as_ref()))
    } else {
        (1..=ROUNDS).try_for_each(|round| read(role, gate.as_ref(), round == 1))
    }
}

fn read(role: &Role, gate: &dyn Gate, is_first: bool) -> Result<()> {
    let board = role.board()?;
    gate.begin_reading()?;
    if is_first {
        meet(role)?;
    }
    let first = board.read(HALVES[0])?;
    role.pause(300);
    let second = board.read(HALVES[1])?;
    let is_alone = board.read(WRITERS_INSIDE)? == 0;
    role.say(format_args!("read {first} and {second}"))?;
    gate.end_reading()?;
    role.fact("read", i64::from(first == second && is_alone))?;
    if is_first {
        let _ = role.event("has-been-written")?.wait(None).map_err(failed)?;
    }
    role.pause(200);
    Ok(())
}

/// Waits inside until all readers are.
fn meet(role: &Role) -> Result<()> {
    let (inside, all_inside) = (role.semaphore("readers-inside")?, role.event("all-readers-inside")?);
    role.say("I am inside")?;
    if inside.release(1).map_err(failed)? + 1 == READERS.len() as u32 {
        role.say("we all are")?;
        all_inside.set().map_err(failed)?;
    }
    all_inside.wait(None).map(drop).map_err(failed)
}

fn write(role: &Role, gate: &dyn Gate) -> Result<()> {
    let board = role.board()?;
    gate.begin_writing()?;
    let mut is_alone = board.add(WRITERS_INSIDE, 1)? == 1;
    let first = board.add(HALVES[0], 1)?;
    role.pause(300);
    let second = board.add(HALVES[1], 1)?;
    is_alone &= board.add(WRITERS_INSIDE, -1)? == 0;
    role.say(format_args!("wrote {first} and {second}"))?;
    gate.end_writing()?;
    role.event("has-been-written")?.set().map_err(failed)?;
    role.fact("written", i64::from(first == second && is_alone))?;
    role.pause(200);
    Ok(())
}

/// A way to keep readers and writers apart.
trait Gate {
    fn begin_reading(&self) -> Result<()>;
    fn end_reading(&self) -> Result<()>;
    fn begin_writing(&self) -> Result<()>;
    fn end_writing(&self) -> Result<()>;
}

struct Semaphores {
    /// Guards the number of readers.
    count: Semaphore,
    /// Taken by a writer, or by the first reader for all.
    writing: Semaphore,
    board: Board,
}

fn take(semaphore: &Semaphore) -> Result<()> {
    semaphore.wait(None).map(drop).map_err(failed)
}

fn give(semaphore: &Semaphore) -> Result<()> {
    semaphore.release(1).map(drop).map_err(failed)
}

impl Gate for Semaphores {
    fn begin_reading(&self) -> Result<()> {
        take(&self.count)?;
        if self.board.add(READERS_INSIDE, 1)? == 1 {
            take(&self.writing)?;
        }
        give(&self.count)
    }

    fn end_reading(&self) -> Result<()> {
        take(&self.count)?;
        if self.board.add(READERS_INSIDE, -1)? == 0 {
            give(&self.writing)?;
        }
        give(&self.count)
    }

    fn begin_writing(&self) -> Result<()> {
        take(&self.writing)
    }

    fn end_writing(&self) -> Result<()> {
        give(&self.writing)
    }
}

struct MutexAndEvent {
    /// Guards the number of readers, and is owned by a writer while it writes.
    mutex: Mutex,
    /// Set while the number is 0.
    no_readers: Event,
    board: Board,
}

impl MutexAndEvent {
    fn change_readers(&self, by: i64) -> Result<()> {
        let guard = self.mutex.lock().map_err(failed)?;
        let readers = self.board.add(READERS_INSIDE, by)?;
        let set = if readers == 0 { Event::set } else { Event::reset };
        set(&self.no_readers).map_err(failed)?;
        guard.release().map_err(failed)
    }
}

impl Gate for MutexAndEvent {
    fn begin_reading(&self) -> Result<()> {
        self.change_readers(1)
    }

    fn end_reading(&self) -> Result<()> {
        self.change_readers(-1)
    }

    fn begin_writing(&self) -> Result<()> {
        wait_all(&[&self.mutex, &self.no_readers], None).map(drop).map_err(failed)
    }

    fn end_writing(&self) -> Result<()> {
        self.mutex.adopt().release().map_err(failed)
    }
}

/// Behind the monitor: how many readers and how many writers are inside.
type Inside = [i64; 2];

/// No writer is inside.
const MAY_READ: usize = 0;
/// Nobody is inside.
const MAY_WRITE: usize = 1;
const CONDITIONS: usize = 2;

impl Gate for Monitor<Inside> {
    fn begin_reading(&self) -> Result<()> {
        let guard = enter(self)?.wait_while(MAY_READ, |[_, writers]| *writers > 0);
        guard.or_else(SharedLockError::into_guard).map(|mut inside| inside[0] += 1).map_err(failed)
    }

    fn end_reading(&self) -> Result<()> {
        let mut inside = enter(self)?;
        inside[0] -= 1;
        if inside[0] == 0 { inside.notify_one(MAY_WRITE).map_err(failed) } else { Ok(()) }
    }

    fn begin_writing(&self) -> Result<()> {
        let guard = enter(self)?.wait_while(MAY_WRITE, |inside| *inside != [0, 0]);
        guard.or_else(SharedLockError::into_guard).map(|mut inside| inside[1] += 1).map_err(failed)
    }

    fn end_writing(&self) -> Result<()> {
        let mut inside = enter(self)?;
        inside[1] -= 1;
        inside.notify_all(MAY_READ).and_then(|()| inside.notify_one(MAY_WRITE)).map_err(failed)
    }
}

fn enter(monitor: &Monitor<Inside>) -> Result<MonitorGuard<'_, Inside>> {
    monitor.lock().or_else(SharedLockError::into_guard).map_err(failed)
}
