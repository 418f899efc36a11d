//! Sockets by which processes pass each other descriptors: one for each process that has been asked for it, bound to a
//! name in the namespace's directory, so that only its user's processes reach it.

use core::mem::{MaybeUninit, offset_of};
use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use super::crash;
use super::place::remove_at;

/// Words of a message.
pub(crate) const WORDS: usize = 8;

/// What a message holds.
pub(crate) type Words = [u32; WORDS];

/// Room for one descriptor beside a message.
const CONTROL: usize = 64;

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// The beginning of the names of an arena's sockets. No namespace's name begins so.
pub(crate) fn prefix(arena: u64) -> String {
    format!("@{arena:x}.")
}

/// The name of a process's socket: by the arena's inode, and the number and generation of the process's record.
pub(crate) fn name(arena: u64, process: u32, generation: u32) -> String {
    format!("{}{process:x}.{generation:x}", prefix(arena))
}

fn socket() -> io::Result<OwnedFd> {
    let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes numbers only.
    let descriptor = unsafe { libc::socket(libc::AF_UNIX, flags, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Calls a function with the address of a name in a directory.
fn with_address<T>(
    directory: BorrowedFd<'_>,
    name: &str,
    call: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> io::Result<T>,
) -> io::Result<T> {
    let path = format!("/proc/self/fd/{}/{name}", directory.as_raw_fd());
    // SAFETY: zero is a valid value of every field.
    let mut address: libc::sockaddr_un = unsafe { core::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    if path.len() >= address.sun_path.len() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (unit, byte) in address.sun_path.iter_mut().zip(path.bytes()) {
        *unit = byte as libc::c_char;
    }
    let length = offset_of!(libc::sockaddr_un, sun_path) + path.len() + 1;
    call((&raw const address).cast(), length as libc::socklen_t)
}

/// Opens a socket with a name. One that an earlier process has left is replaced.
pub(crate) fn open(directory: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    remove(directory, name.as_ref());
    let socket = socket()?;
    crash::point();
    with_address(directory, name, |address, length| {
        // SAFETY: an address of that length.
        match unsafe { libc::bind(socket.as_raw_fd(), address, length) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    })?;
    crash::point();
    Ok(socket)
}

/// Removes the name of a socket.
pub(crate) fn remove(directory: BorrowedFd<'_>, name: &OsStr) {
    crash::point();
    if let Ok(name) = CString::new(name.as_bytes()) {
        remove_at(directory, &name);
    }
}

/// Sends a message, and a descriptor with it, without waiting. [`io::ErrorKind::WouldBlock`]: too many lie unread.
pub(crate) fn send(
    directory: BorrowedFd<'_>,
    name: &str,
    words: &Words,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let socket = socket()?;
    let mut vector = libc::iovec { iov_base: words.as_ptr().cast_mut().cast(), iov_len: size_of::<Words>() };
    let mut control = Control([0; CONTROL]);
    with_address(directory, name, |address, length| {
        // SAFETY: zero is a valid value of every field.
        let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
        message.msg_name = address.cast_mut().cast();
        message.msg_namelen = length;
        message.msg_iov = &mut vector;
        message.msg_iovlen = 1;
        if let Some(descriptor) = descriptor {
            message.msg_control = control.0.as_mut_ptr().cast();
            // SAFETY: the control buffer is aligned and has room for one descriptor.
            unsafe {
                message.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
                let head = libc::CMSG_FIRSTHDR(&message);
                (*head).cmsg_level = libc::SOL_SOCKET;
                (*head).cmsg_type = libc::SCM_RIGHTS;
                (*head).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
                libc::CMSG_DATA(head).cast::<RawFd>().write_unaligned(descriptor.as_raw_fd());
            }
        }
        crash::point();
        // SAFETY: a message whose parts are all valid.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) };
        let result = if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        crash::point();
        result
    })
}

/// Takes a message, and the descriptor that came with it, without waiting. `None`: there is none. One of another size
/// has zeros for words.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<(Words, Option<OwnedFd>)>> {
    let mut words: Words = [0; WORDS];
    let mut vector = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: size_of::<Words>() };
    let mut control = Control([0; CONTROL]);
    let mut message = MaybeUninit::<libc::msghdr>::zeroed();
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    crash::point();
    // SAFETY: zero is a valid value of every field; places for what is received, with their sizes.
    let (received, message) = unsafe {
        let head = message.assume_init_mut();
        head.msg_iov = &mut vector;
        head.msg_iovlen = 1;
        head.msg_control = control.0.as_mut_ptr().cast();
        head.msg_controllen = CONTROL as _;
        (libc::recvmsg(socket.as_raw_fd(), head, flags), &*head)
    };
    if received < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::WouldBlock { Ok(None) } else { Err(error) };
    }
    let mut descriptors = Vec::new();
    // SAFETY: the kernel has filled the control buffer, within which the functions stay; each descriptor in it has just
    // been opened for this process and is nobody else's.
    unsafe {
        let mut head = libc::CMSG_FIRSTHDR(message);
        while !head.is_null() {
            if (*head).cmsg_level == libc::SOL_SOCKET && (*head).cmsg_type == libc::SCM_RIGHTS {
                let bytes = ((*head).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                let data = libc::CMSG_DATA(head).cast::<RawFd>();
                for index in 0..bytes / size_of::<RawFd>() {
                    descriptors.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            head = libc::CMSG_NXTHDR(message, head);
        }
    }
    if received as usize != size_of::<Words>() {
        words = [0; WORDS];
    }
    Ok(Some((words, descriptors.into_iter().next())))
}
