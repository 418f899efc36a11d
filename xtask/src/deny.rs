//! Licences, duplicates and sources of the dependencies, by cargo-deny.

use std::process::Command;

use crate::environment::{cargo, target};
use crate::run::{Counts, Failure, Outcome, plain, succeeds};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Runs cargo-deny, which is built first where it is not installed.
///
/// Advisories are not among the checks: their database is no part of the crate registry, so this step would
/// depend on a second service. `CONTRIBUTING.md` says when they are checked.
pub(crate) fn run() -> Result<Outcome, Failure> {
    let tools = target().join("tools");
    let own = tools.join("bin/cargo-deny");
    let program = if succeeds(Command::new("cargo-deny").arg("--version")) {
        "cargo-deny".into()
    } else {
        if !succeeds(Command::new(&own).arg("--version")) {
            let mut install = cargo(&["install", "--locked", "--debug", "--quiet"]);
            // An unoptimized build takes a third of the time, and the check itself takes none.
            install.arg(format!("cargo-deny@{VERSION}")).env("CARGO_PROFILE_DEV_DEBUG", "0");
            install.arg("--root").arg(&tools).arg("--target-dir").arg(tools.join("build"));
            if let Err(failure) = plain(&mut install) {
                return Ok(Outcome::LeftOut(format!(
                    "cargo-deny is not installed: cargo install --locked cargo-deny@{VERSION} ({failure})"
                )));
            }
        }
        own.into_os_string()
    };
    let mut check = Command::new(program);
    check.current_dir(crate::environment::root()).args([
        "--workspace",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    plain(&mut check).map(|()| Outcome::Done(Counts::default()))
}
