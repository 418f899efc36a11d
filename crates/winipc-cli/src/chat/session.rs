//! A member's link to its room, renewed for as long as the process lives. Whoever finds the room without a server
//! serves it.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use super::Event;
use super::connection::Queue;
use super::hub;
use super::protocol::{Frame, MemberId};
use crate::error::{Error, Result};
use crate::transport::{Claim, Link, RoomName, Transport};

/// How long one attempt to become the server waits before the next attempt to find one.
const CLAIM_PATIENCE: Duration = Duration::from_millis(20);
/// How long who wants to be the server waits for who may have the right for a moment only, to clean up.
const SERVE_PATIENCE: Duration = Duration::from_millis(500);
/// After this time without an answer the person is told.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) struct Session {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) room: RoomName,
    pub(crate) member: MemberId,
    /// The name that the member wishes to have.
    pub(crate) name: String,
    /// Fail unless this process becomes the server.
    pub(crate) must_serve: bool,
    pub(crate) events: Sender<Event>,
}

impl Session {
    /// Runs the session in a thread of its own: `Linked`, any number of `Received`, `Unlinked`, and so on; `Failed` at
    /// the end.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn start(self) -> Result<()> {
        let thread = thread::Builder::new().name("room session".into()).spawn(move || {
            let events = self.events.clone();
            let mut claim = None;
            if let Err(error) = self.run(&mut claim) {
                let _ = events.send(Event::Failed(error));
            }
            // The claim goes with the process: who serves next must not find files of this one's, which are removed
            // when it leaves.
            while claim.is_some() {
                thread::park();
            }
        });
        thread.map(drop).map_err(|error| Error::because("cannot start a thread for the room", error))
    }

    /// The claim that is made belongs to the calling thread.
    fn run(self, claim: &mut Option<Box<dyn Claim>>) -> Result<()> {
        if self.must_serve {
            let Some(ours) = self.transport.claim(&self.room, SERVE_PATIENCE)? else {
                return Err(self.transport.occupied(&self.room));
            };
            self.serve(ours.as_ref())?;
            *claim = Some(ours);
        }
        loop {
            let mut link = self.link(claim)?;
            let queue =
                Queue::start(link.sender).map_err(|error| Error::because("cannot start a thread", error))?;
            if self.events.send(Event::Linked(queue, link.abort)).is_err() {
                return Ok(());
            }
            let mut bytes = Vec::new();
            // Whatever ends the link, the next one makes good for it.
            while let Ok(true) = link.receiver.receive(&mut bytes) {
                if self.events.send(Event::Received(Frame::decode(&bytes)?)).is_err() {
                    return Ok(());
                }
            }
            if self.events.send(Event::Unlinked).is_err() {
                return Ok(());
            }
        }
    }

    fn link(&self, claim: &mut Option<Box<dyn Claim>>) -> Result<Link> {
        let started = Instant::now();
        let mut has_told = false;
        loop {
            if let Some(link) = self.transport.connect(&self.room)? {
                return Ok(link);
            }
            if claim.is_none()
                && let Some(ours) = self.transport.claim(&self.room, CLAIM_PATIENCE)?
            {
                self.serve(ours.as_ref())?;
                *claim = Some(ours);
            }
            if started.elapsed() > PATIENCE && !has_told {
                has_told = true;
                let _ = self.events.send(Event::Waiting(self.transport.silence()));
            }
        }
    }

    fn serve(&self, claim: &dyn Claim) -> Result<()> {
        let events = self.events.clone();
        let listener = claim.listen()?;
        if let Some(place) = listener.place() {
            let _ = events.send(Event::Open(place.to_string()));
        }
        hub::start(listener, (self.member, &self.name), move |error| {
            let _ = events.send(Event::Trouble(Error::because("nobody else can join the room", error)));
        })
    }
}
