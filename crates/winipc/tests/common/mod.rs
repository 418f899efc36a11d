//! What several tests need.

use std::process::{Child, Command, Stdio};

/// A name that no other test and no other run uses.
#[allow(dead_code)]
pub(crate) fn unique(name: &str) -> String {
    format!("winipc-test-{}-{name}", std::process::id())
}

/// A pipe name that no other test and no other run uses.
#[allow(dead_code)]
pub(crate) fn pipe(name: &str) -> String {
    format!(r"\\.\pipe\{}", unique(name))
}

/// The role that this process plays in a test of several processes, with its argument: none in the test itself.
#[allow(dead_code)]
pub(crate) fn role() -> Option<(String, String)> {
    Some((std::env::var("WINIPC_TEST_ROLE").ok()?, std::env::var("WINIPC_TEST_ARGUMENT").ok()?))
}

/// Starts another process of the test `test`, in which [`role`] says `role` and `argument`.
#[allow(dead_code)]
pub(crate) fn start(test: &str, role: &str, argument: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("WINIPC_TEST_ROLE", role)
        .env("WINIPC_TEST_ARGUMENT", argument)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
