//! What is done to the mailslots.

/// One step. A name is one of a few; an end is a number that is made one of those open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Create { name: u8, maximum: u32 },
    Open { name: u8 },
    OpenDatagram { name: u8 },
    Write { end: u8, length: usize },
    Read { end: u8, room: usize },
    Cancel { end: u8, only: Option<u8> },
    SetTimeout { end: u8, forever: bool },
    Look { end: u8 },
    Close { end: u8 },
}

/// Names that slots can have.
const NAMES: u8 = 2;

impl Step {
    /// A step for each three numbers.
    pub(crate) fn decode([what, end, number]: [u8; 3]) -> Self {
        let size = usize::from(number);
        // Mostly small, sometimes more than a block or a datagram holds.
        let size = if size < 0xE0 { size % 24 } else { (size - 0xDF) * 60 };
        let name = end % NAMES;
        match what % 64 {
            0..=21 => Step::Write { end, length: size },
            22..=41 => Step::Read { end, room: size },
            42..=44 => Step::Cancel { end, only: (number & 1 != 0).then_some(number >> 1) },
            45..=48 => Step::Create { name, maximum: if number & 1 == 0 { 0 } else { size as u32 } },
            49..=52 => Step::Open { name },
            53 | 54 => Step::OpenDatagram { name },
            55..=57 => Step::SetTimeout { end, forever: number & 3 != 0 },
            58 | 59 => Step::Close { end },
            _ => Step::Look { end },
        }
    }
}
