//! The mailslots' state machine beside its model.
#![no_main]

#[path = "../../crates/winipc-executive/tests/mailslot_model/drive.rs"]
mod drive;
#[path = "../../crates/winipc-executive/tests/mailslot_model/model.rs"]
mod model;
#[path = "../../crates/winipc-executive/tests/model/request.rs"]
mod request;
#[path = "../../crates/winipc-executive/tests/mailslot_model/step.rs"]
mod step;

use libfuzzer_sys::fuzz_target;
use step::Step;

fuzz_target!(init: {
    // SAFETY: no other thread reads the environment yet.
    unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("fuzz-mailslot-{}", std::process::id())) };
}, |data: &[u8]| {
    let steps: Vec<Step> =
        data.chunks_exact(3).take(200).map(|three| Step::decode([three[0], three[1], three[2]])).collect();
    drive::run(&steps);
    drive::check();
});
