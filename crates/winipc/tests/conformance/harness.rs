//! Runs the tests: each on a thread of its own, some in a process of their own, all under a watchdog.

use crate::MODULES;
use crate::wine::{KNOWN_FAULTS, is_wine};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

pub(crate) struct Test {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
    /// Runs in a process of its own, because it is about the process: its handle values, its end.
    pub(crate) alone: bool,
}

pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) tests: &'static [Test],
    pub(crate) source: &'static str,
}

/// Set in a process that runs one test and nothing else.
const ALONE: &str = "WINIPC_CONFORMANCE_ALONE";
/// The most a test may take before the whole run is given up.
const LIMIT: Duration = Duration::from_secs(120);
/// The most a test that is expected to fail under Wine may take; its fault may be that it hangs.
const FAULT_LIMIT: Duration = Duration::from_secs(15);

static RUNNING: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

/// Runs what the command line asks for and ends the process.
pub(crate) fn run() -> ! {
    let alone = std::env::var_os(ALONE).is_some();
    if !cfg!(windows) && !alone {
        // SAFETY: no other thread runs yet. A world of its own, which the children inherit.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("conformance-{}", std::process::id())) };
    }
    std::thread::spawn(watch);
    let wine = is_wine();
    let mut trials = vec![Trial::test("statements::the_list_is_current", || {
        guarded("statements", crate::statements::check)
    })];
    for module in MODULES {
        for test in module.tests {
            let name = format!("{}::{}", module.name, test.name);
            let fault = KNOWN_FAULTS.iter().find(|fault| fault.0 == name).filter(|_| wine && !alone);
            let apart = test.alone && !alone;
            let (title, run) = (name.clone(), test.run);
            trials.push(Trial::test(name, move || match fault {
                Some(&(_, documented, observed)) => expect_failure(&title, documented, observed),
                None if apart => in_own_process(&title, LIMIT),
                None => guarded(&title, run),
            }));
        }
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    std::process::exit(if conclusion.exit_code() == ExitCode::SUCCESS { 0 } else { 101 });
}

/// Runs a test on a thread of its own: no mutex, APC or request of an earlier test can be left on it.
fn guarded(name: &str, run: fn()) -> Result<(), Failed> {
    RUNNING.lock().unwrap().push((name.to_owned(), Instant::now()));
    let result = std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread").join();
    RUNNING.lock().unwrap().retain(|(running, _)| running != name);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
            .into()
    })
}

/// Ends the run when a test takes too long, and names it.
fn watch() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        for (name, start) in RUNNING.lock().unwrap().iter() {
            if start.elapsed() > LIMIT {
                eprintln!("{name} did not end within {} s", LIMIT.as_secs());
                std::process::exit(101);
            }
        }
    }
}

fn in_own_process(name: &str, limit: Duration) -> Result<(), Failed> {
    let program = std::env::current_exe().expect("path of the test binary");
    let mut process = Command::new(program)
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env(ALONE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start of a process");
    let mut output = process.stdout.take().expect("it is piped");
    let (ended, end) = channel();
    // Its output ends when it does.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut output, &mut std::io::sink());
        let _ = ended.send(());
    });
    let is_over = end.recv_timeout(limit).is_ok();
    if !is_over {
        process.kill().expect("end of the process");
    }
    let status = process.wait().expect("state of the process");
    match is_over {
        true if status.success() => Ok(()),
        true => Err(format!("its process ended with {status}").into()),
        false => Err(format!("did not end within {} s", limit.as_secs()).into()),
    }
}

/// A known fault of Wine: the test must fail, or the list is out of date.
fn expect_failure(name: &str, documented: &str, observed: &str) -> Result<(), Failed> {
    match in_own_process(name, FAULT_LIMIT) {
        Ok(()) => {
            Err(format!("passes, but is listed as a fault of Wine: {documented}; Wine: {observed}").into())
        }
        Err(_) => Ok(()),
    }
}
