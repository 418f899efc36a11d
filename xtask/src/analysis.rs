//! Loom, sanitizers, Miri and fuzzing.

use std::process::Command;

use crate::environment::{cargo, root, target};
use crate::run::{Counts, Failure, Outcome, counted, output_of, plain, succeeds};

const NATIVE: &str = "x86_64-unknown-linux-gnu";

/// The loom models, `tests/loom` of the executive, built with `--cfg loom`.
pub(crate) fn loom(arguments: &[String]) -> Result<Outcome, Failure> {
    let mut command =
        cargo(&["test", "--package", "winipc-executive", "--release", "--test", "loom", "--no-fail-fast"]);
    command
        .env("RUSTFLAGS", "--cfg loom")
        // Other flags: a directory of its own keeps the ordinary build as it is.
        .env("CARGO_TARGET_DIR", target().join("loom"));
    counted(command.arg("--").args(arguments)).map(Outcome::Done)
}

/// All tests but the documentation's, under AddressSanitizer.
pub(crate) fn address(arguments: &[String]) -> Result<Outcome, Failure> {
    let libraries = output_of(Command::new("rustc").args(["--print", "target-libdir", "--target", NATIVE]));
    let has_runtime =
        libraries.and_then(|directory| std::fs::read_dir(directory).ok()).is_some_and(|files| {
            files.flatten().any(|file| file.file_name().to_string_lossy().ends_with("_rt.asan.a"))
        });
    if !has_runtime {
        return Ok(Outcome::LeftOut(format!(
            "this toolchain has no AddressSanitizer for {NATIVE}: the one that rustup installs has"
        )));
    }
    let mut command =
        cargo(&["test", "--workspace", "--exclude", "xtask", "--all-targets", "--no-fail-fast"]);
    command
        .args(["--target", NATIVE])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("ASAN_OPTIONS", "detect_leaks=1")
        .env(
            "LSAN_OPTIONS",
            format!("suppressions={}:print_suppressions=0", root().join("xtask/leaks.txt").display()),
        )
        .env("CARGO_TARGET_DIR", target().join("address"));
    // The sanitizer itself does not live with little address space, nor do children that are forked while another thread
    // starts: there the lock on its table of the arguments of new threads stays taken, once in some 10,000 times.
    let not_for_it = ["--", "--skip", "too_little_address_space", "--skip", "a_child_forked_while"];
    counted(command.args(not_for_it).args(arguments)).map(Outcome::Done)
}

/// The tests of the executive's arena and journal, on plain memory, under Miri.
pub(crate) fn miri(arguments: &[String]) -> Result<Outcome, Failure> {
    if !succeeds(Command::new("cargo").args(["+nightly", "miri", "--version"])) {
        return Ok(Outcome::LeftOut(
            "Miri is not installed: rustup toolchain install nightly --component miri --component rust-src"
                .into(),
        ));
    }
    let mut command = Command::new("cargo");
    command
        .args(["+nightly", "miri", "test", "--package", "winipc-executive", "--lib", "arena::"])
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target().join("miri"));
    counted(command.arg("--").args(arguments)).map(Outcome::Done)
}

fn has_cpp_compiler() -> bool {
    succeeds(Command::new("c++").arg("--version"))
}

/// Lints of the fuzz targets, which take files from the crates and lie in a workspace of their own. Nothing where they
/// cannot be built.
pub(crate) fn lint_fuzz() -> Result<Outcome, Failure> {
    if has_cpp_compiler() {
        let mut command = cargo(&["clippy", "--manifest-path", "fuzz/Cargo.toml", "--", "-D", "warnings"]);
        plain(command.env("CARGO_TARGET_DIR", target().join("fuzz")))?;
    }
    Ok(Outcome::Done(Counts::default()))
}

/// The fuzz targets, each for `seconds` seconds, as cargo-fuzz builds them but without the need for it.
pub(crate) fn fuzz(only: Option<&str>, seconds: u32) -> Result<Outcome, Failure> {
    if !has_cpp_compiler() {
        return Ok(Outcome::LeftOut("libFuzzer needs a C++ compiler: apt-get install g++".into()));
    }
    let mut targets: Vec<String> = std::fs::read_dir(root().join("fuzz/fuzz_targets"))
        .map_err(|error| Failure::new(format!("cannot read fuzz/fuzz_targets: {error}")))?
        .flatten()
        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| only.is_none_or(|only| only == name))
        .collect();
    targets.sort();
    if targets.is_empty() {
        return Err(Failure::new(format!("there is no fuzz target {}", only.unwrap_or_default())));
    }
    for name in targets {
        let corpus = root().join("fuzz/corpus").join(&name);
        let artifacts = target().join("fuzz/artifacts").join(&name);
        for directory in [&corpus, &artifacts] {
            std::fs::create_dir_all(directory)
                .map_err(|error| Failure::new(format!("cannot create {}: {error}", directory.display())))?;
        }
        let mut command = cargo(&["run", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bin", &name]);
        command
            .args(["--target", NATIVE])
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "RUSTFLAGS",
                "-Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                 -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing",
            )
            .env("CARGO_TARGET_DIR", target().join("fuzz"))
            .arg("--")
            .arg(format!("-max_total_time={seconds}"))
            // Long inputs from the start: what goes wrong after many steps is what the time is for.
            .arg("-len_control=0")
            // Where an input that crashes the target is kept.
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(corpus);
        let seeds = root().join("fuzz/seeds").join(&name);
        if seeds.exists() {
            command.arg(seeds);
        }
        plain(&mut command)?;
    }
    Ok(Outcome::Done(Counts::default()))
}
