//! Mailslots beside a model of them, through random steps.

mod drive;
mod model;
#[path = "../model/request.rs"]
mod request;
mod step;

use proptest::prelude::*;
use step::Step;

fn namespace() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread reads the environment yet: every test begins here.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("mailslot-model-{}", std::process::id())) };
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mailslots_do_what_the_model_says(
        steps in prop::collection::vec(any::<[u8; 3]>().prop_map(Step::decode), 1..150),
    ) {
        namespace();
        drive::run(&steps);
    }
}

#[test]
fn nothing_is_left_of_them() {
    namespace();
    let seed = |byte: u8| [byte.wrapping_mul(37), byte, byte.wrapping_mul(11)];
    for round in 0..30 {
        let steps: Vec<Step> = (0..200).map(|number| Step::decode(seed(number ^ round))).collect();
        drive::run(&steps);
    }
    drive::check();
}
