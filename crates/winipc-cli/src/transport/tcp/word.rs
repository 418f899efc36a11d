//! What peers say over a connection, byte for byte. Everything here comes from strangers.

use std::io::{self, ErrorKind, Read};

use crate::transport::framing::read_frame;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Followed by the frame as in a [stream](crate::transport::framing).
    Frame(Vec<u8>),
    /// The frame has been received.
    Acknowledgement,
    /// Are you there?
    Ping,
    /// I am.
    Pong,
}

impl Word {
    pub(super) const FRAME: u8 = b'F';
    pub(super) const ACKNOWLEDGEMENT: u8 = b'A';
    pub(super) const PING: u8 = b'P';
    pub(super) const PONG: u8 = b'O';

    /// # Errors
    /// `InvalidData` for what is no word, `UnexpectedEof` where the input ends, and those of the input.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut word = [0];
        input.read_exact(&mut word)?;
        match word[0] {
            Self::FRAME => {
                let mut frame = Vec::new();
                read_frame(input, &mut frame)?;
                Ok(Self::Frame(frame))
            }
            Self::ACKNOWLEDGEMENT => Ok(Self::Acknowledgement),
            Self::PING => Ok(Self::Ping),
            Self::PONG => Ok(Self::Pong),
            _ => {
                let text = "received something that is no word of winipc chat";
                Err(io::Error::new(ErrorKind::InvalidData, text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_noise() {
        let mut input = &b"F\x02\x00\x00\x00hiAPOF\x00\x00\x00\x00"[..];
        let words = [
            Word::Frame(b"hi".to_vec()),
            Word::Acknowledgement,
            Word::Ping,
            Word::Pong,
            Word::Frame(Vec::new()),
        ];
        for word in words {
            assert_eq!(Word::read(&mut input).unwrap(), word);
        }
        for (noise, kind) in [
            (&b""[..], ErrorKind::UnexpectedEof),
            (b"F\x02\x00", ErrorKind::UnexpectedEof),
            (b"F\x02\x00\x00\x00h", ErrorKind::UnexpectedEof),
            (b"F\x01\x00\x10\x00x", ErrorKind::InvalidData),
            (b"GET / HTTP/1.1", ErrorKind::InvalidData),
        ] {
            assert_eq!(Word::read(&mut &*noise).unwrap_err().kind(), kind, "{noise:?}");
        }
    }
}
