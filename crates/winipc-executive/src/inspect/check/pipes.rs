//! Pipes, their instances, and what lies in them.

use super::Checker;
use super::channels::Sides;
use super::requests::Queue;
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::arena::state::value_of;
use crate::dispatcher::signal;
use crate::io::end::{self, CLIENT, SERVER};
use crate::io::{self, Operation};
use crate::pipe::{self, UNLIMITED_INSTANCES, state};
use crate::records::{Instance, Kind, Object, Pipe, Request};

impl Checker<'_> {
    pub(super) fn pipes(&mut self) {
        self.files();
        let mut instances = vec![0; self.pipes.used.len()];
        let mut servers = vec![0; self.pipes.used.len()];
        for number in 1..self.instances.used.len() as u32 {
            let Ok(instance) = self.arena.get::<Instance>(Ref::from_index(number)) else { continue };
            if !self.instances.is_used(number) {
                continue;
            }
            let pipe = instance.pipe.peek();
            if self.pipes.is_used(pipe) {
                instances[pipe as usize] += 1;
                servers[pipe as usize] += u32::from(instance.ends[SERVER].object.peek() != 0);
            } else {
                self.fault(format!("pipe of instance #{number}"), "a live pipe", format!("#{pipe}"));
            }
            self.instance(&format!("instance #{number}"), number, instance);
        }
        let mut listens = vec![false; self.instances.used.len()];
        for number in 1..self.pipes.used.len() {
            let Ok(pipe) = self.arena.get::<Pipe>(Ref::from_index(number as u32)) else { continue };
            if !self.pipes.used[number] {
                continue;
            }
            let place = format!("pipe #{number}");
            self.same(format!("instances of {place}"), instances[number], pipe.count.peek());
            self.same(format!("instances of {place} with a server"), servers[number], pipe.servers.peek());
            let (count, maximum) = (pipe.count.peek(), pipe.maximum.peek());
            if count == 0 || maximum != UNLIMITED_INSTANCES && count > maximum {
                self.fault(format!("instances of {place}"), format!("1 to {maximum}"), count);
            }
            self.listening(&place, number as u32, pipe, &mut listens);
            self.available(&place, pipe);
        }
        for (number, listens) in listens.into_iter().enumerate().skip(1) {
            let instance = self.arena.get::<Instance>(Ref::from_index(number as u32));
            let Some(instance) = instance.ok().filter(|_| self.instances.used[number]) else { continue };
            let should = instance.state.peek() == state::LISTENING;
            self.same(format!("instance #{number} is among those that listen"), should, listens);
        }
    }

    /// The name leads to the pipe and the pipe to the name.
    pub(super) fn pipe_name(&mut self, place: &str, reference: BlockRef, target: u32) {
        if !self.pipes.is_used(target) || !self.pipes.own(target) {
            self.fault(place, "a live pipe with one name", format!("pipe #{target}"));
            return;
        }
        let back = self.arena.get::<Pipe>(Ref::from_index(target)).map_or(0, |pipe| pipe.name.peek());
        self.same(format!("name of pipe #{target}, which {place} leads to"), reference.0, back);
    }

    fn listening(&mut self, place: &str, number: u32, pipe: &Pipe, listens: &mut [bool]) {
        let place = format!("listening instances of {place}");
        let mut previous = 0;
        let mut next = pipe.first_listening.peek();
        while next != 0 {
            let instance = self.arena.get::<Instance>(Ref::from_index(next)).ok();
            let instance = instance.filter(|instance| instance.pipe.peek() == number);
            let Some(instance) = instance.filter(|_| self.instances.is_used(next) && !listens[next as usize])
            else {
                self.fault(place, "instances of the pipe, each once", format!("#{next}"));
                return;
            };
            listens[next as usize] = true;
            self.same(
                format!("previous of #{next} in {place}"),
                previous,
                instance.previous_listening.peek(),
            );
            previous = next;
            next = instance.next_listening.peek();
        }
        self.same(format!("last of {place}"), previous, pipe.last_listening.peek());
    }

    /// The event of those who wait for an instance that listens.
    fn available(&mut self, place: &str, pipe: &Pipe) {
        let event = pipe.available.peek();
        let place = format!("event of {place}");
        if event == 0 || !self.refer(&place, event, |tally| &mut tally.records) {
            return;
        }
        let Ok(event) = self.arena.get::<Object>(Ref::from_index(event)) else { return };
        let should = pipe.first_listening.peek() != 0 || pipe.servers.peek() == 0;
        self.same(format!("{place} is set"), should, is_set(event));
    }

    /// The objects of the ends of pipes, open or cut off, and those of descriptors.
    fn files(&mut self) {
        for number in self.arena.used::<Object>() {
            let Ok(object) = self.arena.get(number) else { continue };
            let kind = Kind::from_tag(object.head.tag.peek());
            if !self.objects.is_used(number.index()) || !matches!(kind, Some(Kind::Pipe | Kind::File)) {
                continue;
            }
            let is_pipe = kind == Some(Kind::Pipe);
            let place = format!("{} object #{}", if is_pipe { "Pipe" } else { "File" }, number.index());
            if is_pipe {
                self.end(&place, number, object);
            }
            self.in_progress(&place, number, object);
        }
    }

    /// The blocking request in progress on an end for blocking use, and the event of those who wait for its end.
    fn in_progress(&mut self, place: &str, number: Ref<Object>, object: &Object) {
        let busy = object.body[end::BUSY].peek();
        if busy != 0 {
            let request = u32::try_from(busy).ok().filter(|request| self.requests.is_used(*request));
            let request =
                request.and_then(|request| self.arena.get::<Request>(Ref::from_index(request)).ok());
            let is_its = |request: &Request| {
                request.file.peek() == number.index() && request.flags.peek() & io::flag::SYNCHRONOUS != 0
            };
            if !request.is_some_and(is_its) {
                self.fault(format!("request in progress on {place}"), "one of its own", format!("#{busy}"));
            }
        }
        let idle = object.body[end::IDLE].peek();
        let place = format!("idle event of {place}");
        if idle == 0 || !self.refer(&place, idle as u32, |tally| &mut tally.records) {
            return;
        }
        let Ok(event) = self.arena.get::<Object>(Ref::from_index(idle as u32)) else { return };
        self.same(format!("{place} is set"), busy == 0, is_set(event));
    }

    /// The object of an end leads to its instance, which leads back.
    fn end(&mut self, place: &str, number: Ref<Object>, object: &Object) {
        let instance = object.body[pipe::INSTANCE].peek();
        if instance == 0 {
            return;
        }
        let side = end::side_of(object.body[end::SIDE].peek());
        let end = u32::try_from(instance).ok().filter(|instance| self.instances.is_used(*instance));
        let end = end.and_then(|instance| self.arena.get::<Instance>(Ref::from_index(instance)).ok());
        if end.is_none_or(|instance| instance.ends[side].object.peek() != number.index()) {
            self.fault(format!("instance of {place}"), "one that has it as its end", format!("#{instance}"));
        }
        if object.handles.peek() == 0 {
            self.fault(
                format!("instance of {place}"),
                "none, as its last handle is closed",
                format!("#{instance}"),
            );
        }
    }

    fn instance(&mut self, place: &str, number: u32, instance: &Instance) {
        let ends = [SERVER, CLIENT].map(|side| instance.ends[side].object.peek());
        for (side, end) in ends.into_iter().enumerate().filter(|(_, end)| *end != 0) {
            let object = self.arena.get::<Object>(Ref::from_index(end)).ok();
            let is_its = |object: &Object| {
                object.head.tag.peek() == Kind::Pipe.tag()
                    && object.body[pipe::INSTANCE].peek() == u64::from(number)
                    && end::side_of(object.body[end::SIDE].peek()) == side
            };
            if !self.objects.is_used(end) || !object.is_some_and(is_its) {
                self.fault(format!("end {side} of {place}"), "the object of that end", format!("#{end}"));
            }
        }
        let is_open = ends.map(|end| end != 0);
        let state = instance.state.peek();
        let is_right = match state {
            state::LISTENING | state::DISCONNECTED => is_open == [true, false],
            state::CONNECTED => is_open == [true, true],
            state::CLOSING => is_open[SERVER] != is_open[CLIENT],
            _ => false,
        };
        if !is_right {
            self.fault(
                format!("state of {place}"),
                "one that fits its open ends",
                format!("{state}, {is_open:?}"),
            );
        }
        let connects = Queue {
            first: &instance.first_connect,
            last: &instance.last_connect,
            operation: Operation::Connect,
            file: ends[SERVER],
        };
        let waiting = self.queue(&format!("connects of {place}"), &connects);
        if waiting != 0 && state != state::LISTENING {
            self.fault(format!("connects of {place}"), "none unless it listens", waiting);
        }
        for (side, channel) in instance.channels.iter().enumerate() {
            let place = format!("channel to end {side} of {place}");
            let sides =
                Sides { reader: ends[side], writer: ends[1 - side], is_connected: state == state::CONNECTED };
            self.channel(&place, channel, &sides);
        }
    }
}

fn is_set(event: &Object) -> bool {
    value_of(event.state.load()) & signal::SET != 0
}
