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
    ("semaphores::release_of_nothing_fails", "ERROR_INVALID_PARAMETER", "TRUE for a release of 0"),
    ("timers::a_negative_period_fails", "ERROR_INVALID_PARAMETER", "TRUE"),
    ("timers::a_routine_gets_the_time_of_expiry", "system time", "a relative time"),
    ("timers::the_end_of_the_setting_thread_cancels_a_timer_with_routine", "cancelled", "goes on"),
    ("timers::resume_is_accepted", "last error ERROR_NOT_SUPPORTED", "last error 722"),
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
