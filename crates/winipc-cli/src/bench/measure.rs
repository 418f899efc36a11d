//! Rounds of ours and the peers in turn, and what the pairs say.

use std::time::Duration;

use super::contest::{Contestant, Pace};
use crate::error::Result;
use crate::statistics::median;

/// How long a comparison goes on.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// How long one contestant operates in one round, about.
    pub(crate) round: Duration,
    /// Operations in a cold round.
    pub(crate) cold_operations: u64,
}

impl Effort {
    pub(crate) const FULL: Self = Self { rounds: 31, round: Duration::from_millis(8), cold_operations: 30 };
    pub(crate) const QUICK: Self = Self { rounds: 7, round: Duration::from_millis(2), cold_operations: 10 };
}

/// What a comparison with one peer gave.
pub(crate) struct Comparison {
    /// Nanoseconds per operation.
    pub(crate) peer: f64,
    /// Our time divided by the peer's.
    pub(crate) ratio: f64,
}

struct Lane<'a> {
    contestant: &'a mut dyn Contestant,
    count: u64,
    /// Nanoseconds per operation, one for each round.
    times: Vec<f64>,
}

impl<'a> Lane<'a> {
    /// Finds out how many operations fill a round.
    fn new(contestant: &'a mut dyn Contestant, pace: Pace, effort: Effort) -> Result<Self> {
        let mut count = 1;
        if pace == Pace::Cold {
            count = effort.cold_operations;
            // The first operations fault pages in and open connections.
            contestant.time(1, pace)?;
        } else {
            loop {
                let time = contestant.time(count, pace)?;
                if time >= effort.round / 4 {
                    let scale = effort.round.as_secs_f64() / time.as_secs_f64();
                    count = ((count as f64 * scale) as u64).max(1);
                    break;
                }
                count *= 2;
            }
        }
        Ok(Self { contestant, count, times: Vec::new() })
    }

    fn run(&mut self, pace: Pace) -> Result<()> {
        let time = self.contestant.time(self.count, pace)?;
        self.times.push(time.as_nanos() as f64 / self.count as f64);
        Ok(())
    }
}

/// Lets everybody operate in turn. Returns our nanoseconds per operation, and the comparison with each peer: the median
/// of the ratios of the rounds, so that a change of the machine's speed between rounds does not matter.
///
/// # Errors
/// A contestant fails.
pub(crate) fn compare(
    ours: &mut dyn Contestant,
    peers: &mut [Box<dyn Contestant>],
    pace: Pace,
    effort: Effort,
) -> Result<(f64, Vec<Comparison>)> {
    let mut ours = Lane::new(ours, pace, effort)?;
    let mut lanes: Vec<_> =
        peers.iter_mut().map(|peer| Lane::new(peer.as_mut(), pace, effort)).collect::<Result<_>>()?;
    for _ in 0..effort.rounds {
        ours.run(pace)?;
        for lane in &mut lanes {
            lane.run(pace)?;
        }
    }
    let comparisons = lanes.iter_mut().map(|lane| {
        let mut ratios: Vec<_> = ours.times.iter().zip(&lane.times).map(|(ours, peer)| ours / peer).collect();
        Comparison { peer: middle(&mut lane.times), ratio: middle(&mut ratios) }
    });
    let comparisons = comparisons.collect();
    Ok((middle(&mut ours.times), comparisons))
}

fn middle(values: &mut [f64]) -> f64 {
    median(values).expect("there is at least one round")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what it is told, and tells how often it was asked.
    struct Fake(u64);

    impl Contestant for Fake {
        fn operate(&mut self, _: u64) -> Result<()> {
            unreachable!("time is replaced")
        }

        fn time(&mut self, count: u64, _: Pace) -> Result<Duration> {
            Ok(Duration::from_nanos(self.0 * count))
        }
    }

    #[test]
    fn ratios_are_ours_to_theirs() {
        let mut peers: Vec<Box<dyn Contestant>> = vec![Box::new(Fake(100)), Box::new(Fake(4))];
        for pace in [Pace::Hot, Pace::Cold] {
            let (ours, comparisons) = compare(&mut Fake(20), &mut peers, pace, Effort::QUICK).unwrap();
            assert_eq!(ours, 20.0);
            assert_eq!((comparisons[0].peer, comparisons[0].ratio), (100.0, 0.2));
            assert_eq!((comparisons[1].peer, comparisons[1].ratio), (4.0, 5.0));
        }
    }
}
