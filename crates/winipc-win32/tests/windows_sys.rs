//! The example that is written on windows-sys alone links and runs.

#[path = "../examples/windows_sys.rs"]
#[allow(dead_code)]
mod example;

#[test]
fn the_example_runs() {
    // SAFETY: no other thread of this program reads or writes the environment now.
    unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("windows-sys-{}", std::process::id())) };
    example::main();
}
