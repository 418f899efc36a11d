//! Tests that cannot run where they are.

use std::io::Write;

/// Says that a test is left out, which needs something that is not here: past the harness, which shows nothing of tests
/// that return, in a line that `cargo xtask test` counts.
pub(crate) fn left_out(test: &str, needs: &str) {
    let _ = writeln!(std::io::stdout(), "\nleft out: {test} needs {needs}");
}
