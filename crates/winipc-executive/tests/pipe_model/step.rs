//! What is done to the pipes.

/// One step. An end is a number that is made one of those open.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Write {
        end: u8,
        length: usize,
    },
    Read {
        end: u8,
        room: usize,
    },
    Peek {
        end: u8,
        room: usize,
    },
    Transact {
        end: u8,
        length: usize,
        room: usize,
    },
    Flush {
        end: u8,
    },
    /// Everything on the end, or with a number one request.
    Cancel {
        end: u8,
        only: Option<u8>,
    },
    Create {
        flags: u8,
    },
    Open,
    Listen {
        end: u8,
    },
    Disconnect {
        end: u8,
    },
    Close {
        end: u8,
    },
    SetMode {
        end: u8,
        flags: u8,
    },
    Look {
        end: u8,
    },
}

impl Step {
    /// A step for each three numbers.
    pub(crate) fn decode([what, end, number]: [u8; 3]) -> Self {
        let size = usize::from(number);
        // Mostly small, sometimes more than a block holds.
        let size = if size < 0xF0 { size % 24 } else { (size - 0xEF) * 600 };
        match what % 64 {
            0..=17 => Step::Write { end, length: size },
            18..=35 => Step::Read { end, room: size },
            36..=38 => Step::Peek { end, room: size },
            39..=41 => Step::Transact { end, length: size, room: usize::from(what >> 3) },
            42 | 43 => Step::Flush { end },
            44 | 45 => Step::Cancel { end, only: (number & 1 != 0).then_some(number >> 1) },
            46 | 47 => Step::Create { flags: number },
            48..=51 => Step::Open,
            52..=55 => Step::Listen { end },
            56 | 57 => Step::Disconnect { end },
            58 => Step::Close { end },
            59..=61 => Step::SetMode { end, flags: number },
            _ => Step::Look { end },
        }
    }
}
