//! A named pipe as section 5 of `docs/conformance.md` describes it, in the simplest words: instances, their ends, and
//! the requests on them.
//!
//! Requests and ends have numbers. Whatever the model does is done at once; what the real pipe has to show for a
//! request is its [`Ending`]. What ends read and write is in `transfer`.

use winipc_executive::Status;

use crate::channel::Channel;
use crate::request::Ending;

/// Sides of an instance.
pub(crate) const SERVER: usize = 0;
pub(crate) const CLIENT: usize = 1;

/// What the pipe is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) message_type: bool,
    pub(crate) max_instances: u32,
    /// How the first two ends read.
    pub(crate) message_read: bool,
    /// Of what flows to the server, and to the client.
    pub(crate) quotas: [u32; 2],
}

impl Shape {
    pub(crate) fn decode([kind, first, second]: [u8; 3]) -> Self {
        let message_type = kind & 1 != 0;
        let quota = |byte: u8| if byte < 200 { u32::from(byte) % 40 } else { 5000 };
        Shape {
            message_type,
            max_instances: [1, 2, 3, 255][usize::from(kind >> 1 & 3)],
            message_read: message_type && kind & 8 != 0,
            quotas: [quota(first), quota(second)],
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum State {
    Listening,
    Connected,
    Closing,
    Disconnected,
}

pub(crate) struct Instance {
    pub(crate) state: State,
    /// When it began to listen, for order.
    listens_since: usize,
    ends: [Option<usize>; 2],
    /// Somebody was the client, and has not been sent away.
    has_client: bool,
    /// What flows to the server, and to the client.
    pub(crate) channels: [Channel; 2],
    connects: Vec<usize>,
}

/// One end. One that was sent away has no instance.
pub(crate) struct End {
    pub(crate) place: Option<usize>,
    pub(crate) side: usize,
    pub(crate) is_open: bool,
    pub(crate) message_read: bool,
    pub(crate) nowait: bool,
}

/// The pipe. Instances that have gone stay in the list, without ends.
pub(crate) struct Model {
    pub(crate) shape: Shape,
    pub(crate) instances: Vec<Instance>,
    pub(crate) ends: Vec<End>,
    pub(crate) endings: Vec<Option<Ending>>,
    clock: usize,
}

impl Model {
    pub(crate) fn new(shape: Shape) -> Self {
        Model { shape, instances: Vec::new(), ends: Vec::new(), endings: Vec::new(), clock: 0 }
    }

    pub(crate) fn apply(&mut self, endings: Vec<(usize, Ending)>) {
        for (request, ending) in endings {
            assert!(self.endings[request].is_none(), "the model ends a request twice");
            self.endings[request] = Some(ending);
        }
    }

    pub(crate) fn end_all(&mut self, requests: impl IntoIterator<Item = usize>, status: Status) {
        self.apply(requests.into_iter().map(|request| (request, Ending::with(status))).collect());
    }

    /// Instances that have an end.
    pub(crate) fn count(&self) -> usize {
        self.instances.iter().filter(|instance| instance.ends != [None; 2]).count()
    }

    fn has_server(&self) -> bool {
        self.instances.iter().any(|instance| instance.ends[SERVER].is_some())
    }

    fn listening(&self) -> Option<usize> {
        let listening = |number: &usize| self.instances[*number].state == State::Listening;
        let listening = (0..self.instances.len()).filter(listening);
        listening.min_by_key(|number| self.instances[*number].listens_since)
    }

    pub(crate) fn instance(&mut self, end: usize) -> Option<&mut Instance> {
        self.ends[end].place.map(|place| &mut self.instances[place])
    }

    pub(crate) fn state(&self, end: usize) -> Option<State> {
        self.ends[end].place.map(|place| self.instances[place].state)
    }

    fn new_end(&mut self, place: usize, side: usize, message_read: bool, nowait: bool) -> usize {
        self.ends.push(End { place: Some(place), side, is_open: true, message_read, nowait });
        self.instances[place].ends[side] = Some(self.ends.len() - 1);
        self.ends.len() - 1
    }

    pub(crate) fn create(&mut self, first: bool, message_read: bool, nowait: bool) -> Result<usize, Status> {
        if message_read && !self.shape.message_type {
            return Err(Status::INVALID_PARAMETER);
        }
        if first && self.count() != 0 {
            return Err(Status::ACCESS_DENIED);
        }
        if self.shape.max_instances != 255 && self.count() >= self.shape.max_instances as usize {
            return Err(Status::INSTANCE_NOT_AVAILABLE);
        }
        self.clock += 1;
        self.instances.push(Instance {
            state: State::Listening,
            listens_since: self.clock,
            ends: [None; 2],
            has_client: false,
            channels: self.shape.quotas.map(|quota| Channel::new(quota as usize)),
            connects: Vec::new(),
        });
        Ok(self.new_end(self.instances.len() - 1, SERVER, message_read, nowait))
    }

    pub(crate) fn open(&mut self) -> Result<usize, Status> {
        if !self.has_server() {
            return Err(Status::OBJECT_NAME_NOT_FOUND);
        }
        let place = self.listening().ok_or(Status::PIPE_NOT_AVAILABLE)?;
        let instance = &mut self.instances[place];
        instance.state = State::Connected;
        instance.has_client = true;
        let connects = std::mem::take(&mut instance.connects);
        self.end_all(connects, Status::SUCCESS);
        Ok(self.new_end(place, CLIENT, false, false))
    }

    pub(crate) fn wait_available(&self) -> Result<(), Status> {
        match self.listening() {
            _ if !self.has_server() => Err(Status::OBJECT_NAME_NOT_FOUND),
            Some(_) => Ok(()),
            None => Err(Status::IO_TIMEOUT),
        }
    }

    pub(crate) fn listen(&mut self, end: usize, request: usize) {
        let nowait = self.ends[end].nowait;
        self.clock += 1;
        let clock = self.clock;
        let refusal = match self.state(end) {
            _ if self.ends[end].side == CLIENT => Some(Status::ILLEGAL_FUNCTION),
            Some(State::Connected) => Some(Status::PIPE_CONNECTED),
            Some(State::Closing) => Some(Status::PIPE_CLOSING),
            _ => nowait.then_some(Status::PIPE_LISTENING),
        };
        if self.ends[end].side == SERVER {
            let instance = self.instance(end).expect("a server's end has an instance");
            if instance.state == State::Disconnected {
                instance.state = State::Listening;
                instance.listens_since = clock;
            }
            if refusal.is_none() {
                instance.connects.push(request);
            }
        }
        self.end_all(refusal.map(|_| request), refusal.unwrap_or(Status::SUCCESS));
    }

    pub(crate) fn disconnect(&mut self, end: usize) -> Result<(), Status> {
        let state = self.state(end).ok_or(Status::PIPE_DISCONNECTED)?;
        if self.ends[end].side == CLIENT {
            return Err(Status::ILLEGAL_FUNCTION);
        }
        if state == State::Disconnected {
            return Err(Status::PIPE_DISCONNECTED);
        }
        let instance = self.instance(end).unwrap();
        instance.state = State::Disconnected;
        instance.has_client = false;
        let client = instance.ends[CLIENT].take();
        let mut failed = std::mem::take(&mut instance.connects);
        for channel in &mut instance.channels {
            failed.extend(channel.fail());
            channel.messages.clear();
        }
        if let Some(client) = client {
            self.ends[client].place = None;
        }
        self.end_all(failed, Status::PIPE_DISCONNECTED);
        Ok(())
    }

    pub(crate) fn close(&mut self, end: usize) {
        let side = self.ends[end].side;
        self.ends[end].is_open = false;
        let Some(instance) = self.instance(end) else { return };
        let mut failed = std::mem::take(&mut instance.connects);
        // What it has written stays readable; what was written to it nobody can see any more.
        failed.extend(instance.channels.iter_mut().flat_map(Channel::fail));
        instance.ends[side] = None;
        // One that listened or was disconnected has no other end, and is gone.
        instance.state = State::Closing;
        self.end_all(failed, Status::PIPE_BROKEN);
    }

    /// Cancels what waits on an end: everything, or one request.
    pub(crate) fn cancel(&mut self, end: usize, only: Option<usize>) -> Result<(), Status> {
        let side = self.ends[end].side;
        let is_meant = |request: usize| only.is_none_or(|only| only == request);
        let Some(instance) = self.instance(end) else { return Err(Status::NOT_FOUND) };
        let mut cancelled = Vec::new();
        if side == SERVER {
            cancelled.extend(instance.connects.extract_if(.., |request| is_meant(*request)));
        }
        cancelled.extend(instance.channels[side].cancel_reads(&is_meant));
        let (writes, endings) = instance.channels[1 - side].cancel_writes(&is_meant);
        cancelled.extend(writes);
        let any = !cancelled.is_empty();
        self.end_all(cancelled, Status::CANCELLED);
        self.apply(endings);
        if any { Ok(()) } else { Err(Status::NOT_FOUND) }
    }

    /// Whether requests wait on an end, and whether flushes do.
    pub(crate) fn waits(&self, end: usize) -> (bool, bool) {
        let Some(place) = self.ends[end].place else { return (false, false) };
        let (instance, side) = (&self.instances[place], self.ends[end].side);
        let outgoing = &instance.channels[1 - side];
        let connects = side == SERVER && !instance.connects.is_empty();
        let reads = !instance.channels[side].readers.is_empty();
        let writes = outgoing.messages.iter().any(|message| message.writer.is_some());
        (connects || reads || writes, !outgoing.flushes.is_empty())
    }

    pub(crate) fn set_mode(&mut self, end: usize, message_read: bool, nowait: bool) -> Result<(), Status> {
        self.state(end).ok_or(Status::PIPE_DISCONNECTED)?;
        if message_read && !self.shape.message_type {
            return Err(Status::INVALID_PARAMETER);
        }
        if nowait && !self.ends[end].nowait && self.waits(end).0 {
            return Err(Status::PIPE_BUSY);
        }
        let end = &mut self.ends[end];
        (end.message_read, end.nowait) = (message_read, nowait);
        Ok(())
    }

    /// Whether an end is of an instance, and whether that has a client.
    pub(crate) fn client(&self, end: usize) -> Result<(), Status> {
        match self.ends[end].place {
            None => Err(Status::PIPE_DISCONNECTED),
            Some(place) if self.instances[place].has_client => Ok(()),
            Some(_) => Err(Status::NOT_FOUND),
        }
    }
}
