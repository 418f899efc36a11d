//! `winipc check`: proves the namespace's shared memory consistent.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::printable::printable;
use crate::table::{print, print_json};

/// Check that the shared memory of the namespace is consistent
#[derive(clap::Args)]
#[command(after_help = "\
The namespace is that of WINIPC_NAMESPACE, as for every program. The exit status is 1 if something is off.")]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    is_consistent: bool,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    place: String,
    expected: String,
    found: String,
}

/// # Errors
/// Something is off; the namespace cannot be read.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let faults = winipc_executive::inspect::try_check()
        .map_err(|error| Error::because("cannot look at the namespace", error))?;
    if arguments.json {
        let told = faults.iter().map(|fault| Fault {
            place: fault.place.clone(),
            expected: fault.expected.clone(),
            found: fault.found.clone(),
        });
        let report = Report { is_consistent: faults.is_empty(), faults: told.collect() };
        print_json(&report)?;
    } else if faults.is_empty() {
        print("the namespace is consistent\n")?;
    } else {
        faults.iter().try_for_each(|fault| print(format_args!("{}\n", printable(&fault.to_string()))))?;
    }
    match faults.len() {
        0 => Ok(()),
        count => Err(Error::new(format!("the namespace is not as it has to be, in {count} places")).advice(
            "please report this with the lines above; end all programs that use winipc to start afresh",
        )),
    }
}
