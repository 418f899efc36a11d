//! Handles and the lives of objects beside a model of them, through random steps.

mod drive;
mod model;

use drive::Step;
use proptest::prelude::*;

fn namespace() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: no other thread reads the environment yet: every test begins here.
        unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("handle-model-{}", std::process::id())) };
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    // The only test here: a second one's objects would count as left behind.
    #[test]
    fn handles_do_what_the_model_says(
        steps in prop::collection::vec(any::<[u8; 4]>().prop_map(Step::decode), 1..150),
    ) {
        namespace();
        drive::run(&steps);
    }
}
