//! Runs a critical section that only one process at a time is in, and survives the death of the one inside.
//!
//! Start it in several terminals, and kill the one that is inside: the next one says so and goes on.
//!
//! ```text
//! cargo run -p winipc --example exclusive
//! ```

use std::io::{self, BufRead};
use std::process;

use winipc::{LockError, MutexOptions, Result};

fn main() -> Result<()> {
    let mutex = MutexOptions::new().name(r"Local\winipc-example-exclusive").create()?;
    println!("process {} wants in ({:?})", process::id(), mutex.disposition());
    let guard = match mutex.lock() {
        Ok(guard) => guard,
        Err(LockError::Abandoned(guard)) => {
            println!("the last one inside died there: what it did must be checked");
            guard
        }
        Err(error) => return Err(error.into_guard().unwrap_err()),
    };
    println!("process {} is inside; press Enter to leave", process::id());
    let _ = io::stdin().lock().read_line(&mut String::new());
    guard.release()
}
