//! The crash suite.
//!
//! Every store, compare-and-swap and futex call on shared memory is a crash point. For each operation, and for each of
//! the points it passes, a victim runs the operation and stops there; survivors work on the same objects; the victim is
//! killed. The survivors must go on, the objects must be in one of the states the operation allows, and the namespace
//! must be whole.

#[path = "../support/mod.rs"]
mod support;

mod burials;
mod deaths;
mod harness;
mod heirs;
mod leaving;
mod operations;
mod terminators;

use support::World;

/// Declares a test for each operation, and finds an operation by its name.
macro_rules! operations {
    ($($module:ident::$name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let world = World::new(stringify!($name));
                world.run("operation", stringify!($name));
                world.assert_empty();
            }
        )*

        fn operation(name: &str) -> harness::Operation {
            match name {
                $(stringify!($name) => operations::$module::$name(),)*
                _ => panic!("no such operation: {name}"),
            }
        }
    };
}

operations! {
    objects::create_unnamed_event,
    objects::create_named_event,
    objects::create_named_mutex,
    objects::create_owned_mutex,
    objects::create_named_semaphore,
    objects::create_named_timer,
    objects::open_named_event,
    objects::close_unnamed_event,
    objects::close_last_handle_of_a_name,
    objects::close_a_handle_of_a_shared_name,
    objects::close_owned_mutex,
    objects::duplicate_within,
    objects::duplicate_to_a_survivor,
    objects::duplicate_from_a_survivor,
    objects::set_handle_flags,
    objects::attach,
    objects::end_of_a_thread,
    objects::exit,
    signals::set_automatic_event,
    signals::set_automatic_event_with_waiters,
    signals::set_manual_event_with_waiters,
    signals::reset_event,
    signals::pulse_event,
    signals::pulse_manual_event_with_waiters,
    signals::take_mutex,
    signals::take_mutex_again,
    signals::take_abandoned_mutex,
    signals::release_mutex,
    signals::release_mutex_once_of_two,
    signals::release_mutex_to_waiters,
    signals::release_semaphore,
    signals::release_semaphore_to_waiters,
    signals::set_timer,
    signals::set_due_timer_with_waiters,
    signals::set_timer_with_routine,
    signals::cancel_timer,
    signals::queue_call,
    signals::signal_and_wait,
    waits::wait_any_at_once,
    waits::wait_all_at_once,
    waits::wait_for_event,
    waits::wait_for_mutex,
    waits::wait_for_abandoned_mutex,
    waits::wait_for_semaphore_until_timeout,
    waits::wait_for_timer,
    waits::wait_any_asleep,
    waits::wait_all_asleep,
    waits::wait_alertably,
    connections::create_pipe,
    connections::create_another_instance,
    connections::open_pipe,
    connections::open_pipe_of_a_listener,
    connections::listen,
    transfers::write_message,
    transfers::write_message_to_a_reader,
    transfers::write_beyond_the_quota,
    transfers::read_message,
    transfers::read_message_asleep,
    transfers::read_overlapped,
    transfers::cancel_read,
    transfers::peek,
    transfers::transact,
    transfers::flush,
    processes::create_process,
    processes::create_another_process,
    processes::create_suspended_process,
    processes::resume_process,
    processes::resume_thread,
    processes::terminate_process,
    processes::create_thread,
    connections::set_mode,
    connections::wait_for_an_instance,
    connections::close_client_end,
    connections::close_server_end,
    connections::disconnect,
    connections::close_with_unread_messages,
    connections::disconnect_with_unread_messages,
    mailslots::create_mailslot,
    mailslots::open_mailslot,
    mailslots::close_mailslot_client,
    mailslots::write_to_mailslot,
    mailslots::write_too_much_for_a_datagram,
    mailslots::send_datagram,
    mailslots::write_to_mailslot_with_a_reader,
    mailslots::write_to_mailslot_whose_reader_has_too_little_room,
    mailslots::read_from_mailslot,
    mailslots::read_from_mailslot_asleep,
    mailslots::read_from_mailslot_until_timeout,
    mailslots::read_from_mailslot_overlapped,
    mailslots::read_from_mailslot_overlapped_until_timeout,
    mailslots::cancel_read_from_mailslot,
    mailslots::ask_and_set_a_mailslot,
    mailslots::close_mailslot_with_unread_messages,
    mailslots::close_mailslot_with_a_pending_read,
    sections::create_unnamed_section,
    sections::create_named_section,
    sections::create_section_that_another_makes_too,
    sections::create_reserved_section,
    sections::create_section_over_a_file,
    sections::close_section_over_a_file,
    sections::open_section,
    sections::map_view,
    sections::map_view_that_fails,
    sections::unmap_view,
    sections::unmap_last_view,
    sections::close_section,
    sections::close_mapped_section,
    sections::create_small_section,
    sections::close_small_section,
    sections::unmap_last_view_of_small_section,
    sections::map_view_of_small_section_of_another,
    sections::set_event_while_views_are_held,
    anonymous_pipes::create_anonymous_pipe,
    anonymous_pipes::write_anonymous_pipe,
    anonymous_pipes::write_anonymous_pipe_asleep,
    anonymous_pipes::read_anonymous_pipe_asleep,
    anonymous_pipes::flush_anonymous_pipe,
    anonymous_pipes::close_anonymous_pipe,
    anonymous_pipes::cancel_read_of_anonymous_pipe,
    descriptors::give_descriptor_to_a_survivor,
    descriptors::move_descriptor_to_a_survivor,
    descriptors::take_descriptor_from_a_survivor,
    descriptors::be_given_a_descriptor,
    descriptors::be_asked_for_a_descriptor,
    descriptors::have_a_descriptor_taken,
    descriptors::wait_for_the_end_of_a_writer,
}

/// Declares a test for each kind of death, and finds one by its name.
macro_rules! deaths {
    ($($module:ident::$name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let world = World::new(stringify!($name));
                world.run("death", stringify!($name));
                world.assert_empty();
            }
        )*

        fn death(name: &str) {
            match name {
                $(stringify!($name) => $module::$name(),)*
                _ => panic!("no such death: {name}"),
            }
        }
    };
}

deaths! {
    deaths::kill,
    deaths::abort,
    deaths::exec,
    deaths::exec_of_a_program_that_stays,
    deaths::raw_exit_of_a_thread,
    deaths::raw_exit_of_a_waiting_thread,
    deaths::raw_exit_of_one_of_many_threads,
    deaths::every_mutex_of_a_dead_owner_is_abandoned,
    deaths::a_killed_owner_abandons_to_its_waiter,
    deaths::all_but_one_at_once,
    deaths::a_stopped_watcher_hides_no_death,
    deaths::calls_to_a_thread_that_ends_are_not_the_next_ones,
    terminators::a_late_terminator_says_no_code_for_the_next_process,
    burials::killed_buriers,
    heirs::killed_heirs,
    heirs::killed_takers_in,
    leaving::the_last_one_out_removes_the_arena,
    leaving::of_several_that_leave_at_once_one_is_the_last,
    leaving::after_everybody_crashed_the_first_starts_afresh,
    leaving::nothing_is_left_of_mailboxes_after_everybody_crashed,
    leaving::killed_alone_while_attaching,
    leaving::killed_alone_while_leaving,
    leaving::killed_alone_with_sections,
    leaving::killed_while_attaching_beside_a_member,
}

/// What a process that a test starts does.
#[test]
#[ignore = "a role that other tests start"]
fn plays_a_role() {
    let argument = std::env::var("ARGUMENT").unwrap();
    match std::env::var("ROLE").as_deref() {
        Ok("operation") => harness::run(&argument, &operation(&argument)),
        Ok("heir") => heirs::inherit(&argument),
        Ok("death") => {
            support::start_watchdog();
            support::progress(&argument);
            death(&argument);
        }
        other => panic!("no such role: {other:?}"),
    }
    // libtest ends with `process::exit`, which leaves the namespace.
}
