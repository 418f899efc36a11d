//! `winipc bench`: each mechanism beside what the system offers for the same purpose, in one run, as ratios.

mod contest;
#[cfg(target_os = "linux")]
mod costs;
#[cfg(target_os = "linux")]
mod measure;
mod names;
mod ours;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod rows;
mod side;
#[cfg(target_os = "linux")]
mod wine;

pub(crate) use side::{HelperArguments, SideArguments, help, side};

#[cfg(target_os = "linux")]
pub(crate) use costs::print_costs;
#[cfg(target_os = "linux")]
pub(crate) use report::run;

#[cfg(target_os = "linux")]
use report::unpinned;

/// Compare the speed of each mechanism with what the system itself offers
#[derive(clap::Args)]
#[command(after_help = "\
Ours and the peers take turns on fixed CPUs. The ratio is ours to the peer's, the median of the rounds' ratios, and so \
not quite that of the two numbers beside it; for rates more is better, for times less. The target is what winipc is \
made to reach; one that depends on how long a wake-up takes may not apply here.\n\nfree: a CPU for each of the two processes; pinned: both on one; hot: back to back; \
cold: 300 µs of idle before each operation.\n\nRows beside Wine need Wine, and in WINIPC_WINDOWS_PROGRAM the path of a \
Windows build of this program.")]
pub(crate) struct Arguments {
    /// Shorter and less exact
    #[arg(long)]
    quick: bool,
    /// Only the rows whose name begins with this; may be given several times
    #[arg(long, value_name = "ROW")]
    only: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// # Errors
/// There is nothing to compare with.
#[cfg(not(target_os = "linux"))]
pub(crate) fn run(_: Arguments) -> crate::error::Result<()> {
    Err(crate::error::Error::new(
        "the benchmark compares winipc with what Linux offers, and runs on Linux only",
    ))
}
