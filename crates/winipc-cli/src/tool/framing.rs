//! Messages in a stream of bytes.

use std::io::{self, BufRead, Read, Write};

/// How messages are told apart on standard input and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Framing {
    /// Not at all: it is a stream of bytes.
    #[value(skip)]
    None,
    /// A line is a message
    Lines,
    /// A message ends with a NUL character
    Nul,
    /// Before each message its length, as 4 bytes, the lowest first: for any bytes
    Length,
}

/// What is read at once where there are no messages.
const CHUNK: usize = 65_536;

impl Framing {
    /// Puts the next message, or some bytes, into `message`. False: there are no more.
    ///
    /// # Errors
    /// Those of `input`; it ends in the middle of a message.
    pub(super) fn read(self, input: &mut impl BufRead, message: &mut Vec<u8>) -> io::Result<bool> {
        message.clear();
        match self {
            Framing::None => {
                message.resize(CHUNK, 0);
                // `Interrupted` is no failure.
                let length = loop {
                    match input.read(message) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        result => break result?,
                    }
                };
                message.truncate(length);
                Ok(length > 0)
            }
            Framing::Lines => until(input, b'\n', message),
            Framing::Nul => until(input, 0, message),
            Framing::Length => {
                if input.fill_buf()?.is_empty() {
                    return Ok(false);
                }
                let mut length = [0; 4];
                input.read_exact(&mut length)?;
                let length = u64::from(u32::from_le_bytes(length));
                // Grows with what comes, not with what is promised.
                if (input.take(length).read_to_end(message)? as u64) < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(true)
            }
        }
    }

    /// # Errors
    /// Those of `output`; the message is too long for the framing.
    pub(super) fn write(self, output: &mut impl Write, message: &[u8]) -> io::Result<()> {
        if self == Framing::Length {
            let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
            output.write_all(&length.to_le_bytes())?;
        }
        output.write_all(message)?;
        match self {
            Framing::Lines => output.write_all(b"\n")?,
            Framing::Nul => output.write_all(&[0])?,
            Framing::None | Framing::Length => {}
        }
        output.flush()
    }
}

fn until(input: &mut impl BufRead, end: u8, message: &mut Vec<u8>) -> io::Result<bool> {
    if input.read_until(end, message)? == 0 {
        return Ok(false);
    }
    message.pop_if(|last| *last == end);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(framing: Framing, mut input: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let (mut messages, mut message) = (Vec::new(), Vec::new());
        while framing.read(&mut input, &mut message)? {
            messages.push(message.clone());
        }
        Ok(messages)
    }

    #[test]
    fn what_was_framed_comes_out_again() {
        let every_byte: Vec<u8> = (0..=255).collect();
        let text: &[&[u8]] = &[b"one", b"", b"three \xFF"];
        let binary: &[&[u8]] = &[&every_byte, b"", b"\n\0"];
        for (framing, messages) in
            [(Framing::Lines, text), (Framing::Nul, text), (Framing::Length, text), (Framing::Length, binary)]
        {
            let mut bytes = Vec::new();
            messages.iter().try_for_each(|message| framing.write(&mut bytes, message)).unwrap();
            assert_eq!(read_all(framing, &bytes).unwrap(), messages, "{framing:?}");
        }
    }

    #[test]
    fn the_end_of_the_input() {
        assert_eq!(read_all(Framing::Lines, b"one\ntwo").unwrap(), [b"one", b"two"]);
        assert_eq!(read_all(Framing::None, b"one\ntwo\n").unwrap(), [b"one\ntwo\n"]);
        for cut_off in [&b"\x01"[..], b"\x04\0\0\0abc"] {
            let error = read_all(Framing::Length, cut_off).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
