//! The hidden commands that the benchmark starts itself with.

use std::io::{BufRead, Write};

use super::contest::{Pace, Setting};
use super::ours;
use crate::error::{Error, Result};

/// The second process of a contestant.
#[derive(clap::Args)]
pub(crate) struct HelperArguments {
    kind: String,
    tag: String,
    size: usize,
    #[arg(long)]
    quota: Option<usize>,
    #[arg(long)]
    cpu: Option<usize>,
}

/// # Errors
/// Those of the contestant.
pub(crate) fn help(arguments: HelperArguments) -> Result<()> {
    let HelperArguments { kind, tag, size, quota, cpu } = arguments;
    #[cfg(target_os = "linux")]
    super::report::settle_helper(cpu)?;
    let setting = Setting { helper_cpu: cpu, size, quota, population: 0, tag };
    let result = ours::helper(&kind, &setting);
    #[cfg(target_os = "linux")]
    let result = result.or_else(|| super::peer::helper(&kind, &setting));
    result.unwrap_or_else(|| Err(Error::new(format!("there is no contestant \"{kind}\""))))
}

/// Our side of one row, measured from outside.
#[derive(clap::Args)]
pub(crate) struct SideArguments {
    row: String,
    tag: String,
}

/// For each number of operations on standard input, writes the nanoseconds that they took.
///
/// # Errors
/// Those of the contestant.
pub(crate) fn side(arguments: SideArguments) -> Result<()> {
    let setting = Setting { helper_cpu: None, size: 64, quota: None, population: 100, tag: arguments.tag };
    let factory = ours::side(&arguments.row)
        .ok_or_else(|| Error::new(format!("row \"{}\" is not measured from outside", arguments.row)))?;
    let mut contestant = factory(&setting)?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Error::because("cannot read requests", error))?;
        let count =
            line.trim().parse().map_err(|_| Error::new(format!("\"{line}\" is no number of operations")))?;
        let time = contestant.time(count, Pace::Hot)?;
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", time.as_nanos())
            .and_then(|()| output.flush())
            .map_err(|error| Error::output(&error))?;
    }
    Ok(())
}
