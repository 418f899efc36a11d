//! Waits for one, any and all.

use std::time::Duration;

use winipc::{
    Event, MAXIMUM_WAIT_OBJECTS, Mutex, Semaphore, WaitResult, Waitable, Win32Error, signal_and_wait,
    wait_all, wait_any,
};

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn the_lowest_index_wins_and_the_rest_stays() {
    let events: Vec<_> = (0..MAXIMUM_WAIT_OBJECTS).map(|_| Event::auto_reset().unwrap()).collect();
    let objects: Vec<&dyn Waitable> = events.iter().map(|event| event as &dyn Waitable).collect();
    events.iter().for_each(|event| event.set().unwrap());
    for index in 0..MAXIMUM_WAIT_OBJECTS {
        assert_eq!(wait_any(&objects, NOW), Ok(WaitResult::Signaled(index)));
    }
    assert_eq!(wait_any(&objects, NOW), Ok(WaitResult::Timeout));
}

#[test]
fn one_to_sixty_four_objects() {
    let event = Event::manual_reset().unwrap();
    event.set().unwrap();
    let too_many: Vec<&dyn Waitable> = vec![&event; MAXIMUM_WAIT_OBJECTS + 1];
    assert_eq!(wait_any(&too_many, NOW), Err(Win32Error::INVALID_PARAMETER));
    assert_eq!(wait_any(&too_many[1..], NOW), Ok(WaitResult::Signaled(0)));
    assert_eq!(wait_any(&[], NOW), Err(Win32Error::INVALID_PARAMETER));
    assert_eq!(wait_all(&too_many, NOW), Err(Win32Error::INVALID_PARAMETER));
    assert_eq!(wait_all(&[], NOW), Err(Win32Error::INVALID_PARAMETER));
}

#[test]
fn wait_all_takes_all_or_nothing() {
    let (first, second) = (Event::auto_reset().unwrap(), Semaphore::new(0, 1).unwrap());
    first.set().unwrap();
    assert_eq!(wait_all(&[&first, &second], NOW), Ok(WaitResult::Timeout));
    assert_eq!(second.release(1), Ok(0));
    assert_eq!(wait_all(&[&first, &second], None), Ok(WaitResult::Signaled(0)));
    assert_eq!(first.wait(NOW), Ok(WaitResult::Timeout));
    assert_eq!(second.wait(NOW), Ok(WaitResult::Timeout));
}

#[test]
fn an_abandoned_mutex_shows_in_a_wait_for_several() {
    let event = Event::manual_reset().unwrap();
    let mutex = Mutex::new().unwrap();
    let other = mutex.try_clone().unwrap();
    std::thread::spawn(move || std::mem::forget(other.lock())).join().unwrap();
    assert_eq!(wait_any(&[&event, &mutex], None), Ok(WaitResult::Abandoned(1)));
    mutex.adopt().release().unwrap();
}

#[test]
fn signal_and_wait_does_not_wait_where_it_could_not_signal() {
    let event = Event::manual_reset().unwrap();
    event.set().unwrap();
    let full = Semaphore::new(1, 1).unwrap();
    assert_eq!(signal_and_wait(&full, &event, None), Err(Win32Error::TOO_MANY_POSTS));
    assert_eq!(signal_and_wait(&Mutex::new().unwrap(), &event, None), Err(Win32Error::NOT_OWNER));
    let process = winipc::Process::current().unwrap();
    assert_eq!(signal_and_wait(&process, &event, None), Err(Win32Error::INVALID_HANDLE));
}

#[test]
fn two_threads_take_turns() {
    const ROUNDS: usize = 200;
    let (ping, pong) = (Event::auto_reset().unwrap(), Event::auto_reset().unwrap());
    let turns = std::sync::Mutex::new(String::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                assert!(ping.wait(None).unwrap().is_signaled());
                turns.lock().unwrap().push('b');
                pong.set().unwrap();
            }
        });
        for _ in 0..ROUNDS {
            turns.lock().unwrap().push('a');
            assert_eq!(signal_and_wait(&ping, &pong, None), Ok(WaitResult::Signaled(0)));
        }
    });
    assert_eq!(turns.into_inner().unwrap(), "ab".repeat(ROUNDS));
}
