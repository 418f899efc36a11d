//! Known faults of Wine 8: tests of documented Windows behaviour that it does not pass.

/// Test, what Windows does, what Wine 8 does instead.
pub(crate) const KNOWN_FAULTS: &[(&str, &str, &str)] = &[
    (
        "handles::pseudo_handles_fail_multiple_waits_at_any_index",
        "ERROR_INVALID_HANDLE",
        "waits on the process or thread",
    ),
    ("access::opening_with_no_access_fails", "ERROR_ACCESS_DENIED", "gives a handle without rights"),
    ("access::access_system_security_needs_a_privilege", "ERROR_PRIVILEGE_NOT_HELD", "grants it"),
    ("access::a_mutex_knows_its_bits", "bits without meaning are denied", "grants every bit"),
    (
        "duplication::a_pipe_duplicate_cannot_gain_access",
        "ERROR_ACCESS_DENIED",
        "grants more than the source has",
    ),
    (
        "duplication::close_source_closes_even_when_it_fails",
        "ERROR_ACCESS_DENIED",
        "grants a bit without meaning",
    ),
    ("duplication::close_source_without_target_only_closes", "TRUE", "fails ERROR_INVALID_HANDLE"),
    (
        "duplication::pseudo_process_of_another_process",
        "a handle to the source process",
        "a handle to the caller",
    ),
    ("waits::the_same_object_twice_fails_for_all", "ERROR_INVALID_PARAMETER", "waits"),
    ("waits::a_semaphore_taken_twice_by_all_is_refused", "ERROR_INVALID_PARAMETER", "waits"),
    ("file_waits::a_failed_call_leaves_the_handle_nonsignaled", "nonsignaled", "signaled"),
    ("disk_file_transfer::a_failed_read_leaves_the_file_nonsignaled", "nonsignaled", "signaled"),
    ("semaphores::release_of_nothing_fails", "ERROR_INVALID_PARAMETER", "TRUE for a release of 0"),
    ("timers::a_negative_period_fails", "ERROR_INVALID_PARAMETER", "TRUE"),
    ("timers::a_routine_gets_the_time_of_expiry", "system time", "a relative time"),
    ("timers::the_end_of_the_setting_thread_cancels_a_timer_with_routine", "cancelled", "goes on"),
    ("timers::resume_is_accepted", "last error ERROR_NOT_SUPPORTED", "last error 722"),
    ("anonymous_pipes::the_read_handle_has_its_rights", "ERROR_ACCESS_DENIED", "a duplicate gains rights"),
    ("anonymous_pipes::the_write_handle_has_its_rights", "ERROR_ACCESS_DENIED", "a duplicate gains rights"),
    ("anonymous_pipe_transfer::a_write_of_the_size_and_24_bytes_never_waits", "TRUE", "waits for a reader"),
    ("disk_files::an_existing_file_is_truncated", "ERROR_INVALID_PARAMETER", "opens it for reading"),
    (
        "disk_file_transfer::the_end_is_where_the_position_is",
        "ERROR_ACCESS_DENIED",
        "ERROR_INVALID_PARAMETER",
    ),
    ("pipe_creation::an_empty_name_fails", "ERROR_INVALID_NAME (?)", "ERROR_INVALID_HANDLE"),
    ("pipe_creation::an_instance_count_out_of_range_fails", "ERROR_INVALID_PARAMETER for 0", "accepts 0"),
    ("pipe_creation::undefined_open_mode_bits_fail", "ERROR_INVALID_PARAMETER", "ignores them"),
    ("pipe_creation::undefined_pipe_mode_bits_fail", "ERROR_INVALID_PARAMETER", "ignores them"),
    ("pipe_creation::first_instance_fails_when_the_pipe_exists", "ERROR_ACCESS_DENIED", "ignores the flag"),
    (
        "pipe_creation::an_instance_counts_until_both_ends_are_closed",
        "ERROR_PIPE_BUSY (?)",
        "counts server handles",
    ),
    ("pipe_creation::server_access_rights", "ERROR_ACCESS_DENIED", "a duplicate gains rights"),
    ("pipe_opening::changing_the_mode_needs_write_attributes", "ERROR_ACCESS_DENIED", "TRUE"),
    (
        "pipe_states::the_client_can_neither_connect_nor_disconnect",
        "ERROR_INVALID_FUNCTION (?)",
        "ERROR_NOT_SUPPORTED",
    ),
    (
        "pipe_nowait::a_message_write_that_does_not_fit_leaves_the_reader_pending",
        "count 0",
        "gives the reader a part",
    ),
    ("pipe_nowait::switching_with_pending_io_fails", "ERROR_PIPE_BUSY (?)", "TRUE"),
    ("pipe_writing::flush_needs_write_access", "ERROR_ACCESS_DENIED", "TRUE"),
    ("pipe_information::info_of_unlimited_instances", "255", "0xFFFFFFFF"),
    ("pipe_information::collection_is_for_remote_pipes", "ERROR_INVALID_PARAMETER", "TRUE"),
    ("pipe_information::process_ids_after_a_disconnect", "ERROR_NOT_FOUND, 233", "the ids before"),
    ("cancelling::cancel_io_ex_of_an_idle_handle_fails", "ERROR_NOT_FOUND", "TRUE"),
    ("completion_routines::a_partial_message_reports_more_data", "TRUE with ERROR_MORE_DATA", "FALSE"),
    ("pipe_information::process_ids_need_a_place", "ERROR_INSUFFICIENT_BUFFER", "error 1784"),
    ("pipe_information::session_ids_after_a_disconnect", "ERROR_NOT_FOUND, 233", "the ids before"),
    ("pipe_information::session_ids_need_a_place", "ERROR_INSUFFICIENT_BUFFER", "FALSE without an error"),
    ("pipe_peeking::peek_waits_behind_a_blocked_read", "waits", "answers at once"),
    ("pipe_transactions::wait_ends_with_the_last_instance", "ERROR_FILE_NOT_FOUND (?)", "waits on"),
    ("contention::one_of_many_servers_is_the_first_instance", "one of them", "ignores the flag"),
    ("contention::cancelling_leaves_requests_of_other_processes", "ERROR_NOT_FOUND", "TRUE"),
    (
        "mailslots::opening_a_closed_slot_fails",
        "ERROR_FILE_NOT_FOUND",
        "opens it as long as a client is open",
    ),
    ("mailslots::any_share_mode_is_accepted", "opens", "fails without FILE_SHARE_WRITE"),
    ("mailslots::share_modes_keep_no_writer_out", "opens", "fails ERROR_SHARING_VIOLATION"),
    ("mailslot_messages::an_empty_message_counts", "a message", "nothing is written"),
    ("mailslot_messages::a_message_that_does_not_fit_stays", "ERROR_INSUFFICIENT_BUFFER", "gives a part"),
    ("mailslot_messages::a_message_longer_than_the_maximum_fails", "ERROR_INVALID_PARAMETER (?)", "TRUE"),
    (
        "mailslot_waiting::a_read_of_nothing_without_a_message_times_out",
        "ERROR_SEM_TIMEOUT",
        "ERROR_BROKEN_PIPE",
    ),
    ("mailslots::information_counts_messages", "their number", "1 at most"),
    (
        "mailslot_waiting::setting_the_timeout_leaves_a_pending_read",
        "a read may be pending",
        "it waits in the call",
    ),
    (
        "mailslot_waiting::a_pending_read_is_completed_by_the_next_write",
        "a read may be pending",
        "it waits in the call",
    ),
    ("mailslot_waiting::pending_reads_are_served_in_order", "a read may be pending", "it waits in the call"),
    ("mailslot_waiting::a_pending_read_times_out", "a read may be pending", "it waits in the call"),
    ("mailslot_waiting::a_pending_read_can_be_cancelled", "a read may be pending", "it waits in the call"),
    (
        "mailslot_waiting::closing_the_slot_ends_a_pending_read",
        "a read may be pending",
        "it waits in the call",
    ),
    ("mailslot_waiting::a_routine_gets_the_message", "a read may be pending", "it waits in the call"),
    ("mailslot_messages::a_write_after_the_server_closed_fails", "ERROR_HANDLE_EOF (?)", "TRUE"),
    ("mailslots::a_new_handle_is_signaled", "signaled", "it cannot be waited for"),
    ("mailslots::a_duplicate_cannot_gain_access", "ERROR_ACCESS_DENIED", "grants more than the source has"),
    ("mailslot_messages::a_broadcast_name_opens_without_a_slot", "a broadcast name opens", "it does not"),
    ("mailslot_messages::a_broadcast_reaches_the_slot", "a broadcast name opens", "it does not"),
    ("mailslot_messages::a_long_broadcast_fails", "a broadcast name opens", "it does not"),
    ("section_creation::large_pages_need_a_privilege", "ERROR_PRIVILEGE_NOT_HELD", "ignores the flag"),
    (
        "section_creation::more_than_the_commit_limit_fails",
        "ERROR_COMMITMENT_LIMIT",
        "ERROR_NOT_ENOUGH_MEMORY",
    ),
    ("section_creation::a_pipe_is_no_file_for_a_section", "ERROR_BAD_EXE_FORMAT (?)", "ERROR_INVALID_HANDLE"),
    ("section_creation::opening_with_rights_that_sections_lack_fails", "ERROR_ACCESS_DENIED", "grants them"),
    (
        "section_creation::creation_gives_all_access_to_an_existing_section",
        "all access",
        "the access that the protection stands for",
    ),
    (
        "section_files::an_executable_protection_needs_execute_access",
        "ERROR_ACCESS_DENIED",
        "needs read access only",
    ),
    ("section_files::a_device_is_no_file_for_a_section", "ERROR_BAD_EXE_FORMAT (?)", "ERROR_INVALID_HANDLE"),
    ("section_views::flushing_what_is_not_mapped_fails", "ERROR_INVALID_ADDRESS (?)", "TRUE"),
    (
        "standard_handles::a_child_takes_standard_handles_unchanged",
        "any handle",
        "others where they are none of files",
    ),
    ("standard_handles::standard_handles_are_not_checked", "any value", "another where it is no handle"),
    ("standard_handles::a_standard_handle_can_be_waited_for", "waits for the standard handle", "fails"),
    ("children::two_consoles_are_refused", "ERROR_INVALID_PARAMETER (?)", "TRUE"),
    ("inheritance::a_list_needs_inheritance", "ERROR_INVALID_PARAMETER", "TRUE"),
    ("inheritance::a_list_takes_inheritable_handles_only", "ERROR_INVALID_PARAMETER", "TRUE"),
    (
        "inheritance::handles_to_a_new_process_can_be_inherited",
        "the attributes make the handle inheritable",
        "it is not",
    ),
    ("children::without_names_there_is_nothing_to_run", "ERROR_INVALID_PARAMETER (?)", "page fault"),
    ("processes::terminating_an_ended_process_fails", "ERROR_ACCESS_DENIED", "TRUE"),
];

/// Whether this process runs under Wine.
#[cfg(windows)]
pub(crate) fn is_wine() -> bool {
    use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
    // SAFETY: both names end in a zero; ntdll is loaded in every process.
    unsafe {
        GetProcAddress(GetModuleHandleA(c"ntdll.dll".as_ptr().cast()), c"wine_get_version".as_ptr().cast())
            .is_some()
    }
}

/// Whether this process runs under Wine.
#[cfg(not(windows))]
pub(crate) fn is_wine() -> bool {
    false
}
