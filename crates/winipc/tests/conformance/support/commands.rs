//! What this binary does as a child: commands, one a line or in a script.

use super::child::from_hexadecimal;
use super::mailslot::{SHARED, try_writer};
use super::pipe::{QUOTA, READ_WRITE, try_client};
use super::process::Creation;
use super::*;
use std::ffi::c_void;

/// The child's main function.
pub(crate) fn run() {
    drop(event(false, false)); // Natively a process is one only from its first use of an object on.
    let (sender, commands) = std::sync::mpsc::channel::<String>();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
        // Also out of a call that blocks: nobody is left to read its answer.
        std::process::exit(0);
    });
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (value, error, bytes) = execute(&words);
        let bytes: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{value} {error} {bytes}");
    }
}

/// The main function of a script.
pub(crate) fn run_script() -> ! {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let text = arguments.join(" ");
    let (mut rest, mut last) = (text.as_str(), 0);
    while !rest.is_empty() {
        // What a child is to do is all the rest.
        let is_last = rest.trim_start().starts_with("child ");
        let (command, after) = if is_last { (rest, "") } else { rest.split_once(',').unwrap_or((rest, "")) };
        let words: Vec<&str> = command.split_whitespace().collect();
        last = execute(&words).0;
        rest = after;
    }
    // SAFETY: ends the process.
    unsafe { ExitProcess(last as u32) }
}

/// The main function of a process that looks at its arguments.
pub(crate) fn check_arguments() -> ! {
    let mut arguments = std::env::args().skip(2);
    let expected = arguments.next().expect("what is expected").split_off(1);
    let found: String = arguments.collect();
    std::process::exit((found.as_bytes() == from_hexadecimal(&expected)).into())
}

/// A thread that ends when another has, and so does the process.
unsafe extern "system" fn last_thread(parameter: *mut c_void) -> u32 {
    // SAFETY: the box that was made for it.
    let (first, exits, code) = *unsafe { Box::from_raw(parameter.cast::<(Handle, bool, u32)>()) };
    assert_eq!(wait(&first, SOON), WAIT_OBJECT_0);
    first.close();
    if exits {
        // SAFETY: nothing is left to drop.
        unsafe { ExitThread(code) }
    }
    code
}

/// The number of a standard handle: 0 for input, 1 for output, 2 for error.
fn standard(which: i64) -> u32 {
    [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE][which as usize]
}

fn print(file: HANDLE, text: &str) -> (i64, u32, Vec<u8>) {
    let mut count = 0;
    from_bool(call!(WriteFile(file, text.as_ptr(), text.len() as u32, &mut count, null_mut())))
}

/// Reads standard input to its end, and says how much it was.
fn read_input(mut take: impl FnMut(&[u8])) -> i64 {
    let (input, mut sum) = (call!(GetStdHandle(STD_INPUT_HANDLE)).0, 0);
    loop {
        let (mut buffer, mut count) = ([0; 5000], 0);
        let (value, error) = call!(ReadFile(input, buffer.as_mut_ptr(), 5000, &mut count, null_mut()));
        if value == FALSE {
            assert_eq!(error, ERROR_BROKEN_PIPE);
            return sum;
        }
        take(&buffer[..count as usize]);
        sum += i64::from(count);
    }
}

fn execute(words: &[&str]) -> (i64, u32, Vec<u8>) {
    let number = |at: usize| words[at].parse::<i64>().unwrap_or_else(|_| panic!("{words:?}: word {at}"));
    let flag = |at: usize| number(at) as i32;
    let bits = |at: usize| number(at) as u32;
    let handle = |at: usize| number(at) as isize as HANDLE;
    let name = |at: usize| Name::new(words[at]);
    match words[0] {
        "pid" => (std::process::id().into(), 0, Vec::new()),
        "create_event" => from_handle(call!(CreateEventW(null(), flag(2), flag(3), name(1).ptr()))),
        "create_mutex" => from_handle(call!(CreateMutexW(null(), flag(2), name(1).ptr()))),
        "create_semaphore" => from_handle(call!(CreateSemaphoreW(null(), flag(2), flag(3), name(1).ptr()))),
        "create_timer" => from_handle(call!(CreateWaitableTimerW(null(), flag(2), name(1).ptr()))),
        "open_event" => from_handle(call!(OpenEventW(bits(2), FALSE, name(1).ptr()))),
        "open_mutex" => from_handle(call!(OpenMutexW(bits(2), FALSE, name(1).ptr()))),
        "create_section" => from_handle(section::create(PAGE_READWRITE, number(2) as u64, name(1).ptr())),
        "open_section" => from_handle(call!(OpenFileMappingW(bits(2), FALSE, name(1).ptr()))),
        "map" => {
            let (view, error) = call!(MapViewOfFile(handle(1), bits(2), 0, 0, 0));
            (view.Value as i64, error, Vec::new())
        }
        "load" => (word_at(number(1)).load(Ordering::SeqCst).into(), 0, Vec::new()),
        "store" => {
            word_at(number(1)).store(bits(2), Ordering::SeqCst);
            (1, 0, Vec::new())
        }
        "add" | "add_often" => {
            let (step, count) = if words[0] == "add" { (bits(2), 1) } else { (1, number(2)) };
            for _ in 0..count {
                word_at(number(1)).fetch_add(step, Ordering::SeqCst);
            }
            (1, 0, Vec::new())
        }
        "create_pipe" => from_handle(call!(CreateNamedPipeW(
            name(1).ptr(),
            bits(2),
            bits(3),
            255,
            QUOTA,
            QUOTA,
            1000,
            null()
        ))),
        "anonymous_pipe" => {
            let (mut read, mut write) = (null_mut(), null_mut());
            let (value, error) = call!(CreatePipe(&mut read, &mut write, null(), 0));
            let ends = [read, write].map(|end| (end as i64).to_be_bytes());
            (value.into(), error, ends.concat())
        }
        "duplicate" => {
            let target = Handle::own(ok!(OpenProcess(PROCESS_DUP_HANDLE, FALSE, bits(1))));
            let mut copy = null_mut();
            let (_, error) = call!(DuplicateHandle(
                this_process(),
                handle(2),
                target.raw(),
                &mut copy,
                0,
                FALSE,
                DUPLICATE_SAME_ACCESS
            ));
            (copy as isize as i64, error, Vec::new())
        }
        "open_pipe" => from_handle(try_client(&name(1), READ_WRITE, 0)),
        "create_mailslot" => from_handle(call!(CreateMailslotW(name(1).ptr(), 0, bits(2), null()))),
        "open_mailslot" => from_handle(try_writer(&name(1), GENERIC_WRITE, SHARED)),
        "write_numbers" => {
            let written = (0..bits(3)).take_while(|number| {
                let message = numbered(bits(2) as u8, *number);
                let (mut count, length) = (0, message.len() as u32);
                call!(WriteFile(handle(1), message.as_ptr(), length, &mut count, null_mut())).0 == TRUE
            });
            (written.count() as i64, 0, Vec::new())
        }
        "connect" => from_bool(call!(ConnectNamedPipe(handle(1), null_mut()))),
        "disconnect" => from_bool(call!(DisconnectNamedPipe(handle(1)))),
        "set_event" => from_bool(call!(SetEvent(handle(1)))),
        "release_mutex" => from_bool(call!(ReleaseMutex(handle(1)))),
        "close" => from_bool(call!(CloseHandle(handle(1)))),
        "flags" => {
            let mut flags = 0;
            let (value, error) = call!(GetHandleInformation(handle(1), &mut flags));
            (value.into(), error, vec![flags as u8])
        }
        "wait" => {
            let (value, error) = call!(WaitForSingleObject(handle(1), bits(2)));
            (value.into(), error, Vec::new())
        }
        "write" => {
            let (mut count, text) = (0, words[2].as_bytes());
            let (value, error) =
                call!(WriteFile(handle(1), text.as_ptr(), text.len() as u32, &mut count, null_mut()));
            (value.into(), error, count.to_be_bytes().to_vec())
        }
        "read" => {
            let (mut count, mut buffer) = (0, vec![0; number(2) as usize]);
            let (value, error) =
                call!(ReadFile(handle(1), buffer.as_mut_ptr(), buffer.len() as u32, &mut count, null_mut()));
            buffer.truncate(count as usize);
            (value.into(), error, buffer)
        }
        "env" => (std::env::var(words[1]).is_ok_and(|value| value == words[2]).into(), 0, Vec::new()),
        "env_length" => {
            (std::env::var(words[1]).is_ok_and(|value| value.len() as i64 == number(2)).into(), 0, Vec::new())
        }
        "directory" => {
            let expected = String::from_utf8(from_hexadecimal(words[1])).expect("a path");
            let canonical = |path: std::path::PathBuf| std::fs::canonicalize(path).expect("a directory");
            let own = canonical(std::env::current_dir().expect("a directory"));
            ((own == canonical(expected.into())).into(), 0, Vec::new())
        }
        "error" => {
            let (value, error, _) = execute(&words[1..]);
            assert!(value == 0 || value == -1, "{words:?} succeeds");
            (error.into(), 0, Vec::new())
        }
        "flag_bits" => {
            let mut flags = 0;
            ok!(GetHandleInformation(handle(1), &mut flags));
            (flags.into(), 0, Vec::new())
        }
        "own_process_id" => ((ok!(GetProcessId(this_process())) == std::process::id()).into(), 0, Vec::new()),
        // Until it is terminated, or who started it has ended.
        "stay" => {
            let starter = call!(OpenProcess(SYNCHRONIZE, FALSE, number(1) as u32)).0;
            if !starter.is_null() {
                wait(&Handle::own(starter), INFINITE);
            }
            (0, 0, Vec::new())
        }
        "standard" => {
            let value = call!(GetStdHandle(standard(number(1)))).0;
            ((value == handle(2)).into(), 0, Vec::new())
        }
        "set_standard" => {
            let event = call!(GetStdHandle(standard(number(1)))).0;
            from_bool(call!(SetEvent(event)))
        }
        "print" => print(call!(GetStdHandle(STD_OUTPUT_HANDLE)).0, words[1]),
        "complain" => print(call!(GetStdHandle(STD_ERROR_HANDLE)).0, words[1]),
        "print_to" => print(handle(1), words[2]),
        "count" => (read_input(|_| ()), 0, Vec::new()),
        "copy" => {
            read_input(|bytes| {
                let (mut count, output) = (0, call!(GetStdHandle(STD_OUTPUT_HANDLE)).0);
                ok!(WriteFile(output, bytes.as_ptr(), bytes.len() as u32, &mut count, null_mut()));
            });
            (0, 0, Vec::new())
        }
        "wait_name" => {
            let event = Handle::own(ok!(OpenEventW(SYNCHRONIZE, FALSE, name(1).ptr())));
            (wait(&event, SOON).into(), 0, Vec::new())
        }
        "set_name" => {
            let event = Handle::own(ok!(OpenEventW(EVENT_ALL_ACCESS, FALSE, name(1).ptr())));
            from_bool(call!(SetEvent(event.raw())))
        }
        "terminate_other" => from_bool(call!(TerminateProcess(handle(1), bits(2)))),
        "child" => {
            let made = Creation::script(&words[1..].join(" ")).inheriting().make();
            (made.id.into(), 0, Vec::new())
        }
        // SAFETY: this process has one thread, and nothing to drop on it.
        "exit_thread" => unsafe { ExitThread(bits(1)) },
        "leave_to_thread" => {
            let what = Box::new((thread_handle(), words[1] == "exit", bits(2)));
            let parameter = Box::into_raw(what).cast();
            Handle::own(ok!(CreateThread(null(), 0, Some(last_thread), parameter, 0, null_mut()))).close();
            // SAFETY: nothing that is on this thread's stack is used by another.
            unsafe { ExitThread(99) }
        }
        // SAFETY: ends the process.
        "exit" => unsafe { ExitProcess(bits(1)) },
        "terminate" => from_bool(call!(TerminateProcess(this_process(), bits(1)))),
        other => panic!("unknown command {other}"),
    }
}

/// A message that tells who wrote it, which of theirs it is, and whether it is whole.
pub(crate) fn numbered(writer: u8, number: u32) -> Vec<u8> {
    let filling = (0..number % 300).map(|at| (at + number) as u8);
    [writer].into_iter().chain(number.to_be_bytes()).chain(filling).collect()
}

/// A word of a view.
fn word_at(address: i64) -> &'static AtomicU32 {
    // SAFETY: the commands stay inside the child's views, which are never unmapped.
    unsafe { &*(address as usize as *const AtomicU32) }
}

fn from_handle((handle, error): (HANDLE, u32)) -> (i64, u32, Vec<u8>) {
    (handle as isize as i64, error, Vec::new())
}

fn from_bool((value, error): (i32, u32)) -> (i64, u32, Vec<u8>) {
    (value.into(), error, Vec::new())
}
