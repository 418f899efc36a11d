//! A look at a namespace while a thread that holds the arena's lock is stopped.
#![cfg(feature = "crash-points")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use winipc_executive::inspect::{self, ThreadId};
use winipc_executive::{Attributes, crash, event, namespace, process, thread};

/// Starts this test binary again to play one of the roles below.
fn start(role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "plays_a_role", "--ignored", "--nocapture"])
        .env("ROLE", role)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the other processes do; only [`start`] runs it.
#[test]
#[ignore = "a role that other tests start"]
fn plays_a_role() {
    match std::env::var("ROLE").as_deref() {
        Ok("holder") => {
            namespace::attach().unwrap();
            println!("\nthread {}", thread::id());
            // The first access takes the lock; the fourth is in the middle of the transaction.
            crash::arm(3);
            event::create(&Attributes { name: Some(&[97]), inherit: false }, 0x1F_0003, true, true).unwrap();
        }
        Ok("onlooker") => {
            let listing = inspect::objects().unwrap();
            println!("\nholder {}", listing.lock_holder.expect("the lock is held"));
            println!("objects {}", listing.objects.len());
            println!("fault {}", inspect::check()[0]);
        }
        other => panic!("no such role: {other:?}"),
    }
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok)
}

fn wait_until_stopped(child: &Child) {
    let mut status = 0;
    // SAFETY: waits for the test's own child; the status is a valid place.
    let result = unsafe { libc::waitpid(child.id() as libc::pid_t, &mut status, libc::WUNTRACED) };
    assert_eq!(result, child.id() as libc::pid_t);
    assert!(libc::WIFSTOPPED(status), "status {status:#x}");
}

#[test]
fn a_stopped_holder_of_the_lock_is_named() {
    // SAFETY: the only test of this binary, and nothing has read the environment yet.
    unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("stopped-{}", std::process::id())) };
    namespace::attach().unwrap();
    let mut holder = start("holder");
    let line = lines(&mut holder).find(|line| line.starts_with("thread")).unwrap();
    wait_until_stopped(&holder);
    let thread = line.trim_start_matches("thread ").parse().unwrap();
    let stopped = ThreadId { process: holder.id(), thread };

    let listing = inspect::objects().unwrap();
    assert_eq!(listing.lock_holder, Some(stopped));
    assert!(listing.objects.iter().any(|object| object.holders.is_empty()));
    let faults = inspect::check();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].to_string().contains(&stopped.to_string()), "{}", faults[0]);

    // Somebody who has not attached, which would take the lock, can look as well.
    let mut onlooker = start("onlooker");
    let lines: Vec<String> = lines(&mut onlooker).collect();
    assert!(onlooker.wait().unwrap().success(), "{lines:#?}");
    assert!(lines.contains(&format!("holder {stopped}")), "{lines:#?}");
    // The two processes' own.
    assert!(lines.iter().any(|line| line == "objects 2"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("fault lock:") && line.contains(&stopped.to_string())));

    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(inspect::check(), []);
    assert_eq!(inspect::objects().unwrap().lock_holder, None);
    assert!(process::open(holder.id(), 0x1F_FFFF, false).is_err());
}
