//! The `winipc` program.

fn main() {}
