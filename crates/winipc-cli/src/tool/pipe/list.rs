//! `winipc pipe list`.

use crate::error::{Error, Result};
use crate::table::print_names;
use crate::tool::status::{Status, help};

/// List the names of the pipes
#[derive(clap::Args)]
#[command(after_long_help = help!("\
One name a line, in order, without the \\\\.\\pipe\\ in front. On a terminal, characters that it would obey are shown \
escaped."))]
pub(crate) struct Arguments {
    /// End each name with a NUL character instead of a new line
    #[arg(long, short = '0')]
    null: bool,
}

/// # Errors
/// The namespace cannot be read.
pub(super) fn run(arguments: &Arguments) -> Result<Status> {
    let mut names = names()?;
    // Each instance of a pipe has two ends.
    names.sort();
    names.dedup();
    print_names(&names, if arguments.null { '\0' } else { '\n' })?;
    Ok(Status::Done)
}

#[cfg(target_os = "linux")]
fn names() -> Result<Vec<String>> {
    use winipc_executive::{Kind, inspect};
    let listing = inspect::objects()
        .map_err(|error| Error::because("cannot look at the objects of the namespace", error))?;
    let pipes = listing.objects.into_iter().filter(|object| object.kind == Kind::Pipe);
    let names = pipes.filter_map(|object| object.name);
    Ok(names.filter_map(|name| name.strip_prefix(super::PREFIX).map(String::from)).collect())
}

#[cfg(windows)]
fn names() -> Result<Vec<String>> {
    let failed = |error: std::io::Error| {
        // ERROR_BAD_DEV_TYPE
        let is_unknown = error.raw_os_error() == Some(66);
        let failure = Error::because("cannot list the pipes", error);
        if is_unknown { failure.advice("Windows lists them, Wine 8 cannot") } else { failure }
    };
    let entries = std::fs::read_dir(super::PREFIX).map_err(failed)?;
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
}
