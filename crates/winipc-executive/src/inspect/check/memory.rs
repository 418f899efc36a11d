//! Records and blocks: what is free, what is in use, and whether the lists agree.

use super::{Checker, Fault};
use crate::arena::Arena;
use crate::arena::layout::{BLOCK_CLASSES, Region};
use crate::arena::slab::FREE;

/// The slots of a region.
pub(super) struct Slots {
    /// Which are in use, by number.
    pub(super) used: Vec<bool>,
    /// Which have an owner.
    owned: Vec<bool>,
    faults: Vec<Fault>,
}

impl Slots {
    pub(super) fn is_used(&self, number: u32) -> bool {
        self.used.get(number as usize).copied().unwrap_or(false)
    }

    /// Gives a slot in use an owner. False if it has one.
    pub(super) fn own(&mut self, number: u32) -> bool {
        self.owned.get_mut(number as usize).is_some_and(|owned| !core::mem::replace(owned, true))
    }

    pub(super) fn unowned(&self) -> Vec<u32> {
        (0..self.used.len())
            .filter(|number| self.used[*number] && !self.owned[*number])
            .map(|number| number as u32)
            .collect()
    }
}

pub(super) fn slots(arena: &Arena, region: Region) -> Slots {
    slots_at(arena, region as usize, &format!("{region:?} records"))
}

pub(super) fn blocks(arena: &Arena) -> Vec<Slots> {
    (0..BLOCK_CLASSES)
        .map(|class| slots_at(arena, Region::Block as usize + class, &format!("blocks of class {class}")))
        .collect()
}

fn slots_at(arena: &Arena, region: usize, what: &str) -> Slots {
    let slab = arena.slab_at(region);
    let mut faults = Vec::new();
    let (fresh, committed) = (slab.fresh.peek() as usize, arena.committed(region));
    if fresh > committed {
        faults.push(Fault::new(
            format!("memory of {what}"),
            format!("{fresh} handed out"),
            format!("{committed}"),
        ));
    }
    let end = fresh.min(committed);
    let head = |number: u32| arena.head_at(region, number).ok();
    // Number 0 means none and is never handed out.
    let is_used =
        |number: usize| number != 0 && head(number as u32).is_some_and(|head| head.tag.peek() != FREE);
    let used: Vec<bool> = (0..end).map(is_used).collect();
    let mut free = vec![false; end];
    let mut next = slab.free.peek();
    while next != 0 {
        let place = format!("free list of {what}");
        match free.get_mut(next as usize) {
            None => {
                faults.push(Fault::new(place, format!("numbers below {end}"), format!("#{next}")));
                break;
            }
            Some(true) => {
                faults.push(Fault::new(place, "each slot once", format!("#{next} again")));
                break;
            }
            Some(_) if used[next as usize] => {
                faults.push(Fault::new(place, "free slots", format!("#{next}, which is in use")));
                break;
            }
            Some(is_free) => *is_free = true,
        }
        next = head(next).map_or(0, |head| head.link.peek());
    }
    for number in (1..end).filter(|number| !used[*number] && !free[*number]) {
        faults.push(Fault::new(format!("slot #{number} of {what}"), "in use or in the free list", "neither"));
    }
    let owned = vec![false; end];
    Slots { used, owned, faults }
}

/// Regions whose records are found in other ways: nothing is handed out.
const FIXED: [Region; 5] =
    [Region::Seat, Region::Process, Region::Thread, Region::JournalOverflow, Region::ClaimOverflow];

impl Checker<'_> {
    /// Reports what was found when the slots were read.
    pub(super) fn slabs(&mut self) {
        let records = [
            &mut self.objects,
            &mut self.pages,
            &mut self.requests,
            &mut self.pipes,
            &mut self.instances,
            &mut self.mailslots,
            &mut self.views,
        ];
        let all = records.into_iter().chain(&mut self.blocks);
        let found: Vec<Fault> = all.flat_map(|slots| core::mem::take(&mut slots.faults)).collect();
        for Fault { place, expected, found } in found {
            self.fault(place, expected, found);
        }
        for region in FIXED {
            let slab = self.arena.slab(region);
            for word in [&slab.fresh, &slab.free] {
                self.same(format!("{region:?} records handed out"), 0, word.peek());
            }
        }
    }
}
