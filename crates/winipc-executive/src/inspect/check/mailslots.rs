//! Mailslots, and what lies in them.

use super::Checker;
use super::channels::Sides;
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::io::end;
use crate::mailslot::{self, DATAGRAM_NAME, SLOT};
use crate::name::NAME_TAG;
use crate::records::{Kind, Mailslot, Object};

impl Checker<'_> {
    pub(super) fn mailslots(&mut self) {
        let mut clients = vec![0; self.mailslots.used.len()];
        for number in self.arena.used::<Object>() {
            let Ok(object) = self.arena.get(number) else { continue };
            if self.objects.is_used(number.index()) && object.head.tag.peek() == Kind::Mailslot.tag() {
                self.mailslot_end(
                    &format!("Mailslot object #{}", number.index()),
                    number,
                    object,
                    &mut clients,
                );
            }
        }
        for (number, clients) in clients.into_iter().enumerate().skip(1) {
            let Ok(slot) = self.arena.get::<Mailslot>(Ref::from_index(number as u32)) else { continue };
            if self.mailslots.used[number] {
                let place = format!("mailslot #{number}");
                self.same(format!("clients of {place}"), clients, slot.clients.peek());
                // One that has lost its name lasts as long as its clients.
                if slot.server.peek() == 0 && slot.clients.peek() != 0 {
                    self.mailslots.own(number as u32);
                }
                self.mailslot(&place, number as u32, slot);
            }
        }
    }

    /// The name leads to the slot and the slot to the name.
    pub(super) fn mailslot_name(&mut self, place: &str, reference: BlockRef, target: u32) {
        if !self.mailslots.is_used(target) || !self.mailslots.own(target) {
            self.fault(place, "a live mailslot with one name", format!("mailslot #{target}"));
            return;
        }
        let back = self.arena.get::<Mailslot>(Ref::from_index(target)).map_or(0, |slot| slot.name.peek());
        self.same(format!("name of mailslot #{target}, which {place} leads to"), reference.0, back);
    }

    /// The object of an end leads to its slot, or to the name it sends datagrams to, until its last handle is closed.
    fn mailslot_end(&mut self, place: &str, number: Ref<Object>, object: &Object, clients: &mut [u32]) {
        let (slot, name) = (object.body[SLOT].peek(), object.body[DATAGRAM_NAME].peek());
        let is_open = object.handles.peek() != 0;
        if is_open != (slot != 0 || name != 0) || slot != 0 && name != 0 {
            let expected = if is_open { "one of them" } else { "none, as its last handle is closed" };
            self.fault(format!("slot or name of {place}"), expected, format!("#{slot} and block {name}"));
        }
        if object.body[end::BUSY].peek() != 0 || object.body[end::IDLE].peek() != 0 {
            self.fault(format!("request in progress on {place}"), "none noted", "one");
        }
        if name != 0 && mailslot::is_server(object) {
            self.fault(format!("name of {place}"), "none, as it is a server's", format!("block {name}"));
        }
        if name != 0 && self.own_chain(&format!("name of {place}"), BlockRef(name as u32), [NAME_TAG; 2]) {
            let block = BlockRef(name as u32);
            let payer = self.arena.block(block).map_or(0, |block| block.head.link.peek());
            self.charge(payer, self.memory_of(block));
        }
        if slot == 0 {
            return;
        }
        let found = u32::try_from(slot).ok().filter(|slot| self.mailslots.is_used(*slot));
        let Some(found) = found else {
            self.fault(format!("slot of {place}"), "a live mailslot", format!("#{slot}"));
            return;
        };
        if !mailslot::is_server(object) {
            clients[found as usize] += 1;
        } else if let Ok(slot) = self.arena.get::<Mailslot>(Ref::from_index(found)) {
            self.same(format!("server of mailslot #{found}"), number.index(), slot.server.peek());
        }
    }

    fn mailslot(&mut self, place: &str, number: u32, slot: &Mailslot) {
        let server = slot.server.peek();
        if server != 0 {
            let object = self.arena.get::<Object>(Ref::from_index(server)).ok();
            let is_its = |object: &Object| {
                object.head.tag.peek() == Kind::Mailslot.tag()
                    && object.body[SLOT].peek() == u64::from(number)
                    && mailslot::is_server(object)
            };
            if !self.objects.is_used(server) || !object.is_some_and(is_its) {
                self.fault(format!("server of {place}"), "the object of that end", format!("#{server}"));
            }
        }
        if (slot.name.peek() != 0) != (server != 0) {
            let found = format!("block {} with server #{server}", slot.name.peek());
            self.fault(format!("name of {place}"), "one as long as there is a server", found);
        }
        let sides = Sides { reader: server, writer: 0, is_connected: server != 0 };
        let messages = self.channel(&format!("channel of {place}"), &slot.channel, &sides);
        self.same(format!("count of messages of {place}"), messages, slot.messages.peek());
        if server == 0 && messages != 0 {
            self.fault(format!("messages of {place}"), "none, as it has no server", messages);
        }
    }
}
