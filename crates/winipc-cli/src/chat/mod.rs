//! `winipc chat`: a console messenger. The first one in a room serves it; when the server goes, another member does.
//!
//! [`member`] and [`room`] decide what is said to whom, [`hub`] and [`session`] are the threads around them,
//! [`console`] and [`log`] are the person's side. [`crate::transport`] is what lies below.

mod command;
mod connection;
mod console;
mod hub;
mod journal;
mod log;
mod member;
mod protocol;
mod room;
mod session;
#[cfg(test)]
mod simulation;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use crate::error::{Error, Result, complain};
use crate::printable::printable;
use crate::transport::{self, Address, Mechanism, RoomName, Transport};
use command::Command;
use connection::Queue;
use console::Console;
use log::Log;
use member::{Member, Notice, Reaction};
use protocol::{Frame, MemberId};

/// How long leaving waits until everything typed has reached everybody.
const FAREWELL: Duration = Duration::from_secs(10);

/// Talk with everybody in a room
#[derive(clap::Args)]
#[command(after_help = "\
The first one in a room serves it; when that process ends, however it ends, a member that did not use --connect takes \
over, and no typed line is lost. Members who use different mechanisms are in different rooms. Where no address is \
given, a room is found by the programs of the same user on the same machine. Whoever can reach the address of a room \
can come in and read: nobody is authenticated, and nothing is encrypted.\n\nIn the room:\n  Type a line and press \
Enter to say it to everybody. /help lists the commands.")]
pub(crate) struct Arguments {
    /// The room, which exists while somebody is in it
    room: String,
    /// Your name in the room: up to 32 characters, no space or colon, no * or / at its beginning [default: your user
    /// name]
    #[arg(long, value_name = "NICK")]
    name: Option<String>,
    /// Serve the room, or fail if another process does; the end of input then does not end the program
    #[arg(long)]
    serve: bool,
    /// The mechanism that carries what is said; who wants to meet uses the same
    #[arg(long, value_name = "MECHANISM", value_enum, default_value = "named-pipe")]
    over: &'static Mechanism,
    /// Over tcp or udp: serve the room at this address, unless somebody does there already; port 0 is any that is free
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Over tcp or udp: enter the room that is served at this address; it is never served here
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["listen", "serve"])]
    connect: Option<String>,
    /// Append a protocol of everything said to this file, one line per event
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

type Abort = Arc<dyn Fn() + Send + Sync>;

/// What the main thread hears from the other threads.
pub(crate) enum Event {
    /// A link to the room's server, and what ends it.
    Linked(Queue, Abort),
    Received(Frame),
    /// The link is broken.
    Unlinked,
    /// This process serves the room, and others must be told where.
    Open(String),
    /// Nobody has answered for a while, as this tells.
    Waiting(String),
    /// The session or the console has ended.
    Failed(Error),
    /// The room's server, in this process, has a problem.
    Trouble(Error),
    Typed(String),
    TooLong,
    EndOfInput,
    Interrupted,
}

/// # Errors
/// The room cannot be entered or the terminal not be used; not everything typed could be delivered.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let room = RoomName::new(&arguments.room)?;
    let name = arguments.name.unwrap_or_else(default_name);
    protocol::check_name(&name)?;
    let address = match (arguments.listen, arguments.connect) {
        (Some(address), _) => Address::Listen(address),
        (None, Some(address)) => Address::Connect(address),
        (None, None) => Address::Unsaid,
    };
    let transport = arguments.over.open(address)?;
    transport::clean();
    let log = arguments.log.as_deref().map(Log::open).transpose()?;
    let (events, inbox) = channel();
    let signals = events.clone();
    ctrlc::set_handler(move || drop(signals.send(Event::Interrupted)))
        .map_err(|error| Error::because("cannot handle signals", error))?;
    let member = Member::new(MemberId::random(), &name, now());
    let console = Console::start(events.clone())?;
    let mut chat = Chat {
        member,
        queue: None,
        abort: None,
        console,
        log,
        is_line_requested: false,
        is_hint_shown: false,
        may_give_up: false,
        answer_due: None,
        stays_at_end_of_input: arguments.serve,
        leaving: None,
    };
    chat.record(&format!("{name} is starting."));
    let result = chat.talk(room, transport, arguments.serve, events, &inbox);
    // Some mechanisms do not tell the server of the end of this process.
    if let Some(abort) = &chat.abort {
        abort();
    }
    transport::leave();
    chat.record("Shutting down.");
    result
}

/// The user's name as far as it can be a name here. The room tells apart those who have the same.
fn default_name() -> String {
    let variables = ["USER", "LOGNAME", "USERNAME"].iter().filter_map(|name| std::env::var(name).ok());
    #[cfg(unix)]
    let names = {
        let id = rustix::process::getuid().as_raw();
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        variables.chain(user_called(&users, id)).chain([format!("user{id}")])
    };
    #[cfg(not(unix))]
    let names = variables;
    let mut names = names.filter(|user| protocol::check_name(user).is_ok());
    names.next().unwrap_or_else(|| "somebody".to_string())
}

/// The name that the user with this id has in the table of users, if it is there.
#[cfg(unix)]
fn user_called(users: &str, id: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, theirs) = (fields.next()?, fields.nth(1)?);
        (theirs.parse() == Ok(id)).then(|| name.to_string())
    })
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

struct Chat {
    member: Member,
    queue: Option<Queue>,
    /// Ends the link to the server.
    abort: Option<Abort>,
    console: Console,
    log: Option<Log>,
    is_line_requested: bool,
    is_hint_shown: bool,
    /// The person is asked for lines though the room has not been entered.
    may_give_up: bool,
    stays_at_end_of_input: bool,
    /// When the server, which has been asked to let the member in, should have answered.
    answer_due: Option<Instant>,
    /// Leave when everything is delivered, or at this moment.
    leaving: Option<Instant>,
}

impl Chat {
    fn talk(
        &mut self,
        room: RoomName,
        transport: Arc<dyn Transport>,
        must_serve: bool,
        events: Sender<Event>,
        inbox: &Receiver<Event>,
    ) -> Result<()> {
        let (member, name) = (self.member.id(), self.member.name().to_string());
        let session =
            session::Session { transport: Arc::clone(&transport), room, member, name, must_serve, events };
        session.start()?;
        loop {
            let event = match self.leaving.or(self.answer_due) {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(end) => inbox.recv_timeout(end.saturating_duration_since(Instant::now())),
            };
            match event {
                Ok(event) => self.handle(event)?,
                Err(RecvTimeoutError::Timeout) if self.leaving.is_some() => return Err(undelivered()),
                // It may be stopped: it is waited for, since it may go on.
                Err(RecvTimeoutError::Timeout) => {
                    self.answer_due = None;
                    self.handle(Event::Waiting(transport.silence()))?;
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("the session holds a sender"),
            }
            if self.leaving.is_some() && self.member.has_delivered_all() {
                return Ok(());
            }
        }
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Linked(mut queue, abort) => {
                queue.send(&self.member.hello());
                self.answer_due = Some(Instant::now() + session::PATIENCE);
                self.queue = Some(queue);
                self.abort = Some(abort);
            }
            Event::Received(frame) => {
                self.answer_due = None;
                let reaction = self.member.received(frame)?;
                self.react(reaction)?;
                self.request_line();
            }
            Event::Unlinked => {
                self.queue = None;
                self.answer_due = None;
                self.member.disconnected();
            }
            Event::Open(place) => self.tell(&format!("* the room is open at {place}"))?,
            Event::Waiting(silence) => {
                self.tell(&format!("* {silence}"))?;
                // A person may not want to wait. What comes from elsewhere stays where it is.
                self.may_give_up = self.console.is_edited();
                self.request_line();
            }
            Event::Failed(error) => return Err(error),
            Event::Trouble(error) => self.tell(&printable(&format!("* {error}")))?,
            Event::Typed(line) => {
                self.is_line_requested = false;
                self.typed(&line)?;
                self.request_line();
            }
            Event::TooLong => {
                self.is_line_requested = false;
                self.tell(&format!("* {}", member::line_too_long()))?;
                self.request_line();
            }
            Event::EndOfInput if self.stays_at_end_of_input => {}
            Event::EndOfInput => self.leave()?,
            // A second time: the person does not want to wait.
            Event::Interrupted if self.leaving.is_some() => return Err(undelivered()),
            Event::Interrupted => self.leave()?,
        }
        Ok(())
    }

    fn typed(&mut self, line: &str) -> Result<()> {
        match command::parse(line) {
            Command::Nothing => Ok(()),
            Command::Say(_) | Command::Tell { .. } if !self.is_in_room() => {
                self.show("* you are not in the room yet: this was not sent; /quit leaves")
            }
            Command::Say(text) => {
                let text = text.to_string();
                self.say(None, &text)
            }
            Command::Tell { name, text } => self.say(Some(name), text),
            Command::Who => {
                let names = self.member.who().join(", ");
                self.show(&format!("* here: {}", printable(&names)))
            }
            Command::Help => self.show(command::HELP),
            Command::Quit => self.leave(),
            Command::Wrong(why) => self.show(&format!("* {}", printable(&why))),
        }
    }

    fn say(&mut self, recipient: Option<&str>, text: &str) -> Result<()> {
        match self.member.say(recipient, text, now()) {
            Ok(reaction) => {
                let name = self.member.name();
                let line = match recipient {
                    None => format!("{name}: {text}"),
                    Some(recipient) => format!("{name} (to {recipient}): {text}"),
                };
                self.record(&printable(&line));
                self.react(reaction)
            }
            Err(error) => self.show(&printable(&format!("* {error}"))),
        }
    }

    fn react(&mut self, reaction: Reaction) -> Result<()> {
        if let Some(queue) = &mut self.queue {
            for frame in &reaction.frames {
                queue.send(frame);
            }
        }
        for notice in reaction.notices {
            self.tell(&sentence(&notice))?;
            if matches!(notice, Notice::Entered { .. }) && self.console.is_edited() && !self.is_hint_shown {
                self.is_hint_shown = true;
                self.show("* /help shows what can be typed; /quit leaves")?;
            }
        }
        Ok(())
    }

    /// Asks for the next line when the room has been entered or cannot be, the last one has come, and the outbox has
    /// room.
    fn request_line(&mut self) {
        let is_asked = self.is_in_room() || self.may_give_up;
        if is_asked && !self.is_line_requested && self.leaving.is_none() && self.member.may_type() {
            self.is_line_requested = true;
            self.console.request_line();
        }
    }

    fn is_in_room(&self) -> bool {
        !self.member.who().is_empty()
    }

    fn leave(&mut self) -> Result<()> {
        self.leaving = Some(Instant::now() + FAREWELL);
        if self.console.is_edited() && !self.member.has_delivered_all() {
            self.show("* leaving when everybody has what you said; Ctrl+C leaves at once")?;
        }
        Ok(())
    }

    fn tell(&mut self, text: &str) -> Result<()> {
        self.record(text);
        self.show(text)
    }

    fn show(&mut self, text: &str) -> Result<()> {
        self.console.show(text)
    }

    fn record(&mut self, text: &str) {
        if let Some(log) = &mut self.log
            && let Err(error) = log.write(text)
        {
            // Talking matters more; without the log there is nothing to report twice.
            self.log = None;
            complain(format_args!("{error}; the log ends here"));
        }
    }
}

fn undelivered() -> Error {
    Error::new("left before the last lines had reached everybody")
        .advice("a member or the server does not read")
}

fn sentence(notice: &Notice) -> String {
    match notice {
        Notice::Said { name, text } => format!("{name}: {text}"),
        Notice::Whispered { name, text } => format!("{name} (to you): {text}"),
        Notice::Joined { name } => format!("* {name} has joined"),
        Notice::Left { name } => format!("* {name} has left"),
        Notice::Missed { name, count: 1 } => format!("* a line of {name} was missed"),
        Notice::Missed { name, count } => format!("* {count} lines of {name} were missed"),
        Notice::MissedWhileAway { count: 1 } => "* you missed one line".to_string(),
        Notice::MissedWhileAway { count } => format!("* you missed {count} lines"),
        Notice::Entered { server, others } if others.is_empty() => {
            format!("* you are the first here; {server} serves the room")
        }
        Notice::Entered { server, others } => {
            format!("* you are in the room with {}; {server} serves it", others.join(", "))
        }
        Notice::NewServer { name } => format!("* {name} now serves the room"),
        Notice::Renamed { name } => format!("* your name is taken here: you are {name}"),
    }
}
