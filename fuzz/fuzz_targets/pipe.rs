//! The pipe's state machine beside its model.
#![no_main]

#[path = "../../crates/winipc-executive/tests/pipe_model/channel.rs"]
mod channel;
#[path = "../../crates/winipc-executive/tests/pipe_model/drive.rs"]
mod drive;
#[path = "../../crates/winipc-executive/tests/pipe_model/model.rs"]
mod model;
#[path = "../../crates/winipc-executive/tests/model/request.rs"]
mod request;
#[path = "../../crates/winipc-executive/tests/pipe_model/step.rs"]
mod step;
#[path = "../../crates/winipc-executive/tests/pipe_model/transfer.rs"]
mod transfer;

use libfuzzer_sys::fuzz_target;
use model::Shape;
use step::Step;

fuzz_target!(init: {
    // SAFETY: no other thread reads the environment yet.
    unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("fuzz-pipe-{}", std::process::id())) };
}, |data: &[u8]| {
    let mut threes = data.chunks_exact(3).map(|three| [three[0], three[1], three[2]]);
    let Some(shape) = threes.next() else { return };
    let steps: Vec<Step> = threes.take(200).map(Step::decode).collect();
    drive::run(Shape::decode(shape), &steps);
    drive::check();
});
