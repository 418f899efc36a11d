//! Handles, names and the lives of objects beside their model, in two processes.
#![no_main]

#[path = "../../crates/winipc-executive/tests/handle_model/drive.rs"]
mod drive;
#[path = "../../crates/winipc-executive/tests/handle_model/model.rs"]
mod model;

use drive::Step;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: {
    // SAFETY: no other thread reads the environment yet.
    unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("fuzz-handles-{}", std::process::id())) };
    // Before there are threads that it could copy in the middle of something.
    drive::neighbour();
}, |data: &[u8]| {
    let fours = data.chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]);
    let steps: Vec<Step> = fours.take(200).map(Step::decode).collect();
    drive::run(&steps);
});
