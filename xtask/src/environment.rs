//! Where things are, and what is installed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Failure, output_of, plain, succeeds};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Cargo's target directory, also when it was moved.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |path| root().join(path))
}

/// The cargo that runs us, in the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Those of `packages` that Debian's package manager does not list as installed.
fn missing(packages: &[&'static str]) -> Vec<&'static str> {
    let is_installed = |package: &str| {
        output_of(Command::new("dpkg-query").args(["--show", "--showformat", "${db:Status-Status}", package]))
            .is_some_and(|status| status == "installed")
    };
    packages.iter().copied().filter(|package| !is_installed(package)).collect()
}

/// Makes sure that Debian packages are installed.
///
/// Installs what is missing if we are root or `sudo` asks for no password, and removes nothing for it.
///
/// # Errors
/// The command that would install what is missing, for a human.
pub(crate) fn ensure_packages(packages: &[&'static str]) -> Result<(), Failure> {
    let absent = missing(packages);
    if absent.is_empty() {
        return Ok(());
    }
    let advice = format!("apt-get install {}", absent.join(" "));
    let is_root = output_of(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if !is_root && !succeeds(Command::new("sudo").args(["-n", "true"])) {
        return Err(Failure::new(format!("sudo {advice}")));
    }
    let apt_get = |arguments: &[&str]| {
        let mut command = if is_root {
            Command::new("env")
        } else {
            let mut command = Command::new("sudo");
            command.args(["-n", "env"]);
            command
        };
        command.args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "--quiet=2",
            "-o",
            "DPkg::Lock::Timeout=600",
        ]);
        plain(command.args(arguments))
    };
    // `--no-remove`: a compiler from another Debian package is the developer's, and stays.
    let install =
        [&["install", "--yes", "--no-install-recommends", "--no-remove"], absent.as_slice()].concat();
    // The first try fails where the package lists are absent or old.
    apt_get(&install)
        .or_else(|_| apt_get(&["update"]).and_then(|()| apt_get(&install)))
        .map_err(|failure| Failure::new(format!("{advice} ({failure})")))
}
