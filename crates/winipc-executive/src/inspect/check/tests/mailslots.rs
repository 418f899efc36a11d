//! Mailslots and what lies in them.

use super::world::{World, damaged};
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::channel::PAYER;
use crate::io::end;
use crate::mailslot::{DATAGRAM_NAME, SLOT};
use crate::records::{Kind, Mailslot, Object};

fn slot(world: &World, number: u32) -> &'static Mailslot {
    world.current.arena().get(Ref::from_index(number)).unwrap()
}

fn server(world: &World) -> &'static Object {
    world.current.arena().get(Ref::from_index(slot(world, 1).server.peek())).unwrap()
}

/// The client that sends datagrams.
fn datagrams(world: &World) -> &'static Object {
    let arena = world.current.arena();
    let objects = arena.used::<Object>().map(|number| arena.get(number).unwrap());
    let is_it = |object: &&Object| {
        object.head.tag.peek() == Kind::Mailslot.tag() && object.body[DATAGRAM_NAME].peek() != 0
    };
    objects.into_iter().find(is_it).unwrap()
}

#[test]
fn damage_to_a_mailslot_is_found() {
    let body = |world: &World, object: &Object, word: usize, value: u64| {
        let mut lock = world.current.begin().unwrap();
        object.body[word].set(&mut lock, value);
        lock.commit().unwrap();
    };
    damaged("clients of mailslot #1", "found 2", |world| world.set(&slot(world, 1).clients, 2));
    damaged("count of messages of mailslot #1", "found 3", |world| world.set(&slot(world, 1).messages, 3));
    damaged("name of mailslot #1", "found 0", |world| world.set(&slot(world, 1).name, 0));
    damaged("server of mailslot #1", "#1", |world| world.set(&slot(world, 1).server, 1));
    damaged("name of mailslot #3", "server #0", |world| world.set(&slot(world, 3).name, 1));
    damaged("mailslot #3", "none", |world| world.set(&slot(world, 3).clients, 0));
    damaged("slot of Mailslot object", "#77", |world| body(world, server(world), SLOT, 77));
    damaged("slot or name of Mailslot object", "#0 and block 0", |world| {
        body(world, server(world), SLOT, 0);
    });
    damaged("request in progress on Mailslot object", "one", |world| {
        body(world, server(world), end::BUSY, 1);
    });
    damaged("slot or name of Mailslot object", "block 0", |world| {
        body(world, datagrams(world), DATAGRAM_NAME, 0);
    });
    damaged("bytes charged to process record #1", "", |world| {
        let first = BlockRef(slot(world, 1).channel.first.peek());
        let payer = slot(world, 1).channel.payer.peek();
        world.set(&world.current.arena().block(first).unwrap().words[PAYER], payer);
    });
    damaged("readers of channel of mailslot #1", "found 1", |world| {
        let (full, empty) = (&slot(world, 1).channel, &slot(world, 2).channel);
        for (to, from) in [(&full.first_reader, &empty.first_reader), (&full.last_reader, &empty.last_reader)]
        {
            world.set(to, from.peek());
            world.set(from, 0);
        }
    });
}
