//! The lines that a member or server remembers, so that it can offer them to whoever missed them.

use std::collections::{HashMap, VecDeque};

use super::protocol::{Line, Seen, Stream};

/// The most recent lines, and the highest number ever seen of each stream.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    lines: VecDeque<Line>,
    bytes: usize,
    seen: Seen,
}

/// What [`Journal::record`] made of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Known,
    /// New; `missed` lines of the stream before it were never seen.
    New {
        missed: u64,
    },
}

impl Journal {
    // More than all authors together can have under way while a room changes hands: see `Member::may_type`.
    const LINE_COUNT_LIMIT: usize = 1024;
    const BYTE_LIMIT: usize = 4 * 1024 * 1024;

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Counts all these lines as seen, although they are not remembered.
    pub(crate) fn skip(&mut self, seen: &Seen) {
        self.seen.raise_all(seen);
    }

    pub(crate) fn record(&mut self, line: &Line) -> Record {
        if self.seen.contains(line) {
            return Record::Known;
        }
        let missed = self.seen.get(&line.stream).map_or(0, |number| line.number - number - 1);
        self.seen.raise(line.stream, line.number);
        self.bytes += line.text.len();
        self.lines.push_back(line.clone());
        while self.lines.len() > Self::LINE_COUNT_LIMIT || self.bytes > Self::BYTE_LIMIT {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
        }
        Record::New { missed }
    }

    /// The remembered lines that somebody who has seen `seen` has not, oldest first.
    pub(crate) fn lines_missing_in<'a>(&'a self, seen: &'a Seen) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(|line| !seen.contains(line))
    }

    /// What somebody who has seen `seen` has missed for good: of each stream, the highest number that is no longer
    /// remembered.
    pub(crate) fn forgotten_since(&self, seen: &Seen) -> Seen {
        let mut remembered: HashMap<Stream, u64> = HashMap::new();
        for line in self.lines_missing_in(seen) {
            // The oldest is the first.
            remembered.entry(line.stream).or_insert(line.number);
        }
        let mut forgotten = Seen::default();
        for (stream, last) in self.seen.iter() {
            let last = remembered.get(&stream).map_or(last, |first| first - 1);
            if last > seen.get(&stream).unwrap_or(0) {
                forgotten.raise(stream, last);
            }
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::MemberId;
    use super::*;

    fn line(author: u64, number: u64) -> Line {
        let stream = Stream { author: MemberId(author), recipient: None };
        Line { stream, number, at: 0, name: String::new(), text: "x".repeat(100) }
    }

    #[test]
    fn a_line_is_new_once_and_gaps_are_counted() {
        let mut journal = Journal::default();
        assert_eq!(journal.record(&line(1, 5)), Record::New { missed: 0 });
        assert_eq!(journal.record(&line(1, 5)), Record::Known);
        assert_eq!(journal.record(&line(1, 4)), Record::Known);
        assert_eq!(journal.record(&line(1, 9)), Record::New { missed: 3 });
        assert_eq!(journal.record(&line(2, 1)), Record::New { missed: 0 });
    }

    #[test]
    fn memory_is_bounded_and_offers_what_others_lack() {
        let mut journal = Journal::default();
        for number in 1..=2 * Journal::LINE_COUNT_LIMIT as u64 {
            journal.record(&line(1, number));
        }
        assert_eq!(journal.lines_missing_in(&Seen::default()).count(), Journal::LINE_COUNT_LIMIT);
        let mut seen = Seen::default();
        seen.raise(line(1, 0).stream, 2 * Journal::LINE_COUNT_LIMIT as u64 - 2);
        let numbers: Vec<_> = journal.lines_missing_in(&seen).map(|line| line.number).collect();
        assert_eq!(numbers, [2047, 2048]);
    }

    #[test]
    fn what_is_forgotten_is_known() {
        let mut journal = Journal::default();
        let lines = |author, count| (1..=count).map(move |number| line(author, number));
        lines(1, 10).chain(lines(2, 1020)).chain(lines(3, 1)).for_each(|line| _ = journal.record(&line));
        let mut seen = Seen::default();
        // 1 to 7 of the first author are forgotten.
        seen.raise(line(1, 0).stream, 2);
        seen.raise(line(2, 0).stream, 1000);
        let forgotten = |journal: &Journal, seen| {
            let mut forgotten: Vec<_> = Vec::from(journal.forgotten_since(seen));
            forgotten.sort_unstable();
            forgotten.iter().map(|(stream, number)| (stream.author.0, *number)).collect::<Vec<_>>()
        };
        assert_eq!(forgotten(&journal, &seen), [(1, 7)]);
        // Then all of it is, and some of the others'.
        lines(4, 1020).for_each(|line| _ = journal.record(&line));
        assert_eq!(forgotten(&journal, &seen), [(1, 10), (2, 1017)]);
        assert_eq!(forgotten(&journal, &journal.seen().clone()), []);
    }
}
