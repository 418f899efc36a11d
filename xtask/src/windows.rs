//! The Windows build, and its conformance suite under Wine.
//!
//! The compiler is Debian's, because that distribution has the standard library's sources and everything
//! else that the target needs; `docs/decisions/0002-windows-target-under-wine.md` tells why it is this target.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Subcommand;

use crate::environment::{cargo, ensure_packages, target};
use crate::run::{Counts, Failure, Outcome, counted, plain, succeeds};

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Build `winipc` and its command-line program.
    Build,
    /// Run the conformance suite under Wine.
    Test {
        /// Passed on to the test runner.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

const PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "gcc-mingw-w64-x86-64", "wine64"];
const COMPILER: &str = "/usr/bin/rustc";
const TRIPLE: &str = "x86_64-win7-windows-gnu";

pub(crate) fn run(action: &Action) -> Result<Outcome, Failure> {
    if let Err(failure) = prepare() {
        return Ok(Outcome::LeftOut(failure.to_string()));
    }
    match action {
        Action::Build => build().map(|()| Outcome::Done(Counts::default())),
        Action::Test { arguments } => {
            build()?;
            test(arguments).map(Outcome::Done)
        }
    }
}

/// Sees that everything needed is there.
///
/// # Errors
/// What is missing and how to get it.
fn prepare() -> Result<(), Failure> {
    if (OS, ARCH) != ("linux", "x86_64") {
        return Err(Failure::new("the Windows build is tested on x86-64 Linux only"));
    }
    if !Path::new("/etc/debian_version").exists() {
        return Err(Failure::new(format!(
            "the Windows build needs Debian and its packages {}",
            PACKAGES.join(" ")
        )));
    }
    ensure_packages(PACKAGES)
        .map_err(|how| Failure::new(format!("the Windows build needs more Debian packages: {how}")))
}

fn build() -> Result<(), Failure> {
    plain(&mut windows_cargo(&["build", "--package", "winipc", "--package", "winipc-cli"]))
}

fn test(arguments: &[String]) -> Result<Counts, Failure> {
    let prefix = Prefix::new()?;
    let mut command =
        windows_cargo(&["test", "--package", "winipc", "--test", "conformance", "--no-fail-fast"]);
    prefix.configure(&mut command);
    counted(command.arg("--").args(arguments))
}

fn windows_cargo(arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command
        .args(["-Zbuild-std=std,panic_abort", "--target", TRIPLE])
        // Unstable options on a stable compiler: `-Zbuild-std` is the only way to get this target's library.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", COMPILER)
        // Another compiler: in one directory with the native build each would rebuild the other's work.
        .env("CARGO_TARGET_DIR", directory());
    command
}

fn directory() -> PathBuf {
    target().join("windows")
}

/// A Wine installation of our own, made anew so that no run sees what another left.
struct Prefix(PathBuf);

impl Prefix {
    fn new() -> Result<Self, Failure> {
        let path = directory().join("wine");
        if let Err(error) = fs::remove_dir_all(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Failure::new(format!("cannot remove {}: {error}", path.display())));
        }
        Ok(Self(path))
    }

    fn configure(&self, command: &mut Command) {
        // Cargo splits a runner at spaces: this path has none, and the prefix travels in a variable.
        let runner = format!("CARGO_TARGET_{}_RUNNER", TRIPLE.to_uppercase().replace('-', "_"));
        command.env(runner, wine("wine64")).env("WINEPREFIX", &self.0).env("WINEDEBUG", "-all").env(
            "WINEDLLOVERRIDES",
            // No .NET, no browser engine, no desktop menu: a faster start. No debugger that waits for a human.
            "mscoree,mshtml,winemenubuilder.exe,winedbg.exe=",
        );
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // The server normally ends with the last program; this ends what a failed test may have left.
        let _ = succeeds(Command::new(wine("wineserver64")).arg("-k").env("WINEPREFIX", &self.0));
    }
}

/// A program of Debian's package `wine64`, which puts none on the path.
fn wine(program: &str) -> OsString {
    Path::new("/usr/lib/wine").join(program).into_os_string()
}
