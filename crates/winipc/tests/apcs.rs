//! Closures on other threads, and timers' routines.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex as StandardMutex, mpsc};
use std::thread;
use std::time::Duration;

use winipc::{
    Due, Event, Thread, TimerRoutine, WaitResult, Waitable, WaitableTimer, Win32Error, sleep_alertable,
    wait_any_alertable,
};

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn closures_run_in_order_in_one_alertable_wait() {
    let order = Arc::new(StandardMutex::new(Vec::new()));
    let this = Thread::current().unwrap();
    for number in 0..10 {
        let order = Arc::clone(&order);
        this.queue_apc(move || order.lock().unwrap().push(number)).unwrap();
    }
    let event = Event::manual_reset().unwrap();
    // A wait that is not alertable leaves them alone.
    assert_eq!(event.wait(NOW), Ok(WaitResult::Timeout));
    assert!(order.lock().unwrap().is_empty());
    assert_eq!(event.wait_alertable(None), Ok(WaitResult::IoCompletion));
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
    assert_eq!(event.wait_alertable(NOW), Ok(WaitResult::Timeout));
}

#[test]
fn a_closure_ends_the_wait_of_another_thread() {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        let never = Event::manual_reset().unwrap();
        sender.send(Thread::current().unwrap()).unwrap();
        wait_any_alertable(&[&never], None)
    });
    let thread = receiver.recv().unwrap();
    let (sender, receiver) = mpsc::channel();
    thread.queue_apc(move || sender.send(Thread::current_id()).unwrap()).unwrap();
    assert_eq!(receiver.recv().unwrap(), thread.id().unwrap());
    assert_eq!(worker.join().unwrap(), Ok(WaitResult::IoCompletion));
}

#[test]
fn a_thread_that_has_ended_takes_no_closure() {
    let thread = thread::spawn(|| Thread::current().unwrap()).join().unwrap();
    assert_eq!(thread.wait(None), Ok(WaitResult::Signaled(0)));
    assert_eq!(thread.exit_code(), Ok(Some(0)));
    let dropped = Arc::new(());
    let held = Arc::clone(&dropped);
    let queued = thread.queue_apc(move || drop(held));
    assert_eq!(queued, Err(Win32Error::GEN_FAILURE));
    assert_eq!(Arc::strong_count(&dropped), 1, "what was not queued is not leaked");
}

#[test]
fn a_running_thread_has_no_exit_code() {
    assert_eq!(Thread::current().unwrap().exit_code(), Ok(None));
}

#[test]
fn a_timer_runs_its_routine_each_period() {
    let timer = WaitableTimer::auto_reset().unwrap();
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let period = Duration::from_millis(1);
    let routine = timer
        .set_with_routine(Due::After(period), Some(period), move |_| counted.set(counted.get() + 1))
        .unwrap();
    while count.get() < 5 {
        sleep_alertable(None);
    }
    drop(routine);
    assert_eq!(Rc::strong_count(&count), 1, "the routine is dropped with its registration");
    // What was queued when it was dropped finds nothing; the sleep runs it.
    sleep_alertable(NOW);
    let after = count.get();
    assert!(!sleep_alertable(NOW));
    assert_eq!(count.get(), after);
}

#[test]
fn a_routine_may_drop_itself() {
    // The slot in the closure holds the routine, so both live for ever.
    static TIMER: LazyLock<WaitableTimer> = LazyLock::new(|| WaitableTimer::auto_reset().unwrap());
    let slot: Rc<RefCell<Option<TimerRoutine<'static>>>> = Rc::default();
    let (own, ran) = (Rc::clone(&slot), Rc::new(Cell::new(false)));
    let flag = Rc::clone(&ran);
    let routine = TIMER.set_with_routine(Due::After(Duration::ZERO), None, move |_| {
        drop(own.take());
        // The closure and what it captures are still there.
        flag.set(true);
    });
    *slot.borrow_mut() = Some(routine.unwrap());
    assert!(sleep_alertable(None));
    assert!(ran.get());
    assert_eq!(Rc::strong_count(&slot), 1);
}

#[test]
fn a_routine_may_wait_alertably_itself() {
    let timer = WaitableTimer::auto_reset().unwrap();
    let depth = Rc::new(Cell::new(0));
    let deeper = Rc::clone(&depth);
    let period = Duration::from_millis(1);
    let routine = timer.set_with_routine(Due::After(period), Some(period), move |_| {
        deeper.set(deeper.get() + 1);
        if deeper.get() < 3 {
            sleep_alertable(None);
        }
    });
    let routine = routine.unwrap();
    while depth.get() < 3 {
        sleep_alertable(None);
    }
    drop(routine);
}

#[test]
fn timers_of_one_thread_keep_their_routines_apart() {
    let timers: Vec<_> = (0..3).map(|_| WaitableTimer::auto_reset().unwrap()).collect();
    let ran = Rc::new(RefCell::new(Vec::new()));
    let mut routines = Vec::new();
    for (index, timer) in timers.iter().enumerate() {
        let ran = Rc::clone(&ran);
        let due = Due::After(Duration::ZERO);
        routines.push(timer.set_with_routine(due, None, move |_| ran.borrow_mut().push(index)).unwrap());
    }
    while ran.borrow().len() < 3 {
        sleep_alertable(None);
    }
    ran.borrow_mut().sort_unstable();
    assert_eq!(*ran.borrow(), [0, 1, 2]);
}
