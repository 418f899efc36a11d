//! Pipes, their instances and their channels.

use super::world::{World, damaged, instance};
use crate::arena::Ref;
use crate::arena::block::BlockRef;
use crate::arena::state::with_value;
use crate::channel::SPARE_TAG;
use crate::dispatcher::signal;
use crate::io::end;
use crate::records::{Instance, Object, Pipe, Request};

fn first_pipe(world: &World) -> &'static Pipe {
    world.current.arena().get(Ref::from_index(1)).unwrap()
}

#[test]
fn damage_to_a_pipe_is_found() {
    damaged("instances of pipe #1", "found 5", |world| world.set(&first_pipe(world).count, 5));
    damaged("instances of pipe #1: expected 1 to 1", "found 2", |world| {
        world.set(&first_pipe(world).maximum, 1)
    });
    damaged("instances of pipe #1 with a server", "found 0", |world| {
        world.set(&first_pipe(world).servers, 0)
    });
    damaged("name of pipe #1", "found 0", |world| world.set(&first_pipe(world).name, 0));
    damaged("instance #2 is among those that listen", "found false", |world| {
        world.set(&first_pipe(world).first_listening, 0);
    });
    damaged("last of listening instances", "found 1", |world| {
        world.set(&first_pipe(world).last_listening, 1)
    });
    damaged("instances of the pipe, each once", "#3", |world| {
        world.set(&first_pipe(world).first_listening, 3)
    });
    damaged("event of pipe #2 is set", "found true", |world| {
        let pipe: &Pipe = world.current.arena().get(Ref::from_index(2)).unwrap();
        let event = world.current.arena().get(Ref::from_index(pipe.available.peek())).unwrap();
        world.set_state(event, |state| with_value(state, signal::SET | signal::MANUAL));
    });
}

#[test]
fn damage_to_an_instance_is_found() {
    damaged("pipe of instance #1", "#44", |world| world.set(&instance(world).pipe, 44));
    damaged("state of instance #1", "1, [true, true]", |world| world.set(&instance(world).state, 1));
    damaged("end 1 of instance #1", "#1", |world| world.set(&instance(world).ends[1].object, 1));
    let file = |world: &World| -> &'static Object {
        let instance: &Instance = world.current.arena().get(Ref::from_index(3)).unwrap();
        world.current.arena().get(Ref::from_index(instance.ends[1].object.peek())).unwrap()
    };
    let set = |world: &World, word: usize, value: u64| {
        let mut lock = world.current.begin().unwrap();
        file(world).body[word].set(&mut lock, value);
        lock.commit().unwrap();
    };
    damaged("request in progress on Pipe object", "#77", |world| set(world, end::BUSY, 77));
    damaged("idle event of Pipe object", "found false", |world| set(world, end::BUSY, 0));
    damaged("references to Event object", "found 2", |world| set(world, end::IDLE, 0));
    damaged("instance of Pipe object", "#1", |world| world.set(&instance(world).ends[0].object, 0));
}

#[test]
fn damage_to_a_channel_is_found() {
    let channel = |world: &World| &instance(world).channels[0];
    let first = |world: &World| world.current.arena().block(BlockRef(channel(world).first.peek())).unwrap();
    damaged("bytes beyond the quota", "found 3", |world| world.set(&channel(world).unsettled, 3));
    damaged("bytes within the quota", "found 3", |world| world.set(&channel(world).settled, 3));
    damaged("to wait for a message in it", "block #0.0", |world| {
        let flush = Ref::<Request>::from_index(channel(world).first_flush.peek());
        world.set(&world.current.arena().get(flush).unwrap().message, 0);
    });
    damaged("let in, as it fits the quota", "kept waiting", |world| world.set(&channel(world).quota, 100));
    damaged("at most 1", "found 10", |world| world.set(&channel(world).quota, 1));
    damaged("last message of channel", "found 0", |world| world.set(&channel(world).last, 0));
    damaged("a message in it", "", |world| world.set(&channel(world).first_unsettled, 1));
    damaged("none, as it fits the quota", "", |world| world.set(&channel(world).first_unsettled, 0));
    damaged("readers of channel to end 1", "found 1", |world| {
        let (to_server, to_client) = (channel(world), &instance(world).channels[1]);
        for (to, from) in [
            (&to_client.first, &to_server.first),
            (&to_client.last, &to_server.last),
            (&to_client.first_unsettled, &to_server.first_unsettled),
        ] {
            world.set(to, from.peek());
            world.set(from, 0);
        }
    });
    damaged("memory of the messages of channel", "found 1", |world| world.set(&channel(world).memory, 1));
    damaged("bytes charged for channel", "found 1", |world| world.set(&channel(world).charged, 1));
    damaged("bytes charged to process record #1", "", |world| world.set(&channel(world).payer, 7));
    damaged("discarded message", "not yet", |world| {
        world.set(&world.current.arena().header().discarded.0, channel(world).first.peek());
    });
    damaged("offset of message", "found 11", |world| world.set(&first(world).words[0], 11));
    damaged("pins of message", "found 2", |world| world.set(&first(world).words[2], 2));
    damaged("tag of block", "found 5", |world| world.set(&first(world).head.tag, SPARE_TAG));
    damaged("a block of its own", "something else owns too", |world| {
        let itself = channel(world).first.peek();
        world.set(&first(world).head.link, itself);
    });
}
