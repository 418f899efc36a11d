//! All ways to die.

use std::sync::atomic::Ordering;

use winipc_executive::wait::{Mode, Outcome};
use winipc_executive::{Handle, Status, apc, event, handle, inspect, mutex, namespace, thread, wait};

use crate::harness::unnamed;
use crate::support::{
    ALL, Child, MUTEX_ALL, PROCESS_ALL, Page, State, Waiter, assert_whole_and_empty, fork, let_keepers_sleep,
    named, progress, units, until,
};

/// Takes the mutex with a name, and makes a name that only the caller knows.
fn take_mutex_and_name() {
    let mutex = mutex::open(&units("mutex"), MUTEX_ALL, false).unwrap();
    assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
    event::create(&named(&units("new")), ALL, false, false).unwrap();
}

/// Sleeps until killed.
pub(crate) fn sleep() -> ! {
    loop {
        // SAFETY: has no preconditions.
        unsafe { libc::pause() };
    }
}

/// Has a child take a mutex for which a survivor waits, and die. The survivor does nothing but wait.
fn die(how: fn(&Page)) -> Child {
    let page = Page::new();
    let (mutex, _) = mutex::create(&named(&units("mutex")), MUTEX_ALL, false).unwrap();
    let child = fork(|| {
        take_mutex_and_name();
        page.word(0).store(1, Ordering::Release);
        until(|| page.word(1).load(Ordering::Acquire) != 0);
        how(&page);
        sleep();
    });
    until(|| page.word(0).load(Ordering::Acquire) != 0);
    let waiter = Waiter::start(move || {
        let outcome = wait::one(mutex, None, false);
        mutex::release(mutex).unwrap();
        outcome
    });
    page.word(1).store(1, Ordering::Release);
    assert_eq!(waiter.outcome(), Outcome::Abandoned(0));
    handle::close(mutex).unwrap();
    child
}

/// The same, for a death of the whole process.
fn end(how: fn(&Page)) {
    let mut child = die(how);
    assert_eq!(event::open(&units("new"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    child.kill();
    assert_whole_and_empty();
}

pub(crate) fn kill() {
    end(|_| {
        // SAFETY: the process's own id.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    });
}

pub(crate) fn abort() {
    end(|_| {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid limit: no core file.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
        std::process::abort()
    });
}

fn execute(program: &std::ffi::CStr, argument: &std::ffi::CStr) {
    let arguments = [program.as_ptr(), argument.as_ptr(), core::ptr::null()];
    // SAFETY: NUL-terminated strings and a terminated list of them.
    unsafe { libc::execv(program.as_ptr(), arguments.as_ptr()) };
    panic!("exec: {}", std::io::Error::last_os_error());
}

pub(crate) fn exec() {
    end(|_| execute(c"/bin/true", c""));
}

pub(crate) fn exec_of_a_program_that_stays() {
    // The process goes on, but has left the namespace.
    end(|_| execute(c"/bin/sleep", c"1000"));
}

/// Ends the calling thread without any destructor.
fn end_thread_raw() -> ! {
    // SAFETY: ends the calling thread only; its memory stays.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended")
}

/// Has a thread of the calling process, whose other threads live on, die raw.
fn die_raw(wait: fn(Handle), strike: fn(libc::pthread_t)) {
    let (mutex, _) = mutex::create(&named(&units("mutex")), MUTEX_ALL, false).unwrap();
    let (event, _) = event::create(&unnamed(), ALL, false, false).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let dead = Waiter::start(move || {
        assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
        // SAFETY: has no preconditions.
        tell.send(unsafe { libc::pthread_self() }).unwrap();
        wait(event);
        end_thread_raw()
    });
    let id = told.recv().unwrap();
    let waiter = Waiter::start(move || {
        let outcome = wait::one(mutex, None, false);
        mutex::release(mutex).unwrap();
        outcome
    });
    strike(id);
    assert_eq!(waiter.outcome(), Outcome::Abandoned(0));
    // Its wait is gone with it: nobody takes this.
    event::set(event).unwrap();
    assert_eq!(wait::one(event, None, false), Ok(Outcome::Object(0)));
    core::mem::forget(dead);
    handle::close(event).unwrap();
    handle::close(mutex).unwrap();
    assert_whole_and_empty();
}

pub(crate) fn raw_exit_of_a_thread() {
    die_raw(|_| {}, |_| {});
}

pub(crate) fn raw_exit_of_a_waiting_thread() {
    extern "C" fn strike(_: i32) {
        end_thread_raw()
    }
    let handler: extern "C" fn(i32) = strike;
    // SAFETY: the handler only makes a system call.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    die_raw(
        |event| panic!("the wait has ended: {:?}", wait::one(event, None, false)),
        |thread| {
            // SAFETY: the thread sleeps and has not been joined.
            unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
        },
    );
}

/// More threads than a keeper can sleep on: of those beyond, a raw end was noticed when something else woke it.
pub(crate) fn raw_exit_of_one_of_many_threads() {
    const COUNT: usize = 200;
    let (tell, told) = std::sync::mpsc::channel();
    let threads: Vec<_> = (0..COUNT)
        .map(|_| {
            let tell = tell.clone();
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || {
                let (mutex, _) = mutex::create(&unnamed(), MUTEX_ALL, true).unwrap();
                tell.send(mutex).unwrap();
                ended.recv().unwrap();
                end_thread_raw()
            });
            core::mem::forget(thread);
            (told.recv().unwrap(), end)
        })
        .collect();
    // The nearest and the farthest, and some of each watcher's.
    for number in [0, COUNT - 1, 61, 100, 59, 60, 190, 120] {
        progress(format!("thread {number}"));
        let (mutex, end) = &threads[number];
        let mutex = *mutex;
        let waiter = Waiter::start(move || {
            let outcome = wait::one(mutex, None, false);
            mutex::release(mutex).unwrap();
            outcome
        });
        // What the waiter's coming has woken goes to sleep again.
        let_keepers_sleep(std::process::id() as i32);
        end.send(()).unwrap();
        assert_eq!(waiter.outcome(), Outcome::Abandoned(0));
    }
    for (mutex, _) in &threads {
        handle::close(*mutex).unwrap();
    }
    assert_eq!(inspect::check(), []);
    // The other threads end with the process, and need not panic before.
    core::mem::forget(threads);
}

pub(crate) fn every_mutex_of_a_dead_owner_is_abandoned() {
    for round in 0..30 {
        progress(format!("round {round}"));
        abandon_many();
    }
}

fn abandon_many() {
    const COUNT: usize = 20;
    let name = |number: usize| units(&format!("mutex-{number}"));
    let mutexes: Vec<_> =
        (0..COUNT).map(|number| mutex::create(&named(&name(number)), MUTEX_ALL, true).unwrap().0).collect();
    let page = Page::new();
    let mut child = fork(|| {
        let mutexes: Vec<_> =
            (0..COUNT).map(|number| mutex::open(&name(number), MUTEX_ALL, false).unwrap()).collect();
        assert_eq!(wait::one(mutexes[0], None, false), Ok(Outcome::Object(0)));
        page.word(0).store(1, Ordering::Release);
        // The others are in a result that the thread record still holds when the owner dies, and in its list before
        // the first one. Whoever is given one of them enters it into a list of its own.
        assert_eq!(wait::many(&mutexes[1..], Mode::All, None, false), Ok(Outcome::Object(0)));
        page.word(0).store(2, Ordering::Release);
        sleep();
    });
    mutex::release(mutexes[0]).unwrap();
    until(|| page.word(0).load(Ordering::Acquire) == 1 && child.is_asleep());
    for mutex in &mutexes[1..] {
        mutex::release(*mutex).unwrap();
    }
    until(|| page.word(0).load(Ordering::Acquire) == 2);
    let waiters: Vec<_> = mutexes
        .iter()
        .map(|mutex| {
            let mutex = *mutex;
            Waiter::start(move || {
                let outcome = wait::one(mutex, None, false);
                mutex::release(mutex).unwrap();
                outcome
            })
        })
        .collect();
    child.kill();
    for waiter in waiters {
        assert_eq!(waiter.outcome(), Outcome::Abandoned(0));
    }
    mutexes.into_iter().for_each(|mutex| handle::close(mutex).unwrap());
    assert_whole_and_empty();
}

pub(crate) fn a_killed_owner_abandons_to_its_waiter() {
    for round in 0..100 {
        progress(format!("round {round}"));
        kill();
    }
}

pub(crate) fn all_but_one_at_once() {
    const COUNT: usize = 6;
    for round in 0..10 {
        progress(format!("round {round}"));
        let page = Page::new();
        let name = |number: usize| units(&format!("mutex-{number}"));
        let mutexes: Vec<_> = (0..COUNT)
            .map(|number| mutex::create(&named(&name(number)), MUTEX_ALL, false).unwrap().0)
            .collect();
        let children: Vec<_> = (0..COUNT)
            .map(|number| {
                fork(|| {
                    let mutex = mutex::open(&name(number), MUTEX_ALL, false).unwrap();
                    assert_eq!(wait::one(mutex, None, false), Ok(Outcome::Object(0)));
                    let next = mutex::open(&name((number + 1) % COUNT), MUTEX_ALL, false).unwrap();
                    page.word(0).fetch_add(1, Ordering::AcqRel);
                    until(|| page.word(0).load(Ordering::Acquire) == COUNT as u64);
                    page.word(1).fetch_add(1, Ordering::AcqRel);
                    // A chain of waiters, all of which die.
                    let _ = wait::one(next, None, false);
                    sleep();
                })
            })
            .collect();
        until(|| {
            page.word(1).load(Ordering::Acquire) == COUNT as u64 && children.iter().all(Child::is_asleep)
        });
        let waiters: Vec<_> = mutexes
            .iter()
            .map(|mutex| {
                let mutex = *mutex;
                Waiter::start(move || {
                    let outcome = wait::one(mutex, None, false);
                    mutex::release(mutex).unwrap();
                    outcome
                })
            })
            .collect();
        for child in &children {
            child.signal(libc::SIGKILL);
        }
        for waiter in waiters {
            assert_eq!(waiter.outcome(), Outcome::Abandoned(0));
        }
        drop(children);
        mutexes.into_iter().for_each(|mutex| handle::close(mutex).unwrap());
        assert_eq!(event::open(&units("nobody"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
        assert_whole_and_empty();
    }
}

/// A member that does nothing.
pub(crate) fn member() -> Child {
    let page = Page::new();
    let child = fork(|| {
        namespace::attach().unwrap();
        page.word(0).store(1, Ordering::Release);
        sleep();
    });
    until(|| page.word(0).load(Ordering::Acquire) != 0);
    child
}

pub(crate) fn a_stopped_watcher_hides_no_death() {
    for round in 0..20 {
        progress(format!("round {round}"));
        // One before the victim in the ring and one after it.
        let mut watchers = vec![member()];
        let mut victim = None;
        let page = Page::new();
        let (mutex, _) = mutex::create(&named(&units("mutex")), MUTEX_ALL, false).unwrap();
        victim.replace(fork(|| {
            take_mutex_and_name();
            page.word(0).store(1, Ordering::Release);
            sleep();
        }));
        until(|| page.word(0).load(Ordering::Acquire) != 0);
        watchers.push(member());
        for watcher in &mut watchers {
            watcher.signal(libc::SIGSTOP);
            assert_eq!(watcher.wait_for_stop(), State::Stopped);
        }
        let waiter = Waiter::start(move || {
            let outcome = wait::one(mutex, None, false);
            mutex::release(mutex).unwrap();
            outcome
        });
        victim.take().unwrap().kill();
        assert_eq!(waiter.outcome(), Outcome::Abandoned(0));
        for watcher in &mut watchers {
            watcher.kill();
        }
        handle::close(mutex).unwrap();
        assert_eq!(event::open(&units("new"), ALL, false), Err(Status::OBJECT_NAME_NOT_FOUND));
        assert_whole_and_empty();
    }
}

pub(crate) fn calls_to_a_thread_that_ends_are_not_the_next_ones() {
    for round in 0..2_000 {
        progress(format!("round {round}"));
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            assert_eq!(wait::sleep(crate::support::NOW, true), Ok(Outcome::Timeout));
            assert_eq!(apc::take(), None);
            tell.send(thread::id()).unwrap();
        });
        let target = thread::open(told.recv().unwrap(), PROCESS_ALL, false);
        if let Ok(target) = target {
            while apc::queue(target, 1, 2).is_ok() && !thread.is_finished() {}
            handle::close(target).unwrap();
        }
        thread.join().unwrap();
    }
    assert_whole_and_empty();
}
