//! Numbers that the processes of a lab share: a section, in which each has its place. Nothing guards them; that is what
//! the labs are about.

use winipc::section::WritableView;

use super::failed;
use super::role::memory;
use crate::error::Result;

pub(super) struct Board(WritableView);

/// Where a number lies in the section.
fn offset(place: usize) -> usize {
    place * size_of::<i64>()
}

impl Board {
    /// The board of a run, which [`Scene::board`](super::play::Scene::board) makes.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn open(tag: &str) -> Result<Self> {
        memory(tag, "board").map(Self)
    }

    /// # Errors
    /// There is no such place.
    pub(super) fn read(&self, place: usize) -> Result<i64> {
        self.0.load(offset(place)).map_err(failed)
    }

    /// # Errors
    /// There is no such place.
    pub(super) fn write(&self, place: usize, number: i64) -> Result<()> {
        self.0.store(offset(place), &number).map_err(failed)
    }

    /// Adds to a number and returns the sum. Others may come in between.
    ///
    /// # Errors
    /// There is no such place.
    pub(super) fn add(&self, place: usize, number: i64) -> Result<i64> {
        let sum = self.read(place)? + number;
        self.write(place, sum)?;
        Ok(sum)
    }
}
