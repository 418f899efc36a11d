//! Instances of pipes: made, opened, listened on, sent away, asked for and closed.

use winipc_executive::pipe::{self, PipeTimeout};
use winipc_executive::wait::Outcome;
use winipc_executive::{Handle, Status, handle, namespace};

use super::pipes::{create, drain, is_gone, of_client, of_server, open, reader, works, write};
use crate::harness::Operation;
use crate::support::{Waiter, units};

pub(crate) fn create_pipe() -> Operation {
    Operation {
        meanwhile: |stage| {
            if let Ok(client) = open("new") {
                handle::close(client).unwrap();
            }
            stage.traffic();
        },
        judge: |_, _, _| is_gone(),
        ..Operation::new(|victim| {
            namespace::attach().unwrap();
            victim.arm();
            create("new");
        })
    }
}

pub(crate) fn create_another_instance() -> Operation {
    of_client(|victim| {
        namespace::attach().unwrap();
        victim.arm();
        create("pipe");
    })
}

pub(crate) fn open_pipe() -> Operation {
    of_client(|victim| {
        namespace::attach().unwrap();
        victim.arm();
        open("pipe").unwrap();
    })
}

pub(crate) fn open_pipe_of_a_listener() -> Operation {
    Operation {
        audience: |stage| {
            let server = stage.extra();
            vec![Waiter::start(move || pipe::listen(server, None).map(|_| Outcome::Object(0)))]
        },
        judge: |stage, listeners, completed| {
            if !completed && let Ok(client) = open("pipe") {
                handle::close(client).unwrap();
            }
            for listener in listeners {
                listener.outcome();
            }
            works(stage);
        },
        ..open_pipe()
    }
}

pub(crate) fn listen() -> Operation {
    Operation {
        meanwhile: |_| {
            // The victim listens, or will be dead.
            match open("new") {
                Ok(client) => handle::close(client).unwrap(),
                Err(status) => assert_eq!(status, Status::OBJECT_NAME_NOT_FOUND),
            }
        },
        judge: |_, _, _| is_gone(),
        ..Operation::new(|victim| {
            let server = create("new");
            victim.arm();
            assert!(matches!(pipe::listen(server, None), Ok(_) | Err(Status::PIPE_CONNECTED)));
        })
    }
}

pub(crate) fn set_mode() -> Operation {
    of_client(|victim| {
        let client = open("pipe").unwrap();
        victim.arm();
        pipe::set_mode(client, false, true).unwrap();
    })
}

pub(crate) fn wait_for_an_instance() -> Operation {
    of_client(|victim| {
        // The only instance is taken.
        open("pipe").unwrap();
        victim.arm();
        assert_eq!(
            pipe::wait_available(&units("pipe"), PipeTimeout::Milliseconds(1)),
            Err(Status::IO_TIMEOUT)
        );
    })
}

pub(crate) fn close_client_end() -> Operation {
    Operation {
        judge: |stage, _, _| {
            // What was written comes through, whoever dies.
            assert_eq!(drain(stage.extra()), (vec![b"hello".to_vec()], Status::PIPE_BROKEN));
            works(stage);
        },
        ..of_client(|victim| {
            let client = open("pipe").unwrap();
            write(client, b"hello").unwrap();
            victim.arm();
            handle::close(client).unwrap();
        })
    }
}

pub(crate) fn close_server_end() -> Operation {
    Operation {
        judge: |stage, _, _| {
            assert_eq!(drain(stage.extra()), (vec![b"hello".to_vec()], Status::PIPE_BROKEN));
            is_gone();
        },
        ..of_server(|victim| {
            let server = create("new");
            victim.prepared();
            assert_eq!(pipe::listen(server, None), Err(Status::PIPE_CONNECTED));
            write(server, b"hello").unwrap();
            victim.arm();
            handle::close(server).unwrap();
        })
    }
}

pub(crate) fn disconnect() -> Operation {
    Operation {
        audience: |stage| {
            let client = open("new").unwrap();
            stage.keep(client);
            vec![reader(client)]
        },
        judge: |stage, readers, _| {
            for reader in readers {
                let status = reader.thread.join().unwrap().unwrap_err();
                assert!(matches!(status, Status::PIPE_BROKEN | Status::PIPE_DISCONNECTED), "{status}");
            }
            let (messages, status) = drain(stage.extra());
            assert!(messages.is_empty());
            assert!(matches!(status, Status::PIPE_BROKEN | Status::PIPE_DISCONNECTED), "{status}");
            is_gone();
        },
        ..of_server(|victim| {
            let server = create("new");
            victim.arm();
            pipe::disconnect(server).unwrap();
        })
    }
}

/// More messages than are freed in one step.
const MANY: u32 = 20;

/// Both ends of a pipe of the victim's own, with many unread messages for the server.
fn with_unread_messages() -> Handle {
    let server = create("new");
    let client = open("new").unwrap();
    for _ in 0..MANY {
        write(client, b"").unwrap();
    }
    server
}

pub(crate) fn close_with_unread_messages() -> Operation {
    Operation {
        judge: |_, _, _| is_gone(),
        ..Operation::new(|victim| {
            let server = with_unread_messages();
            victim.arm();
            handle::close(server).unwrap();
        })
    }
}

pub(crate) fn disconnect_with_unread_messages() -> Operation {
    Operation {
        judge: |_, _, _| is_gone(),
        ..Operation::new(|victim| {
            let server = with_unread_messages();
            victim.arm();
            pipe::disconnect(server).unwrap();
        })
    }
}
