//! Anonymous pipes and files through the safe interface, with ordinary programs at their other ends.

mod common;

use std::fs::File;
use std::io::{Read, Write};

use common::unique;
use winipc::{AsHandle, OwnedHandle, PipeReader, PipeWriter, Process, Win32Error, anonymous_pipe};

#[test]
fn a_pipe_carries_a_stream_to_its_end() {
    let (mut reader, mut writer) = anonymous_pipe().unwrap();
    let text = "a line\n".repeat(100_000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            writer.write_all(text.as_bytes()).unwrap();
            drop(writer);
        });
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
    });
    assert_eq!(reader.recv(&mut [0; 9]), Err(Win32Error::BROKEN_PIPE));
    assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn a_writer_learns_that_its_reader_is_gone() {
    let (reader, mut writer) = anonymous_pipe().unwrap();
    drop(reader);
    assert_eq!(writer.send(b"x"), Err(Win32Error::NO_DATA));
    assert_eq!(writer.write(b"x").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn an_end_goes_to_a_handle_and_back() {
    let (reader, writer) = anonymous_pipe().unwrap();
    let (reader, writer) = (OwnedHandle::from(reader), OwnedHandle::from(writer));
    let (mut reader, mut writer) = (PipeReader::from(reader), PipeWriter::from(writer));
    writer.write_all(b"abc").unwrap();
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| writer.flush_buffers());
        let mut bytes = [0; 3];
        reader.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"abc");
        flush.join().unwrap().unwrap();
    });
}

#[test]
fn a_file_of_the_standard_library_goes_to_a_handle_and_back() {
    let path = std::env::temp_dir().join(unique("file"));
    std::fs::write(&path, "content").unwrap();
    let handle = OwnedHandle::try_from(File::open(&path).unwrap()).unwrap();
    let copy = handle.try_clone().unwrap();
    assert!(handle.as_handle().is_same_object(copy.as_handle()));
    let mut file = File::try_from(handle).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "content");
    drop((copy, file));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_file_follows_its_handle_into_this_process_again() {
    let (reader, writer) = anonymous_pipe().unwrap();
    let own = Process::current().unwrap();
    let number = writer.as_handle().duplicate_into(&own, false).unwrap();
    drop(writer);
    // SAFETY: the handle was just made, and nobody else has it.
    let writer = PipeWriter::from(unsafe { OwnedHandle::from_raw(number as winipc::sys::HANDLE) });
    writer.send(b"x").unwrap();
    assert_eq!(reader.recv(&mut [0; 9]), Ok(1));
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;
    use std::process::{Command, Stdio};

    use super::*;

    fn to_child<T: Into<OwnedHandle>>(end: T) -> Stdio {
        OwnedFd::try_from(end.into()).unwrap().into()
    }

    /// `sort` is at both other ends, and knows nothing of it.
    #[test]
    fn any_program_can_be_the_child() {
        let (their_input, mut input) = anonymous_pipe().unwrap();
        let (mut output, their_output) = anonymous_pipe().unwrap();
        let mut sort = Command::new("sort");
        let mut child = sort.stdin(to_child(their_input)).stdout(to_child(their_output)).spawn().unwrap();
        drop(sort);
        input.write_all(b"c\na\nb\n").unwrap();
        drop(input);
        let mut sorted = String::new();
        output.read_to_string(&mut sorted).unwrap();
        assert_eq!(sorted, "a\nb\nc\n");
        assert!(child.wait().unwrap().success());
    }

    /// It fills the pipe, and waits for the reader like any other writer; then the reader goes.
    #[test]
    fn a_child_that_writes_too_much_waits_and_is_broken_off() {
        let (reader, writer) = anonymous_pipe().unwrap();
        let mut yes = Command::new("yes");
        let mut child = yes.stdout(to_child(writer)).spawn().unwrap();
        drop(yes);
        let mut left = 1 << 20;
        let mut buffer = [0; 4096];
        while left > 0 {
            left -= reader.recv(&mut buffer).unwrap() as i32;
        }
        drop(reader);
        assert!(!child.wait().unwrap().success(), "it is not told");
    }

    #[test]
    fn a_descriptor_becomes_a_handle_that_others_can_be_given() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let handle = OwnedHandle::try_from(OwnedFd::from(reader)).unwrap();
        let reader = PipeReader::from(handle);
        writer.write_all(b"abc").unwrap();
        assert_eq!(reader.peek(&mut []).unwrap().available, 3);
        drop(writer);
        assert_eq!(reader.recv(&mut [0; 9]), Ok(3));
        assert_eq!(reader.recv(&mut [0; 9]), Err(Win32Error::BROKEN_PIPE));
    }

    #[test]
    fn what_has_no_descriptor_gives_none() {
        let event = winipc::Event::auto_reset().unwrap();
        let none = event.as_handle().try_clone_to_owned_fd();
        assert_eq!(none.unwrap_err(), Win32Error::INVALID_HANDLE);
    }
}
