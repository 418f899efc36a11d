//! Section 13.3: standard handles, and pipes that lead to children.

use crate::support::process::*;
use crate::support::*;
use crate::sys::*;
use crate::tests;
use std::ptr::{null, null_mut};

tests![
    a_bad_number_names_no_standard_handle;
    alone:
    setting_a_standard_handle_changes_the_slot,
    a_child_takes_standard_handles_unchanged,
    standard_handles_are_not_checked,
    a_standard_handle_that_is_not_inherited_is_no_handle,
    a_child_writes_to_its_standard_output,
    a_child_reads_from_its_standard_input,
    a_child_copies_its_input_to_its_output,
    output_and_error_can_be_the_same,
    a_child_has_its_parents_standard_handles,
    standard_handles_that_were_set_go_to_children,
    the_end_of_the_child_ends_its_output,
    an_open_copy_keeps_the_output_open,
    an_unwanted_copy_keeps_the_input_open,
    a_child_that_does_not_read_blocks_the_writer,
    the_end_of_the_child_breaks_its_input,
    a_standard_handle_can_be_waited_for,
];

/// The ends of an anonymous pipe, of which a child inherits what is asked for.
fn pipe(read: bool, write: bool) -> (Handle, Handle) {
    let (mut reader, mut writer) = (null_mut(), null_mut());
    ok!(CreatePipe(&mut reader, &mut writer, null(), 0));
    for (handle, inherit) in [(reader, read), (writer, write)] {
        let flag = if inherit { HANDLE_FLAG_INHERIT } else { 0 };
        ok!(SetHandleInformation(handle, HANDLE_FLAG_INHERIT, flag));
    }
    (Handle::own(reader), Handle::own(writer))
}

fn write(pipe: &Handle, data: &[u8]) -> (i32, u32) {
    let mut count = 0;
    let written = call!(WriteFile(pipe.raw(), data.as_ptr(), data.len() as u32, &mut count, null_mut()));
    assert!(written.0 == FALSE || count as usize == data.len());
    written
}

/// Everything up to the end, and the error that says it.
fn read_all(pipe: &Handle) -> (Vec<u8>, u32) {
    let mut all = Vec::new();
    loop {
        let (mut buffer, mut count) = ([0; 1000], 0);
        let (value, error) = call!(ReadFile(pipe.raw(), buffer.as_mut_ptr(), 1000, &mut count, null_mut()));
        if value == FALSE {
            return (all, error);
        }
        all.extend(&buffer[..count as usize]);
    }
}

fn child(script: &str, standard: [HANDLE; 3]) -> Creation<'static> {
    Creation { standard: Some(standard), ..Creation::script(script) }.inheriting()
}

fn standard(which: u32) -> HANDLE {
    call!(GetStdHandle(which)).0
}

/// 13.3: GetStdHandle and SetStdHandle of another number fail ERROR_INVALID_HANDLE (?).
fn a_bad_number_names_no_standard_handle() {
    assert_eq!(call!(GetStdHandle(5)), (INVALID_HANDLE_VALUE, ERROR_INVALID_HANDLE));
    fails!(SetStdHandle(5, null_mut()), ERROR_INVALID_HANDLE);
}

/// 13.3: SetStdHandle changes the slot, to anything; GetStdHandle gives what is there, NULL if nothing is.
fn setting_a_standard_handle_changes_the_slot() {
    let event = event(true, false);
    for value in [event.raw(), NEVER, null_mut()] {
        ok!(SetStdHandle(STD_INPUT_HANDLE, value));
        assert_eq!(standard(STD_INPUT_HANDLE), value);
    }
    assert!(!standard(STD_OUTPUT_HANDLE).is_null());
}

/// 13.3: With STARTF_USESTDHANDLES the child's standard handles are those given.
fn a_child_takes_standard_handles_unchanged() {
    let handles = [(); 3].map(|()| inheritable_event());
    let raw = [handles[0].raw(), handles[1].raw(), handles[2].raw()];
    for (which, handle) in handles.iter().enumerate() {
        let script = format!("standard {which} {}", number(handle));
        assert_eq!(child(&script, raw).run(), 1, "{which}");
    }
    let script = format!("set_standard 1, wait {} 0", number(&handles[1]));
    assert_eq!(child(&script, raw).run(), WAIT_OBJECT_0);
}

/// 13.3: Standard handles are not checked.
fn standard_handles_are_not_checked() {
    let raw = [NEVER, null_mut(), NEVER];
    for (which, handle) in raw.iter().enumerate() {
        let script = format!("standard {which} {}", *handle as isize);
        assert_eq!(child(&script, raw).run(), 1, "{which}");
    }
}

/// 13.3: A standard handle that the child does not inherit is none of its handles.
fn a_standard_handle_that_is_not_inherited_is_no_handle() {
    // So many that the number is no handle of the child's by chance.
    let _events: Vec<_> = (0..300).map(|_| event(true, false)).collect();
    let (_reader, writer) = pipe(false, false);
    let script = format!("error write {} x", number(&writer));
    let creation = child(&script, [null_mut(), writer.raw(), null_mut()]);
    assert_eq!(creation.run(), ERROR_INVALID_HANDLE);
    ok!(SetHandleInformation(writer.raw(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    assert_eq!(Creation { inherit: false, ..creation }.run(), ERROR_INVALID_HANDLE);
}

/// 13.3: A child writes into a pipe that is its standard output; after its end the reader finds the end.
fn a_child_writes_to_its_standard_output() {
    let (reader, writer) = pipe(false, true);
    let made = child("print hello, print world, exit 3", [null_mut(), writer.raw(), null_mut()]).make();
    writer.close();
    assert_eq!(read_all(&reader), (b"helloworld".to_vec(), ERROR_BROKEN_PIPE));
    assert_eq!(made.end(), 3);
}

/// 13.3: A child reads from a pipe that is its standard input, and finds its end when every writer is closed.
fn a_child_reads_from_its_standard_input() {
    let (reader, writer) = pipe(true, false);
    let made = child("count", [reader.raw(), null_mut(), null_mut()]).make();
    reader.close();
    for _ in 0..10 {
        assert_eq!(write(&writer, &[7; 100]).0, TRUE);
    }
    assert_eq!(wait(&made.process, 1), WAIT_TIMEOUT);
    writer.close();
    assert_eq!(made.end(), 1000);
}

/// 13.3: A child is a filter between two pipes.
fn a_child_copies_its_input_to_its_output() {
    let ((input, to_child), (from_child, output)) = (pipe(true, false), pipe(false, true));
    let made = child("copy", [input.raw(), output.raw(), null_mut()]).make();
    input.close();
    output.close();
    let data: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_all(&from_child));
        assert_eq!(write(&to_child, &data).0, TRUE);
        to_child.close();
        let (copied, error) = reader.join().unwrap();
        assert!(copied == data, "{} bytes", copied.len());
        assert_eq!(error, ERROR_BROKEN_PIPE);
    });
    assert_eq!(made.end(), 0);
}

/// 13.3: One handle may be standard output and standard error.
fn output_and_error_can_be_the_same() {
    let (reader, writer) = pipe(false, true);
    let made = child("print out, complain err", [null_mut(), writer.raw(), writer.raw()]).make();
    writer.close();
    assert_eq!(read_all(&reader), (b"outerr".to_vec(), ERROR_BROKEN_PIPE));
    made.end();
}

/// 13.3: Without STARTF_USESTDHANDLES a child has its parent's standard handles.
fn a_child_has_its_parents_standard_handles() {
    let (reader, writer) = pipe(false, true);
    // The grandchild's output is the child's.
    let made = child("child print hello", [null_mut(), writer.raw(), null_mut()]).make();
    writer.close();
    assert_eq!(read_all(&reader), (b"hello".to_vec(), ERROR_BROKEN_PIPE));
    made.end();
}

/// 13.3: What SetStdHandle sets, later children have.
fn standard_handles_that_were_set_go_to_children() {
    let (reader, writer) = pipe(false, true);
    ok!(SetStdHandle(STD_OUTPUT_HANDLE, writer.raw()));
    let made = Creation::script("print hello").inheriting().make();
    writer.close();
    assert_eq!(read_all(&reader), (b"hello".to_vec(), ERROR_BROKEN_PIPE));
    made.end();
}

/// 13.3: A child that is terminated closes its end of the pipe.
fn the_end_of_the_child_ends_its_output() {
    let (reader, writer) = pipe(false, true);
    let made = child(&format!("print begun, {}", stay()), [null_mut(), writer.raw(), null_mut()]).make();
    writer.close();
    let (mut buffer, mut count) = ([0; 10], 0);
    ok!(ReadFile(reader.raw(), buffer.as_mut_ptr(), 10, &mut count, null_mut()));
    assert_eq!(&buffer[..count as usize], b"begun");
    ok!(TerminateProcess(made.process.raw(), 0));
    assert_eq!(read_all(&reader), (Vec::new(), ERROR_BROKEN_PIPE));
    made.end();
}

/// 13.3: The parent's own write end keeps the pipe open after the child's end.
fn an_open_copy_keeps_the_output_open() {
    let (reader, writer) = pipe(false, true);
    child("print x", [null_mut(), writer.raw(), null_mut()]).make().end();
    let (mut buffer, mut count) = ([0; 10], 0);
    ok!(ReadFile(reader.raw(), buffer.as_mut_ptr(), 10, &mut count, null_mut()));
    let peek = || call!(PeekNamedPipe(reader.raw(), null_mut(), 0, null_mut(), null_mut(), null_mut()));
    assert_eq!(peek(), (TRUE, UNTOUCHED));
    writer.close();
    until("the copy of the dead child closes", || peek().0 == FALSE);
    assert_eq!(peek(), (FALSE, ERROR_BROKEN_PIPE));
}

/// 13.3: A child that inherits the write end of its own input never finds its end.
fn an_unwanted_copy_keeps_the_input_open() {
    let (reader, writer) = pipe(true, true);
    let script = format!("print_to {} x, count", number(&writer));
    let made = child(&script, [reader.raw(), null_mut(), null_mut()]).make();
    writer.close();
    reader.close();
    assert_eq!(wait(&made.process, 100), WAIT_TIMEOUT);
    ok!(TerminateProcess(made.process.raw(), 5));
    assert_eq!(made.end(), 5);
}

/// 13.3: A write that the pipe to a child has no room for waits until the child reads.
fn a_child_that_does_not_read_blocks_the_writer() {
    let (reader, writer) = pipe(true, false);
    let go = inheritable_event();
    let script = format!("wait {} {SOON}, count", number(&go));
    let made = child(&script, [reader.raw(), null_mut(), null_mut()]).make();
    reader.close();
    let written = event(true, false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(write(&writer, &vec![1; 1 << 20]).0, TRUE);
            ok!(SetEvent(written.raw()));
        });
        assert_eq!(wait(&written, 50), WAIT_TIMEOUT);
        ok!(SetEvent(go.raw()));
        assert_eq!(wait(&written, SOON), WAIT_OBJECT_0);
    });
    writer.close();
    assert_eq!(made.end(), 1 << 20);
}

/// 13.3: When the child ends, writes to its input fail, ERROR_NO_DATA, or ERROR_BROKEN_PIPE for one that waits.
fn the_end_of_the_child_breaks_its_input() {
    let (reader, writer) = pipe(true, false);
    let made = child("exit 0", [reader.raw(), null_mut(), null_mut()]).make();
    reader.close();
    made.end();
    // The kernel tells of a death a moment before it closes what the dead had open.
    until("its input breaks", || write(&writer, b"x").0 == FALSE);
    assert_eq!(write(&writer, b"x"), (FALSE, ERROR_NO_DATA));
    let (reader, writer) = pipe(true, false);
    let made = child(&stay(), [reader.raw(), null_mut(), null_mut()]).make();
    reader.close();
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| write(&writer, &vec![1; 1 << 20]));
        patience(20);
        ok!(TerminateProcess(made.process.raw(), 0));
        assert_eq!(blocked.join().unwrap(), (FALSE, ERROR_BROKEN_PIPE));
    });
}

/// 1.1: The values STD_INPUT_HANDLE and its fellows stand for the standard handle in WaitForSingleObject.
fn a_standard_handle_can_be_waited_for() {
    let event = event(true, false);
    ok!(SetStdHandle(STD_INPUT_HANDLE, event.raw()));
    let pseudo = STD_INPUT_HANDLE as i32 as isize as HANDLE;
    assert_eq!(call!(WaitForSingleObject(pseudo, 0)).0, WAIT_TIMEOUT);
    ok!(SetEvent(event.raw()));
    assert_eq!(call!(WaitForSingleObject(pseudo, 0)).0, WAIT_OBJECT_0);
    assert_eq!(call!(WaitForMultipleObjects(1, &pseudo, FALSE, 0)).0, WAIT_OBJECT_0);
}
