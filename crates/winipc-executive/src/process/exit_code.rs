//! What the word `exit_code` of a process's record holds: the code that the process has said it ends with, whether it
//! has, and the generation of the record. So who is late with a code changes nothing of the next process.

use crate::records::Process;

/// Set where a code has been said, which is below.
const SAID: u64 = 1 << u32::BITS;
const GENERATION_SHIFT: u32 = u32::BITS + 1;

/// The word of a process that has not said how it ends.
pub(super) fn unsaid(generation: u32) -> u64 {
    u64::from(generation) << GENERATION_SHIFT
}

/// The word that held `before`, with a code.
pub(super) fn with_code(before: u64, code: u32) -> u64 {
    before & !u64::from(u32::MAX) | SAID | u64::from(code)
}

fn code_in(word: u64) -> Option<u32> {
    (word & SAID != 0).then_some(word as u32)
}

/// The code with which a process has said that it ends.
pub(super) fn of(process: &Process) -> Option<u32> {
    code_in(process.exit_code.load())
}

/// The exit code of a process that is dead. One that did not say how it ends was killed.
pub(super) fn of_dead(process: &Process) -> u32 {
    of(process).unwrap_or(1)
}

/// Says the code that a process ends with.
pub(super) fn say(process: &Process, code: u32) {
    let word = &process.exit_code;
    word.store(with_code(word.load(), code));
}

/// As [`say`], unless a code has been said.
pub(super) fn say_if_unsaid(process: &Process, code: u32) {
    let word = &process.exit_code;
    let before = word.load();
    if code_in(before).is_none() {
        let _ = word.compare_exchange(before, with_code(before, code));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_leaves_the_generation() {
        for generation in [0, 1, 7, u32::MAX] {
            let word = unsaid(generation);
            assert_eq!(code_in(word), None);
            for code in [0, 1, 259, u32::MAX] {
                let said = with_code(with_code(word, 5), code);
                assert_eq!((code_in(said), said >> GENERATION_SHIFT), (Some(code), word >> GENERATION_SHIFT));
            }
        }
    }
}
