//! Requests and the lists they are in.

use super::world::{World, damaged, instance};
use crate::arena::Ref;
use crate::records::{Process, Request};

#[test]
fn damage_to_requests_is_found() {
    let process = |world: &World| -> &'static Process { world.current.process() };
    let first = |world: &World| -> &'static Request {
        world.current.arena().get(Ref::from_index(process(world).first_request.peek())).unwrap()
    };
    damaged("request #1", "found none", |world| world.set(&process(world).first_request, 0));
    damaged("process of request", "found 3", |world| world.set(&first(world).process, 3));
    damaged("state of", "found 9", |world| world.set(&first(world).state, 9));
    damaged("an operation", "found 9", |world| world.set(&first(world).head.tag, 9));
    damaged("file of", "which is free", |world| world.set(&first(world).file, 700));
    damaged("kind of the event of", "", |world| world.set(&first(world).event, first(world).file.peek()));
    damaged("issuer of", "nobody (0x777)", |world| world.set(&first(world).thread, 0x777));
    damaged("expected blocked in it", "not", |world| {
        let thread = world.current.arena().get::<crate::records::Thread>(Ref::from_index(
            crate::arena::seat::SeatId(first(world).thread.peek()).seat().index(),
        ));
        world.set(&thread.unwrap().synchronous, 0);
    });
    damaged("last of completed requests", "found 1", |world| world.set(&process(world).last_completed, 1));
    damaged("queues that request #", "found 0", |world| {
        world.set(&instance(world).channels[1].first_reader, 0)
    });
    damaged("live requests that are in no other queue", "", |world| {
        let reader = instance(world).channels[1].first_reader.peek();
        world.set(&process(world).first_completed, reader);
    });
    damaged("a blocking request of its own", "#3000", |world| {
        world.set(&world.current.thread.synchronous, 3000)
    });
}
