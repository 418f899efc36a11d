//! Processes.

use std::ptr;

use super::{check, last_error, opened};
use crate::sys;
use crate::sys::owned_handle::{BorrowedHandle, OwnedHandle};
use crate::sys::{
    CREATE_UNICODE_ENVIRONMENT, CreateProcessW, DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT,
    HANDLE, InitializeProcThreadAttributeList, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROCESS_INFORMATION,
    STARTF_USESTDHANDLES, STARTUPINFOEXW, STARTUPINFOW, UpdateProcThreadAttribute,
};
use crate::sys::{ExitProcess, OpenProcess, TerminateProcess};
use crate::sys::{GetCurrentProcess, GetCurrentProcessId, GetExitCodeProcess, GetProcessId};
use crate::{Result, Win32Error};

pub(crate) fn current_id() -> u32 {
    // SAFETY: it takes nothing.
    unsafe { GetCurrentProcessId() }
}

/// The pseudo-handle, which is always open.
pub(crate) fn current() -> BorrowedHandle<'static> {
    // SAFETY: the pseudo-handle cannot be closed.
    unsafe { BorrowedHandle::borrow_raw(GetCurrentProcess()) }
}

pub(crate) fn open(id: u32, access: u32, inherit: bool) -> Result<OwnedHandle> {
    // SAFETY: it takes no memory.
    unsafe { opened(OpenProcess(access, inherit.into(), id)) }
}

pub(crate) fn id(process: BorrowedHandle<'_>) -> Result<u32> {
    // SAFETY: the handle is open.
    match unsafe { GetProcessId(process.as_raw()) } {
        0 => Err(last_error()),
        id => Ok(id),
    }
}

pub(crate) fn exit_code(process: BorrowedHandle<'_>) -> Result<u32> {
    let mut code = 0;
    // SAFETY: the handle is open.
    check(unsafe { GetExitCodeProcess(process.as_raw(), &mut code) })?;
    Ok(code)
}

pub(crate) fn terminate(process: BorrowedHandle<'_>, exit_code: u32) -> Result<()> {
    // SAFETY: the handle is open. Ending a process, even this one, breaks no promise of the language.
    check(unsafe { TerminateProcess(process.as_raw(), exit_code) })
}

pub(crate) fn exit(exit_code: u32) -> ! {
    // SAFETY: it takes no memory.
    unsafe { ExitProcess(exit_code) }
}

/// What [`create`] makes a process of. The strings are in UTF-16 and end in a zero.
pub(crate) struct Creation<'a> {
    pub(crate) command_line: Vec<u16>,
    /// Strings with a zero each, and another one.
    pub(crate) environment: Option<Vec<u16>>,
    pub(crate) directory: Option<Vec<u16>>,
    pub(crate) flags: u32,
    /// What the child inherits, all of it inheritable.
    pub(crate) inherited: Vec<BorrowedHandle<'a>>,
    /// The child's standard handles, where they are not the caller's.
    pub(crate) standard: Option<[Option<BorrowedHandle<'a>>; 3]>,
}

/// A process that was made.
pub(crate) struct Created {
    pub(crate) process: OwnedHandle,
    pub(crate) thread: OwnedHandle,
    pub(crate) id: u32,
}

pub(crate) fn create(mut creation: Creation<'_>) -> Result<Created> {
    let mut startup = STARTUPINFOEXW::default();
    startup.StartupInfo.cb = size_of::<STARTUPINFOEXW>() as u32;
    let mut list = AttributeList::new()?;
    let mut handles: Vec<HANDLE> = creation.inherited.iter().map(|handle| handle.as_raw()).collect();
    let mut voucher = sys::voucher(&handles);
    if !voucher.is_empty() {
        let size = voucher.len().try_into().map_err(|_| Win32Error::INVALID_PARAMETER)?;
        startup.StartupInfo.cbReserved2 = size;
        startup.StartupInfo.lpReserved2 = voucher.as_mut_ptr();
    }
    let standard = creation.standard.into_iter().flatten().flatten();
    handles.extend(standard.map(|handle| handle.as_raw()));
    if let Some(standard) = creation.standard {
        let [input, output, error] =
            standard.map(|handle| handle.map_or(ptr::null_mut(), |handle| handle.as_raw()));
        startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        startup.StartupInfo.hStdInput = input;
        startup.StartupInfo.hStdOutput = output;
        startup.StartupInfo.hStdError = error;
    }
    if handles.is_empty() {
        startup.StartupInfo.cb = size_of::<STARTUPINFOW>() as u32;
    } else {
        list.set_handles(&handles)?;
        startup.lpAttributeList = list.pointer();
        creation.flags |= EXTENDED_STARTUPINFO_PRESENT;
    }
    let mut information = PROCESS_INFORMATION::default();
    let optional = |text: &Option<Vec<u16>>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: the strings end in zeros and outlive the call, the list and the voucher as well; the structure is as
    // large as it says, and the flag says whether there is a list after it.
    check(unsafe {
        CreateProcessW(
            ptr::null(),
            creation.command_line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            (!handles.is_empty()).into(),
            creation.flags | CREATE_UNICODE_ENVIRONMENT,
            optional(&creation.environment).cast(),
            optional(&creation.directory),
            (&raw const startup).cast(),
            &mut information,
        )
    })?;
    // SAFETY: the handles are new, so nobody else closes them.
    let own = |raw| unsafe { OwnedHandle::from_raw(raw) };
    Ok(Created {
        process: own(information.hProcess),
        thread: own(information.hThread),
        id: information.dwProcessId,
    })
}

/// A list of attributes with room for one.
struct AttributeList {
    memory: Vec<u64>,
}

impl AttributeList {
    fn new() -> Result<AttributeList> {
        let mut size = 0;
        // SAFETY: a place for the size; without memory the call only tells it.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), 1, 0, &mut size) };
        let mut list = AttributeList { memory: vec![0; size.div_ceil(8)] };
        // SAFETY: memory of that size.
        check(unsafe { InitializeProcThreadAttributeList(list.pointer(), 1, 0, &mut size) })?;
        Ok(list)
    }

    fn pointer(&mut self) -> crate::sys::LPPROC_THREAD_ATTRIBUTE_LIST {
        self.memory.as_mut_ptr().cast()
    }

    /// The handles must outlive the use of the list.
    fn set_handles(&mut self, handles: &[HANDLE]) -> Result<()> {
        // SAFETY: a list, and an array of so many bytes.
        check(unsafe {
            UpdateProcThreadAttribute(
                self.pointer(),
                0,
                PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize,
                handles.as_ptr().cast(),
                size_of_val(handles),
                ptr::null_mut(),
                ptr::null(),
            )
        })
    }
}

impl Drop for AttributeList {
    fn drop(&mut self) {
        // SAFETY: a list that was made.
        unsafe { DeleteProcThreadAttributeList(self.pointer()) };
    }
}

/// Takes a handle over that the process has inherited, as it can be once.
pub(crate) fn take_inherited(raw: isize) -> Result<OwnedHandle> {
    sys::take_inherited(raw as HANDLE).map_err(Win32Error)?;
    // SAFETY: used for this call only, which fails where it has been closed.
    let handle = unsafe { BorrowedHandle::borrow_raw(raw as HANDLE) };
    handle.set_inheritable(false).map_err(|_| Win32Error::NOT_FOUND)?;
    // SAFETY: it was inherited, so that it is nobody's who has made it, and nobody else has taken it.
    Ok(unsafe { OwnedHandle::from_raw(raw as HANDLE) })
}
