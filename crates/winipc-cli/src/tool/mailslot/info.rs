//! `winipc mailslot info`.

use super::{described, name_parser};
use crate::error::Result;
use crate::tool::status::{Status, help};

/// Print what waits in a mailslot, and what it is like
#[derive(clap::Args)]
#[command(after_long_help = help!("\
One word and one value a line:\n  \
  messages      how many wait\n  \
  next          the length of the next one in bytes, or \"none\"\n  \
  max-message   the longest it takes in bytes, or \"any\"\n  \
  read-timeout  how long who listens waits for a message in milliseconds, or \"forever\"\n\n\
On Windows only the process that listens can ask."))]
pub(crate) struct Arguments {
    /// The mailslot: a name, or \\.\mailslot\ and a name
    #[arg(value_parser = name_parser())]
    name: String,
}

/// # Errors
/// There is no such slot; the namespace cannot be read.
#[cfg(target_os = "linux")]
pub(super) fn run(Arguments { name }: &Arguments) -> Result<Status> {
    use winipc_executive::inspect::{self, State};

    use crate::error::Error;
    use crate::table::print;
    use crate::tool::status::NOT_THERE;

    let listing = inspect::objects()
        .map_err(|error| Error::because("cannot look at the objects of the namespace", error))?;
    let is_it = |found: &str| found.to_lowercase() == name.to_lowercase();
    let slot = listing.objects.iter().filter(|object| object.name.as_deref().is_some_and(is_it)).find_map(
        |object| match object.state {
            State::Mailslot { is_server: true, messages, next, max_message, timeout_ms, .. } => {
                Some((messages, next, max_message, timeout_ms))
            }
            _ => None,
        },
    );
    let Some((messages, next, max_message, timeout_ms)) = slot else {
        return Err(Error::new(format!("{} is not there", described(name)))
            .exit_status(NOT_THERE)
            .advice("a mailslot is there only while some process listens to it"));
    };
    let or = |number: Option<u32>, word: &str| number.map_or(word.to_string(), |number| number.to_string());
    print(format_args!(
        "messages {messages}\nnext {}\nmax-message {}\nread-timeout {}\n",
        or(next, "none"),
        or(Some(max_message).filter(|max| *max != 0), "any"),
        or(Some(timeout_ms).filter(|timeout| *timeout != u32::MAX), "forever"),
    ))?;
    Ok(Status::Done)
}

/// # Errors
/// Always.
#[cfg(windows)]
pub(super) fn run(Arguments { name }: &Arguments) -> Result<Status> {
    let what = format!("cannot look at {}", described(name));
    Err(crate::tool::status::failed(what, winipc::Win32Error::NOT_SUPPORTED))
}
