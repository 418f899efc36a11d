//! Tests that start themselves as children.

use winipc::{Child, Command, WaitResult, Waitable};

/// This test again, as a child that plays a role in it.
pub(crate) fn role(test: &str, role: &str) -> Command<'static> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env("ROLE", role);
    command
}

pub(crate) fn is_role(role: &str) -> bool {
    std::env::var("ROLE").is_ok_and(|value| value == role)
}

pub(crate) fn ended(child: &Child) -> u32 {
    assert_eq!(child.wait(None), Ok(WaitResult::Signaled(0)));
    child.exit_code().unwrap().unwrap()
}
