//! Names of objects and pipes: whatever they are, what is created under one is found under it, and is gone when closed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use winipc_executive::pipe::{self, Server};
use winipc_executive::{Attributes, Disposition, Status, event, handle, inspect};

const ALL: u32 = 0x1F_0003;

fuzz_target!(init: {
    // SAFETY: no other thread reads the environment yet.
    unsafe { std::env::set_var("WINIPC_NAMESPACE", format!("fuzz-names-{}", std::process::id())) };
}, |data: &[u8]| {
    let name: Vec<u16> = data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let prefixed: Vec<u16> = "Global\\".encode_utf16().chain(name.iter().copied()).collect();
    for name in [&name, &prefixed] {
        let attributes = Attributes { name: Some(name), inherit: false };
        match event::create(&attributes, ALL, false, false) {
            Ok((made, disposition)) => {
                assert_eq!(disposition, Disposition::Created);
                if !name.is_empty() {
                    let opened = event::open(name, ALL, false).unwrap();
                    assert_eq!(handle::same_object(made, opened), Ok(true));
                    handle::close(opened).unwrap();
                }
                handle::close(made).unwrap();
                assert!(event::open(name, ALL, false).is_err());
            }
            Err(status) => {
                assert!([Status::OBJECT_PATH_NOT_FOUND, Status::OBJECT_NAME_INVALID].contains(&status), "{status}");
                assert_eq!(event::open(name, ALL, false), Err(status));
            }
        }
    }
    let server = Server { overlapped: true, first_instance: true, max_instances: 1, ..Server::new(false, 1) };
    match pipe::create(&name, &server) {
        Ok((end, _)) => {
            let client = pipe::open(&name, 0xC000_0000, true, false).unwrap();
            handle::close(client).unwrap();
            handle::close(end).unwrap();
            assert_eq!(pipe::open(&name, 0xC000_0000, true, false), Err(Status::OBJECT_NAME_NOT_FOUND));
        }
        Err(status) => assert_eq!(status, Status::OBJECT_NAME_INVALID),
    }
    assert_eq!(inspect::check(), []);
});
