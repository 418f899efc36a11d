//! `cargo xtask package`: the program with all that belongs to it, laid out as below a prefix such as `/usr/local`.

use std::env::consts::{ARCH, OS};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::environment::{cargo, root, target};
use crate::run::{Counts, Failure, Outcome, plain};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The cargo profile to build with.
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Where the completions for each shell go.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/winipc"),
    ("zsh", "share/zsh/site-functions/_winipc"),
    ("fish", "share/fish/vendor_completions.d/winipc.fish"),
];

const DOCUMENTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Builds the program, and makes a directory and an archive of it.
///
/// # Errors
/// Something cannot be built or written.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let name = format!("winipc-{}-{ARCH}-{OS}", env!("CARGO_PKG_VERSION"));
    plain(&mut cargo(&["build", "--package", "winipc-cli", "--profile", &arguments.profile]))?;
    // What cargo calls the profile of its first days.
    let profile = if arguments.profile == "dev" { "debug" } else { &arguments.profile };
    let program = target().join(profile).join("winipc");
    let packages = target().join("package");
    let package = packages.join(&name);
    fill(&package, &program)?;
    let archive = format!("{name}.tar.gz");
    plain(Command::new("tar").current_dir(&packages).args([
        "--create",
        "--gzip",
        "--owner=0",
        "--group=0",
        "--file",
        &archive,
        &name,
    ]))?;
    println!("{}", packages.join(archive).display());
    Ok(Outcome::Done(Counts::default()))
}

fn fill(package: &Path, program: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot fill {}: {error}", package.display()));
    if package.exists() {
        fs::remove_dir_all(package).map_err(failed)?;
    }
    let place = |path: &str| -> Result<PathBuf, Failure> {
        let path = package.join(path);
        fs::create_dir_all(path.parent().expect("it lies in the package")).map_err(failed)?;
        Ok(path)
    };
    fs::copy(program, place("bin/winipc")?).map_err(failed)?;
    for document in DOCUMENTS {
        fs::copy(root().join(document), place(&format!("share/doc/winipc/{document}"))?).map_err(failed)?;
    }
    for (shell, path) in COMPLETIONS {
        let script = File::create(place(path)?).map_err(failed)?;
        plain(Command::new(program).args(["completions", shell]).stdout(script))?;
    }
    plain(Command::new(program).arg("man").arg(place("share/man/man1")?))
}
