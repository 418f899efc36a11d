//! Pipes beside a model of them, through random steps.

mod channel;
mod drive;
mod model;
#[path = "../model/request.rs"]
mod request;
mod step;
mod transfer;

use model::Shape;
use proptest::prelude::*;
use step::Step;

fn namespace() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread reads the environment yet: every test begins here.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("pipe-model-{}", std::process::id())) };
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pipe_does_what_the_model_says(
        shape in any::<[u8; 3]>().prop_map(Shape::decode),
        steps in prop::collection::vec(any::<[u8; 3]>().prop_map(Step::decode), 1..150),
    ) {
        namespace();
        drive::run(shape, &steps);
    }
}

#[test]
fn nothing_is_left_of_them() {
    namespace();
    let seed = |byte: u8| [byte.wrapping_mul(37), byte, byte.wrapping_mul(11)];
    for round in 0..30 {
        let steps: Vec<Step> = (0..200).map(|number| Step::decode(seed(number ^ round))).collect();
        drive::run(Shape::decode(seed(round)), &steps);
    }
    drive::check();
}

#[test]
fn a_request_left_by_a_cancelled_transaction_is_not_waited_for() {
    namespace();
    let shape = Shape { message_type: true, max_instances: 1, message_read: true, quotas: [5, 5] };
    let steps = [
        Step::Transact { end: 0, length: 20, room: 5 },
        Step::Cancel { end: 0, only: None },
        Step::SetMode { end: 0, flags: 1 },
    ];
    drive::run(shape, &steps);
}
