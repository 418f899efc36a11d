//! The same rules with several threads and processes at once: who wins is open, what adds up is not.

use crate::support::child::Child;
use crate::support::pipe::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

tests![
    one_of_many_creators_is_the_first,
    one_of_many_servers_is_the_first_instance,
    one_of_many_clients_gets_the_instance,
    a_wait_for_all_is_never_half_done,
    a_wait_for_all_that_is_not_complete_is_passed_over,
    semaphore_counts_are_conserved,
    sets_of_an_automatic_event_are_never_doubled,
    a_pulse_may_complete_a_wait_for_all,
    many_handles_are_distinct,
    many_clients_are_served_at_once,
    a_long_stream_arrives_in_order,
    messages_of_all_sizes_arrive_whole,
    processes_take_turns_with_a_mutex,
    two_processes_talk_over_a_pipe,
    a_disconnect_ends_a_read_of_another_process,
    another_process_ends_a_wait_for_an_instance,
    a_killed_process_frees_its_instances,
    cancelling_leaves_requests_of_other_processes,
];

/// Runs `body` on `count` threads that start together, and returns what they returned.
fn together<R: Send>(count: usize, body: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let (barrier, body) = (&Barrier::new(count), &body);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|index| {
                scope.spawn(move || {
                    barrier.wait();
                    body(index)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// 1.3: Of several that create one name at once exactly one makes the object; the others open it.
fn one_of_many_creators_is_the_first() {
    for _ in 0..50 {
        let name = Name::unique();
        let created = together(4, |_| {
            let (handle, error) = call!(CreateSemaphoreW(null(), 0, 9, name.ptr()));
            (Handle::own(handle), error)
        });
        assert_eq!(created.iter().filter(|(_, error)| *error == ERROR_SUCCESS).count(), 1);
        assert_eq!(created.iter().filter(|(_, error)| *error == ERROR_ALREADY_EXISTS).count(), 3);
        for (handle, _) in &created {
            ok!(ReleaseSemaphore(handle.raw(), 1, null_mut()));
        }
        assert_eq!(count_of(&created[0].0), 4, "all have one object");
    }
}

/// 5.1: Of several that ask for the first instance at once exactly one gets it.
fn one_of_many_servers_is_the_first_instance() {
    for _ in 0..30 {
        let name = pipe_name();
        let created = together(4, |_| {
            let open_mode = DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE;
            let (handle, error) = call!(CreateNamedPipeW(name.ptr(), open_mode, BYTE, 255, 0, 0, 0, null()));
            if handle == INVALID_HANDLE_VALUE { Err(error) } else { Ok(Handle::own(handle)) }
        });
        assert_eq!(created.iter().filter(|server| server.is_ok()).count(), 1);
        assert!(
            created
                .iter()
                .flat_map(|server| server.as_ref().err())
                .all(|&error| error == ERROR_ACCESS_DENIED)
        );
    }
}

/// 5.2: Of several clients that open one listening instance at once exactly one gets it; others are told it is busy.
fn one_of_many_clients_gets_the_instance() {
    for _ in 0..30 {
        let name = pipe_name();
        let _server = server(&name, DUPLEX, BYTE);
        let opened = together(4, |_| {
            let (handle, error) = try_client(&name, READ_WRITE, 0);
            if handle == INVALID_HANDLE_VALUE { Err(error) } else { Ok(Handle::own(handle)) }
        });
        assert_eq!(opened.iter().filter(|client| client.is_ok()).count(), 1);
        assert!(
            opened.iter().flat_map(|client| client.as_ref().err()).all(|&error| error == ERROR_PIPE_BUSY)
        );
    }
}

/// 2.2: Five philosophers who take both forks by one wait for all never starve and never share a fork.
fn a_wait_for_all_is_never_half_done() {
    let forks = [(); 5].map(|()| mutex(false));
    let users = [(); 5].map(|()| AtomicU32::new(0));
    together(5, |seat| {
        let (left, right) = (seat, (seat + 1) % 5);
        for _ in 0..100 {
            assert_eq!(wait_all(&[&forks[left], &forks[right]], SOON), WAIT_OBJECT_0);
            for fork in [left, right] {
                assert_eq!(users[fork].fetch_add(1, Ordering::AcqRel), 0, "fork {fork} is shared");
            }
            for fork in [left, right] {
                users[fork].fetch_sub(1, Ordering::AcqRel);
                ok!(ReleaseMutex(forks[fork].raw()));
            }
        }
    });
}

/// 3.1: A wait for all that stays incomplete takes nothing: the object goes to the next waiter that it satisfies.
fn a_wait_for_all_that_is_not_complete_is_passed_over() {
    let (automatic, semaphore, started) = (event(false, false), semaphore(0, 1), event(false, false));
    let never = event(true, false);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            ok!(SetEvent(started.raw()));
            wait_all(&[&automatic, &semaphore, &never], SOON)
        });
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        let second =
            scope.spawn(|| call!(SignalObjectAndWait(started.raw(), automatic.raw(), SOON, FALSE)).0);
        assert_eq!(wait(&started, SOON), WAIT_OBJECT_0);
        ok!(SetEvent(automatic.raw()));
        ok!(ReleaseSemaphore(semaphore.raw(), 1, null_mut()));
        assert_eq!(second.join().unwrap(), WAIT_OBJECT_0);
        assert!(!is_signaled(&automatic));
        assert!(is_signaled(&semaphore));
        ok!(ReleaseSemaphore(semaphore.raw(), 1, null_mut()));
        ok!(SetEvent(automatic.raw()));
        ok!(SetEvent(never.raw()));
        assert_eq!(first.join().unwrap(), WAIT_OBJECT_0);
    });
    assert!(!is_signaled(&automatic) && !is_signaled(&semaphore));
}

/// 3.3: However many threads take and release, what was released is taken once.
fn semaphore_counts_are_conserved() {
    let (full, taken) = (semaphore(0, i32::MAX), AtomicU32::new(0));
    let never = event(true, false);
    together(4, |index| {
        for round in 0..200 {
            if index < 2 {
                ok!(ReleaseSemaphore(full.raw(), 1 + round % 2, null_mut()));
                continue;
            }
            // Two takers, 300 each, by both kinds of wait.
            for _ in 0..1 + round % 2 {
                let result =
                    if round % 3 == 0 { wait(&full, SOON) } else { wait_any(&[&never, &full], SOON) };
                assert!(result == WAIT_OBJECT_0 || result == WAIT_OBJECT_0 + 1, "{result:#x}");
                taken.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    assert_eq!((taken.into_inner(), count_of(&full)), (600, 0));
}

/// 3.1: One SetEvent of an automatic event releases one waiter at most, also with waiters and setters at once.
fn sets_of_an_automatic_event_are_never_doubled() {
    let (automatic, stop) = (event(false, false), event(true, false));
    let (sets, takes) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while wait_any(&[&stop, &automatic], SOON) == WAIT_OBJECT_0 + 1 {
                    takes.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        together(2, |_| {
            for _ in 0..300 {
                sets.fetch_add(1, Ordering::AcqRel);
                ok!(SetEvent(automatic.raw()));
            }
        });
        until("something was taken", || takes.load(Ordering::Acquire) > 0);
        ok!(SetEvent(stop.raw()));
    });
    assert!(takes.into_inner() <= sets.into_inner());
}

/// 3.1: PulseEvent completes a wait for all whose other objects are signaled, and takes those.
fn a_pulse_may_complete_a_wait_for_all() {
    let (manual, automatic) = (event(true, false), event(false, true));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| wait_all(&[&manual, &automatic], SOON));
        until("a pulse reaches the wait", || {
            ok!(PulseEvent(manual.raw()));
            waiter.is_finished()
        });
        assert_eq!(waiter.join().unwrap(), WAIT_OBJECT_0);
    });
    assert!(!is_signaled(&manual) && !is_signaled(&automatic));
}

/// 1.1: Thousands of handles may be open at once, all different and each with its own object.
fn many_handles_are_distinct() {
    let events: Vec<Handle> = (0..3000).map(|index| event(true, index % 3 == 0)).collect();
    let mut values: Vec<usize> = events.iter().map(|event| event.raw() as usize).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), 3000);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(is_signaled(event), index % 3 == 0);
    }
}

/// 5.2: A hundred instances of one name serve a hundred clients, each its own.
fn many_clients_are_served_at_once() {
    let name = pipe_name();
    let servers: Vec<Handle> = (0..100).map(|_| server(&name, OVERLAPPED_DUPLEX, MESSAGE)).collect();
    let connects: Vec<Request> = servers.iter().map(|server| Request::connect(server).pending()).collect();
    let clients: Vec<Handle> = servers.iter().map(|_| client(&name, READ_WRITE, 0)).collect();
    for (index, client) in clients.iter().enumerate() {
        expect_write(client, &(index as u32).to_be_bytes());
    }
    for (index, (server, connect)) in servers.iter().zip(&connects).enumerate() {
        assert_eq!(connect.finish().0, TRUE);
        assert_eq!(Request::read(server, 9).finish_read(), (index as u32).to_be_bytes());
    }
}

/// 5.7: A stream much longer than the quota arrives whole and in order, whatever the sizes of writes and reads.
fn a_long_stream_arrives_in_order() {
    let (server, client) = pair_with(DUPLEX, BYTE, 1000, 1000);
    let stream: Vec<u8> = (0..200_000u32).map(|at| (at * 7 % 251) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut rest = stream.as_slice();
            for size in [1, 999, 1000, 1001, 5000, 3].into_iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(size));
                expect_write(&server, now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
        });
        let mut received = Vec::new();
        for size in [1, 2000, 7, 512].into_iter().cycle() {
            let (value, error, bytes) = read(&client, size);
            assert!(value == TRUE && !bytes.is_empty(), "{error}");
            received.extend(bytes);
            if received.len() == stream.len() {
                break;
            }
        }
        assert!(received == stream);
    });
}

/// 5.7: Messages of all sizes, empty ones too, arrive whole and in order through a small quota.
fn messages_of_all_sizes_arrive_whole() {
    let (server, client) = pair_with(DUPLEX, MESSAGE, 64, 64);
    let message = |index: usize| vec![index as u8; index * 13 % 400];
    std::thread::scope(|scope| {
        scope.spawn(|| (0..500).for_each(|index| expect_write(&server, &message(index))));
        for index in 0..500 {
            let expected = message(index);
            let mut received = Vec::new();
            loop {
                let (value, error, bytes) = read(&client, 100);
                received.extend(bytes);
                if value == TRUE {
                    break;
                }
                assert_eq!(error, ERROR_MORE_DATA);
            }
            assert!(received == expected, "message {index}");
        }
    });
}

/// 3.2: Processes that contend for a named mutex all get their turns, and release what they own.
fn processes_take_turns_with_a_mutex() {
    let name = Name::unique();
    let mutex = Handle::own(ok!(CreateMutexW(null(), FALSE, name.ptr())));
    let mut children: Vec<(Child, i64)> = (0..2)
        .map(|_| {
            let mut child = Child::start();
            let there = child.handle(&format!("open_mutex {} {MUTEX_ALL_ACCESS}", name.text()));
            (child, there)
        })
        .collect();
    for _ in 0..50 {
        for (child, there) in &mut children {
            child.send(&format!("wait {there} {SOON}"));
            child.send(&format!("release_mutex {there}"));
        }
        assert_eq!(wait(&mutex, SOON), WAIT_OBJECT_0);
        ok!(ReleaseMutex(mutex.raw()));
    }
    for (child, _) in &mut children {
        for _ in 0..50 {
            assert_eq!(child.answer().value, WAIT_OBJECT_0.into());
            assert_eq!(child.answer().value, 1);
        }
    }
}

/// 5.3: A server process connects, reads, writes and disconnects with a client in another process.
fn two_processes_talk_over_a_pipe() {
    let (name, mut child) = (pipe_name(), Child::start());
    let there = child.handle(&format!("create_pipe {} {DUPLEX} {MESSAGE}", name.text()));
    for round in 0..5 {
        child.send(&format!("connect {there}"));
        if round > 0 {
            // The instance listens again when the child has come so far.
            until("the instance listens", || call!(WaitNamedPipeW(name.ptr(), 100)).0 == TRUE);
        }
        let client = client(&name, READ_WRITE, 0);
        let connected = child.answer();
        assert!(connected.value == 1 || connected.error == ERROR_PIPE_CONNECTED, "{connected:?}");
        expect_write(&client, b"question");
        assert_eq!(child.ok(&format!("read {there} 99")), b"question");
        child.ok(&format!("write {there} answer"));
        expect_read(&client, 99, b"answer");
        child.ok(&format!("disconnect {there}"));
        read_fails(&client, ERROR_PIPE_NOT_CONNECTED);
    }
}

/// 5.3: A disconnect fails the blocked read of a client in another process with ERROR_PIPE_NOT_CONNECTED.
fn a_disconnect_ends_a_read_of_another_process() {
    let (name, mut child) = (pipe_name(), Child::start());
    let server = server(&name, DUPLEX, BYTE);
    let there = child.handle(&format!("open_pipe {}", name.text()));
    child.send(&format!("read {there} 9"));
    ok!(DisconnectNamedPipe(server.raw()));
    let answer = child.answer();
    assert_eq!((answer.value, answer.error, answer.bytes.len()), (0, ERROR_PIPE_NOT_CONNECTED, 0));
}

/// 5.10: A new instance in another process ends a WaitNamedPipe.
fn another_process_ends_a_wait_for_an_instance() {
    let (name, mut child) = (pipe_name(), Child::start());
    let _busy = server(&name, DUPLEX, BYTE);
    let _client = client(&name, READ_WRITE, 0);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| call!(WaitNamedPipeW(name.ptr(), SOON)));
        child.handle(&format!("create_pipe {} {DUPLEX} {BYTE}", name.text()));
        assert_eq!(waiter.join().unwrap(), (TRUE, UNTOUCHED));
    });
}

/// 5.13: The instances of a killed process count no more when its end is seen.
fn a_killed_process_frees_its_instances() {
    let (name, mut child) = (pipe_name(), Child::start());
    let _first = server_with(&name, DUPLEX, BYTE, 2, 0, 0);
    child.handle(&format!("create_pipe {} {DUPLEX} {BYTE}", name.text()));
    fails!(CreateNamedPipeW(name.ptr(), DUPLEX, BYTE, 2, 0, 0, 0, null()), ERROR_PIPE_BUSY);
    let process = child.open(SYNCHRONIZE);
    child.kill();
    assert_eq!(wait(&process, SOON), WAIT_OBJECT_0);
    server_with(&name, DUPLEX, BYTE, 2, 0, 0);
}

/// 7.2: CancelIoEx leaves the requests of other processes on the same file.
fn cancelling_leaves_requests_of_other_processes() {
    let ((server, client), mut child) = (pair(DUPLEX, BYTE), Child::start());
    let process = child.open(PROCESS_DUP_HANDLE);
    let (mut there, same) = (null_mut(), DUPLICATE_SAME_ACCESS);
    ok!(DuplicateHandle(this_process(), client.raw(), process.raw(), &mut there, 0, FALSE, same));
    child.send(&format!("read {} 9", there as isize));
    for _ in 0..1000 {
        fails!(CancelIoEx(client.raw(), null()), ERROR_NOT_FOUND);
    }
    expect_write(&server, b"data");
    let answer = child.answer();
    assert_eq!((answer.value, answer.bytes.as_slice()), (1, &b"data"[..]));
}
