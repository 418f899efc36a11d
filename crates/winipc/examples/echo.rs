//! An echo server that one thread runs for any number of clients, and a client for it.
//!
//! ```text
//! cargo run -p winipc --example echo -- serve
//! cargo run -p winipc --example echo -- say hello
//! cargo run -p winipc --example echo -- stop
//! ```

use std::env;
use std::time::Duration;

use winipc::overlapped::{Connect, Pending, Read};
use winipc::{
    ClientOptions, Event, EventOptions, MAXIMUM_WAIT_OBJECTS, PipeMode, PipeServer, Result, ServerOptions,
    Waitable, Win32Error, wait_any,
};

const PIPE: &str = r"\\.\pipe\winipc-example-echo";
const STOP: &str = "winipc-example-echo-stop";

/// One instance of the pipe, with the request that it is about.
struct Instance {
    server: PipeServer,
    request: Request,
}

enum Request {
    Connecting(Pending<Connect>),
    Reading(Pending<Read>),
}

impl Instance {
    fn listen(options: &ServerOptions) -> Result<Instance> {
        let server = options.create(PIPE)?;
        let request = Request::Connecting(server.connect_overlapped()?);
        Ok(Instance { server, request })
    }

    /// Takes the complete request's result, and starts the next one. An error means that the client is to go, if it has
    /// not gone.
    fn advance(self) -> Result<Instance> {
        let Instance { server, request } = self;
        match request {
            Request::Connecting(connect) => connect.wait()?,
            Request::Reading(read) => {
                let (received, message) = read.wait();
                if !received?.is_complete {
                    // Longer than we care for.
                    return Err(Win32Error::MORE_DATA);
                }
                server.send(&message)?;
            }
        }
        let request = Request::Reading(server.read_overlapped(Vec::with_capacity(64 * 1024))?);
        Ok(Instance { server, request })
    }

    fn request(&self) -> &dyn Waitable {
        match &self.request {
            Request::Connecting(connect) => connect,
            Request::Reading(read) => read,
        }
    }
}

fn serve() -> Result<()> {
    let stop = EventOptions::new().name(STOP).manual_reset(true).create()?;
    let mut options = ServerOptions::new();
    options.pipe_mode(PipeMode::Message);
    let mut instances = vec![Instance::listen(&options)?];
    while let Some(index) = next(&instances, &stop)? {
        let was_listening = matches!(instances[index].request, Request::Connecting(_));
        // Dropping the instance closes it.
        if let Ok(instance) = instances.swap_remove(index).advance() {
            instances.push(instance);
        }
        // One always listens, as far as one wait can watch them all beside the event.
        if was_listening && instances.len() < MAXIMUM_WAIT_OBJECTS - 1 {
            instances.push(Instance::listen(&options)?);
        }
    }
    Ok(())
}

/// The instance whose request is complete, or `None` when it is time to stop.
fn next(instances: &[Instance], stop: &Event) -> Result<Option<usize>> {
    let mut objects: Vec<&dyn Waitable> = instances.iter().map(Instance::request).collect();
    objects.push(stop);
    let index = wait_any(&objects, None)?.index();
    Ok(index.filter(|index| *index < instances.len()))
}

fn say(text: &str) -> Result<()> {
    let timeout = Some(Duration::from_secs(5));
    let pipe = ClientOptions::new().pipe_mode(PipeMode::Message).open_within(PIPE, timeout)?;
    let mut echo = Vec::new();
    pipe.send(text.as_bytes())?;
    pipe.read_message(&mut echo)?;
    println!("{}", String::from_utf8_lossy(&echo));
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve(),
        ["say", ref words @ ..] => say(&words.join(" ")),
        ["stop"] => EventOptions::new().name(STOP).open()?.set(),
        _ => {
            eprintln!("usage: echo serve | say WORDS | stop");
            std::process::exit(2);
        }
    }
}
