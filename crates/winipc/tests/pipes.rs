//! Named pipes: options, streams, messages.

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::Duration;

use common::pipe;
use winipc::{
    AsHandle, ClientOptions, Event, OwnedHandle, PipeClient, PipeMode, PipeServer, PipeTimeout, Received,
    ServerOptions, Win32Error, call_named_pipe, wait_named_pipe,
};

/// A pipe with both ends connected, each reading in the pipe's mode.
fn pair(name: &str, mode: PipeMode) -> (PipeServer, PipeClient) {
    let name = pipe(name);
    let server = ServerOptions::new().pipe_mode(mode).create(&name).unwrap();
    let client = ClientOptions::new().pipe_mode(mode).open(&name).unwrap();
    server.connect().unwrap();
    (server, client)
}

#[test]
fn messages_of_any_length_arrive_whole() {
    let (server, client) = pair("whole", PipeMode::Message);
    let lengths = [0, 1, 4095, 4096, 4097, 65_536, 1_000_003];
    let message = |length: usize| (0..length).map(|index| (index * 7 % 251) as u8).collect::<Vec<_>>();
    thread::scope(|scope| {
        scope.spawn(|| {
            for length in lengths {
                assert_eq!(client.send(&message(length)), Ok(length));
            }
        });
        let mut received = b"left over".to_vec();
        for length in lengths {
            assert_eq!(server.read_message(&mut received), Ok(length));
            assert_eq!(received, message(length));
        }
    });
}

#[test]
fn a_long_message_comes_in_parts_that_say_so() {
    let (server, client) = pair("parts", PipeMode::Message);
    client.send(b"abcdef").unwrap();
    client.send(b"").unwrap();
    let mut buffer = [0; 4];
    assert_eq!(server.recv(&mut buffer), Ok(Received { bytes: 4, is_complete: false }));
    assert_eq!(&buffer, b"abcd");
    assert_eq!(server.recv(&mut buffer), Ok(Received { bytes: 2, is_complete: true }));
    assert_eq!(&buffer[..2], b"ef");
    assert_eq!(server.recv(&mut buffer), Ok(Received { bytes: 0, is_complete: true }));
}

#[test]
fn a_stream_ends_where_the_other_end_was_closed() {
    let (mut server, mut client) = pair("end", PipeMode::Byte);
    client.write_all(b"the rest ").unwrap();
    client.write_all(b"is silence").unwrap();
    client.flush().unwrap();
    drop(client);
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "the rest is silence");
    // The plain call says what it was.
    assert_eq!(server.recv(&mut [0; 1]), Err(Win32Error::BROKEN_PIPE));
    assert_eq!(server.send(b"hello?"), Err(Win32Error::NO_DATA));
    let error = (&server).write(b"hello?").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert_eq!(Win32Error::from_io_error(&error), Some(Win32Error::NO_DATA));
}

#[test]
fn who_was_disconnected_hears_so() {
    let (server, client) = pair("disconnected", PipeMode::Byte);
    server.send(b"unread").unwrap();
    server.disconnect().unwrap();
    assert_eq!(client.recv(&mut [0; 8]), Err(Win32Error::PIPE_NOT_CONNECTED));
    assert_eq!((&client).read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(client.send(b"x"), Err(Win32Error::PIPE_NOT_CONNECTED));
    assert_eq!(server.disconnect(), Err(Win32Error::PIPE_NOT_CONNECTED));
}

#[test]
fn both_directions_work_at_once() {
    const LINES: usize = 500;
    let (server, client) = pair("duplex", PipeMode::Message);
    thread::scope(|scope| {
        for end in [&*server, &*client] {
            // A read that waits must not hold up the writes of the same end.
            scope.spawn(move || {
                let mut message = Vec::new();
                for number in 0..LINES {
                    end.read_message(&mut message).unwrap();
                    assert_eq!(message, number.to_string().as_bytes());
                }
            });
            scope.spawn(move || {
                for number in 0..LINES {
                    end.send(number.to_string().as_bytes()).unwrap();
                }
            });
        }
    });
}

#[test]
fn a_synchronous_end_works_alike() {
    let name = pipe("synchronous");
    let server = ServerOptions::new().pipe_mode(PipeMode::Message).overlapped(false).create(&name).unwrap();
    let client = ClientOptions::new().pipe_mode(PipeMode::Message).overlapped(false).open(&name).unwrap();
    server.connect().unwrap();
    client.send(b"question").unwrap();
    let mut buffer = [0; 5];
    assert_eq!(server.recv(&mut buffer), Ok(Received { bytes: 5, is_complete: false }));
    let mut rest = Vec::new();
    assert_eq!(server.read_message(&mut rest), Ok(3));
    server.send(b"answer").unwrap();
    // Starting a request on it waits for its end.
    let read = client.read_overlapped(Vec::with_capacity(16)).unwrap();
    assert!(read.is_complete());
    let (received, message) = read.wait();
    assert_eq!((received, &*message), (Ok(Received { bytes: 6, is_complete: true }), &b"answer"[..]));
    drop(client);
    assert_eq!(server.recv(&mut buffer), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn an_end_is_served_anew_after_disconnecting() {
    let name = pipe("anew");
    let server = ServerOptions::new().max_instances(1).create(&name).unwrap();
    for round in 0..3_u8 {
        let client = ClientOptions::new().open(&name).unwrap();
        server.connect().unwrap();
        client.send(&[round]).unwrap();
        drop(client);
        let mut buffer = [0; 2];
        assert_eq!(server.recv(&mut buffer), Ok(Received { bytes: 1, is_complete: true }));
        assert_eq!(buffer[0], round);
        assert_eq!(server.connect(), Err(Win32Error::NO_DATA));
        assert_eq!(ClientOptions::new().open(&name).unwrap_err(), Win32Error::PIPE_BUSY);
        server.disconnect().unwrap();
        let listening = server.connect_overlapped().unwrap();
        assert!(!listening.is_complete());
        drop(listening);
    }
}

#[test]
fn options_are_what_information_says() {
    let name = pipe("information");
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .read_mode(PipeMode::Byte)
        .max_instances(3)
        .out_buffer_size(1000)
        .in_buffer_size(2000)
        .default_timeout(Duration::from_millis(7))
        .create(&name)
        .unwrap();
    let info = server.info().unwrap();
    assert!(info.is_server);
    assert_eq!(info.pipe_type, PipeMode::Message);
    assert_eq!((info.out_buffer_size, info.in_buffer_size, info.max_instances), (1000, 2000, 3));
    let state = server.state().unwrap();
    assert_eq!((state.read_mode, state.nowait, state.instances), (PipeMode::Byte, false, 1));
    server.set_mode(PipeMode::Message, false).unwrap();
    assert_eq!(server.state().unwrap().read_mode, PipeMode::Message);

    let client = ClientOptions::new().open(&name).unwrap();
    assert!(!client.info().unwrap().is_server);
    assert_eq!(client.server_process_id(), Ok(std::process::id()));
    assert_eq!(server.client_process_id(), Ok(std::process::id()));
}

#[test]
fn bad_options_are_refused() {
    let name = pipe("bad");
    let refused = |options: &ServerOptions, name: &str| options.create(name).err();
    let options = ServerOptions::new();
    assert_eq!(
        refused(options.clone().read_mode(PipeMode::Message), &name),
        Some(Win32Error::INVALID_PARAMETER)
    );
    assert_eq!(
        refused(options.clone().access_inbound(false).access_outbound(false), &name),
        Some(Win32Error::INVALID_PARAMETER)
    );
    assert_eq!(refused(&options, "no pipe"), Some(Win32Error::INVALID_NAME));
    assert_eq!(refused(&options, &format!("{name}\0")), Some(Win32Error::INVALID_NAME));
    let client = ClientOptions::new();
    assert_eq!(client.open(&format!("{name}\0")).unwrap_err(), Win32Error::INVALID_NAME);
    assert_eq!(client.open(&name).unwrap_err(), Win32Error::FILE_NOT_FOUND);

    let _byte = options.create(&name).unwrap();
    if cfg!(target_os = "linux") {
        // Wine 8 ignores the flag.
        let first = refused(options.clone().first_pipe_instance(true), &name);
        assert_eq!(first, Some(Win32Error::ACCESS_DENIED));
    }
    assert_eq!(refused(options.clone().access_outbound(false), &name), Some(Win32Error::ACCESS_DENIED));
    let message_client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name);
    assert_eq!(message_client.unwrap_err(), Win32Error::INVALID_PARAMETER);
}

#[test]
fn one_way_pipes_flow_one_way() {
    let name = pipe("outbound");
    let server =
        ServerOptions::new().pipe_mode(PipeMode::Message).access_inbound(false).create(&name).unwrap();
    // The read mode takes a right that reading alone does not bring.
    let client = ClientOptions::new().write(false).pipe_mode(PipeMode::Message).open(&name).unwrap();
    server.send(b"down").unwrap();
    let mut message = Vec::new();
    assert_eq!(client.read_message(&mut message), Ok(4));
    assert_eq!(client.send(b"up"), Err(Win32Error::ACCESS_DENIED));
    assert_eq!(server.recv(&mut [0; 4]), Err(Win32Error::ACCESS_DENIED));
}

#[test]
fn a_nowait_end_would_block() {
    let name = pipe("nowait");
    let server =
        ServerOptions::new().nowait(true).in_buffer_size(16).out_buffer_size(16).create(&name).unwrap();
    assert_eq!(server.connect(), Err(Win32Error::PIPE_LISTENING));
    let client = ClientOptions::new().open(&name).unwrap();
    server.connect().unwrap();
    assert!(server.state().unwrap().nowait);
    assert_eq!(server.recv(&mut [0; 4]), Err(Win32Error::NO_DATA));
    let error = (&server).read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(Win32Error::from_io_error(&error), Some(Win32Error::NO_DATA));
    assert_eq!((&server).write(&[0; 17]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!((&server).write(&[]).unwrap(), 0);
    client.send(b"data").unwrap();
    assert_eq!((&server).read(&mut [0; 4]).unwrap(), 4);
}

#[test]
fn peeking_takes_nothing() {
    let (server, client) = pair("peek", PipeMode::Message);
    let mut buffer = [0; 4];
    let empty = server.peek(&mut buffer).unwrap();
    assert_eq!((empty.bytes, empty.available, empty.left_in_message), (0, 0, 0));
    client.send(b"abcdef").unwrap();
    client.send(b"ghi").unwrap();
    let first = server.peek(&mut buffer).unwrap();
    assert_eq!((first.bytes, first.available, first.left_in_message), (4, 9, 2));
    assert_eq!(&buffer, b"abcd");
    let counts = server.peek(&mut []).unwrap();
    assert_eq!((counts.bytes, counts.available, counts.left_in_message), (0, 9, 6));

    let (server, client) = pair("peek-bytes", PipeMode::Byte);
    client.send(b"abcdef").unwrap();
    let stream = server.peek(&mut buffer).unwrap();
    assert_eq!((stream.bytes, stream.available, stream.left_in_message), (4, 6, 0));
}

#[test]
fn transactions_and_calls() {
    let name = pipe("transact");
    let server = ServerOptions::new().pipe_mode(PipeMode::Message).create(&name).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut request = Vec::new();
            for _ in 0..2 {
                server.connect().unwrap();
                server.read_message(&mut request).unwrap();
                request.make_ascii_uppercase();
                server.send(&request).unwrap();
                server.flush_buffers().ok();
                server.disconnect().unwrap();
            }
        });
        let client = ClientOptions::new().pipe_mode(PipeMode::Message).open(&name).unwrap();
        let mut reply = [0; 3];
        let received = client.transact(b"hello", &mut reply).unwrap();
        assert_eq!((received, &reply), (Received { bytes: 3, is_complete: false }, b"HEL"));
        assert_eq!(client.recv(&mut reply), Ok(Received { bytes: 2, is_complete: true }));
        drop(client);

        let mut reply = [0; 3];
        let received = call_named_pipe(&name, b"world", &mut reply, PipeTimeout::Forever).unwrap();
        assert_eq!((received, &reply), (Received { bytes: 3, is_complete: false }, b"WOR"));
    });
    let (_server, byte_client) = pair("transact-bytes", PipeMode::Byte);
    assert_eq!(byte_client.transact(b"x", &mut [0; 1]), Err(Win32Error::BAD_PIPE));
}

#[test]
fn waiting_for_an_instance_ends_with_one() {
    let name = pipe("instance");
    let short = Some(Duration::from_millis(2));
    assert_eq!(wait_named_pipe(&name, PipeTimeout::Forever), Err(Win32Error::FILE_NOT_FOUND));
    assert_eq!(ClientOptions::new().open_within(&name, None).unwrap_err(), Win32Error::FILE_NOT_FOUND);
    let first = ServerOptions::new().create(&name).unwrap();
    let client = ClientOptions::new().open_within(&name, None).unwrap();
    assert_eq!(ClientOptions::new().open_within(&name, short).unwrap_err(), Win32Error::SEM_TIMEOUT);
    assert_eq!(
        ClientOptions::new().open_within(&name, Some(Duration::ZERO)).unwrap_err(),
        Win32Error::SEM_TIMEOUT
    );
    let second = thread::scope(|scope| {
        let waiting = scope.spawn(|| ClientOptions::new().open_within(&name, None).unwrap());
        let instance = ServerOptions::new().create(&name).unwrap();
        instance.connect().unwrap();
        (waiting.join().unwrap(), instance)
    });
    second.0.send(b"x").unwrap();
    assert_eq!(second.1.recv(&mut [0; 1]).unwrap().bytes, 1);
    drop((first, client));
}

#[test]
fn an_end_can_be_made_of_a_handle() {
    for overlapped in [true, false] {
        let name = pipe(&format!("of-handle-{overlapped}"));
        let server = ServerOptions::new().create(&name).unwrap();
        let original = ClientOptions::new().overlapped(overlapped).open(&name).unwrap();
        let client = PipeClient::from(original.as_handle().try_clone_to_owned().unwrap());
        drop(original);
        client.send(b"through the duplicate").unwrap();
        let mut buffer = [0; 32];
        assert_eq!(server.recv(&mut buffer).unwrap().bytes, 21);
        server.send(b"back").unwrap();
        assert_eq!(client.recv(&mut buffer).unwrap().bytes, 4);
    }
}

#[test]
fn an_end_of_something_else_is_an_error_and_nothing_worse() {
    let end = PipeServer::from(OwnedHandle::from(Event::manual_reset().unwrap()));
    assert!(end.connect().is_err());
    assert!(end.recv(&mut [0; 4]).is_err());
    assert!(end.send(b"x").is_err());
    assert!(end.read_overlapped(Vec::with_capacity(4)).is_err());
    assert!(end.info().is_err());
}

#[test]
fn copying_streams_with_the_standard_library() {
    let (server, client) = pair("copy", PipeMode::Byte);
    let data: Vec<u8> = (0..300_000).map(|index| (index % 253) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            io::copy(&mut &data[..], &mut &client).unwrap();
            drop(client);
        });
        let mut copy = Vec::new();
        io::copy(&mut &server, &mut copy).unwrap();
        assert!(copy == data);
    });
}
