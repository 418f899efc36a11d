//! The memory of spans: whole pages of the arena that the views of small sections are mapped of.
//!
//! They lie behind all records, as many bytes for each [`Span`]. Unlike a record's, the memory of a span is of no form:
//! nothing in the executive reads it.

use std::os::fd::BorrowedFd;

use super::layout::{EXTENTS, Region, SPAN_SIZE, SPANS};
use super::place::Place;
use super::{Arena, Ref};
use crate::records::Span;
use crate::status::{Result, Status};

/// Offset of a span's memory in the arena.
fn offset_of(span: Ref<Span>) -> Result<usize> {
    let index = span.index() as usize;
    if span.is_none() || index >= EXTENTS[Region::Span as usize].capacity {
        return Err(Status::ARENA_CORRUPT);
    }
    Ok(SPANS + index * SPAN_SIZE)
}

impl Arena {
    /// Whether views can be mapped of the arena: all but those of tests have a file.
    pub(crate) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Maps something of the arena's file, as views of spans are.
    ///
    /// # Errors
    /// Of `map`. [`Status::ARENA_UNAVAILABLE`]: the program has closed the descriptor, and the file cannot be opened again.
    pub(crate) fn map_file<T>(
        &self,
        place: &Place,
        mut map: impl FnMut(BorrowedFd<'_>) -> Result<T>,
    ) -> Result<T> {
        let file = self.file.as_ref().ok_or(Status::ARENA_UNAVAILABLE)?;
        if let Some(Ok(mapped)) = file.get_known().map(&mut map) {
            return Ok(mapped);
        }
        map(file.get(|| place.open_arena()).map_err(|_| Status::ARENA_UNAVAILABLE)?)
    }

    /// Closes the file: a forked child has another one when it joins.
    pub(crate) fn abandon_file(&self) {
        if let Some(file) = &self.file {
            file.abandon();
        }
    }

    /// Offset of a span's memory in the arena's file.
    ///
    /// # Errors
    /// [`Status::ARENA_CORRUPT`]: there is no such span.
    pub(crate) fn span_offset(&self, span: Ref<Span>) -> Result<u64> {
        offset_of(span).map(|offset| offset as u64)
    }

    /// Makes the first `length` bytes of a span exist, and all of them 0. The caller has taken the span and told nobody.
    ///
    /// # Errors
    /// [`Status::NO_MEMORY`]: the file system is full. [`Status::ARENA_CORRUPT`]: a span has no such length.
    pub(crate) fn clear_span(&self, span: Ref<Span>, length: usize) -> Result<()> {
        let offset = offset_of(span)?;
        let record = self.get(span)?;
        if length > SPAN_SIZE {
            return Err(Status::ARENA_CORRUPT);
        }
        let populated = (record.populated.load() as usize).min(SPAN_SIZE);
        if populated < length {
            self.populate(offset, length)?;
            record.populated.store(length as u32);
        }
        super::crash::point();
        // SAFETY: the range lies in the mapping, behind everything that the executive has references to. Whoever else has
        // it mapped has it as raw memory.
        unsafe { core::ptr::write_bytes(self.base.add(offset), 0, length) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_a_span_is_not_there_for_the_next() {
        let arena = Arena::in_memory();
        let span = Ref::from_index(1);
        let offset = offset_of(span).unwrap();
        let bytes = |length| {
            // SAFETY: memory of the span, which exists and nobody else uses.
            unsafe { core::slice::from_raw_parts_mut(arena.base.add(offset), length) }
        };
        arena.clear_span(span, 100).unwrap();
        bytes(100).fill(0xFF);
        arena.clear_span(span, SPAN_SIZE).unwrap();
        assert!(bytes(SPAN_SIZE).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn noise_leads_to_no_memory() {
        let arena = Arena::in_memory();
        for index in [0, EXTENTS[Region::Span as usize].capacity as u32, u32::MAX] {
            assert_eq!(arena.span_offset(Ref::from_index(index)), Err(Status::ARENA_CORRUPT));
            assert_eq!(arena.clear_span(Ref::from_index(index), 1), Err(Status::ARENA_CORRUPT));
        }
        assert_eq!(arena.clear_span(Ref::from_index(1), SPAN_SIZE + 1), Err(Status::ARENA_CORRUPT));
    }
}
