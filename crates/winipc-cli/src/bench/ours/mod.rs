//! Our side of each row, through the safe interface over the Win32 layer. It also runs on Windows, so that it can be
//! measured under Wine beside itself.

mod child;
mod mailslot;
mod named;
mod ping_pong;
mod pipe;
mod section;
mod sync;

pub(crate) use child::ChildStart;
pub(crate) use mailslot::{MailslotRoundTrip, MailslotWriteRead};
pub(crate) use named::{CreateEvent, OpenEvent};
pub(crate) use ping_pong::PingPong;
pub(crate) use pipe::{PipeRoundTrip, PipeStream};
pub(crate) use section::{SectionMapUnmap, SharedPingPong};
pub(crate) use sync::{EventSetReset, MutexTakeRelease, SemaphoreReleaseTake, WaitAll, WaitAny};

use super::contest::{Factory, Setting};
use crate::error::{Error, Result};

/// Runs the second process of the contestant called `kind`; `None` where there is none of that name.
pub(crate) fn helper(kind: &str, setting: &Setting) -> Option<Result<()>> {
    let run: fn(&Setting) -> Result<()> = match kind {
        PingPong::KIND => PingPong::help,
        PipeRoundTrip::KIND => PipeRoundTrip::help,
        PipeStream::KIND => PipeStream::help,
        MailslotRoundTrip::KIND => MailslotRoundTrip::help,
        SharedPingPong::KIND => SharedPingPong::help,
        _ => return None,
    };
    Some(run(setting))
}

/// The contestant that is measured from outside under this name.
pub(crate) fn side(name: &str) -> Option<Factory> {
    Some(match name {
        "mutex" => MutexTakeRelease::set_up,
        "event" => EventSetReset::set_up,
        "semaphore" => SemaphoreReleaseTake::set_up,
        "wait-any" => WaitAny::set_up,
        "wait-all" => WaitAll::set_up,
        "create-named" => CreateEvent::set_up,
        "open-named" => OpenEvent::set_up,
        "ping-pong" => PingPong::set_up,
        "round-trip" => PipeRoundTrip::set_up,
        "stream" => PipeStream::set_up,
        "child" => ChildStart::set_up,
        "mailslot" => MailslotWriteRead::set_up,
        "mailslot-round-trip" => MailslotRoundTrip::set_up,
        "section" => SectionMapUnmap::set_up,
        "shared-memory" => SharedPingPong::set_up,
        _ => return None,
    })
}

pub(super) fn failed(what: &'static str) -> impl Fn(winipc::Win32Error) -> Error {
    move |error| Error::because(format!("benchmark: {what}"), error)
}

/// A wait that should have been satisfied was not.
pub(super) fn hung(what: &str) -> Error {
    Error::new(format!("benchmark: {what}: the other end does not answer"))
}
