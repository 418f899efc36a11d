//! Tests that run in processes of their own. `mod support` is to be there too.

/// Declares a test for each function of the module `roles`, each in a world and a process of its own.
macro_rules! roles {
    ($($role:ident,)*) => {
        $(
            #[test]
            fn $role() {
                let world = $crate::support::World::new(stringify!($role));
                world.run("role", stringify!($role));
                world.assert_empty();
            }
        )*

        /// What a process that a test starts does.
        #[test]
        #[ignore = "a role that other tests start"]
        fn plays_a_role() {
            $crate::support::start_watchdog();
            let role = std::env::var("ARGUMENT").unwrap();
            $crate::support::progress(role.clone());
            winipc_executive::namespace::attach().unwrap();
            match role.as_str() {
                $(stringify!($role) => roles::$role(),)*
                _ => panic!("no such role: {role}"),
            }
            $crate::support::assert_whole_and_empty();
        }
    };
}
