//! Every kind of damage is found, a whole arena is clean, and noise is survived.

mod mailslots;
mod memory;
mod objects;
mod pipes;
mod processes;
mod requests;
mod sections;
mod threads;
mod world;

use super::run;
use crate::arena::layout::{REGIONS, Region};
use world::World;

#[test]
fn a_whole_arena_has_no_fault() {
    let world = World::new();
    assert_eq!(world.faults(), []);
}

#[test]
fn noise_is_survived() {
    for seed in 1..=60_u64 {
        let world = World::new();
        let arena = world.current.arena();
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut noise = || {
            // xorshift; half of the words are small, so that many references lead somewhere.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            if random & 1 << 40 == 0 { random } else { random & 0x1F_0000_001F }
        };
        // The region of the journals' overflow is no record of anything.
        for region in 0..REGIONS {
            let is_record =
                region != Region::JournalOverflow as usize && region != Region::ClaimOverflow as usize;
            if is_record && (seed % 4 != 3 || region == Region::Object as usize) {
                arena.scribble(region, [1, 2, 30, 300][seed as usize % 4], &mut noise);
            }
        }
        // Little noise may hit nothing that is in use.
        assert!(seed % 4 > 1 || !run(arena).is_empty());
        run(arena);
        let listing = crate::inspect::collect::listing(arena);
        for object in &listing.objects {
            let _ = object.state.to_string();
        }
    }
}
