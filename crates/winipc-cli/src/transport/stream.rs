//! Frames over a stream of bytes: the length in four bytes, the lowest first, and then the frame.

use std::io::{BufReader, ErrorKind, Read, Write};

use super::{FRAME_LIMIT, FrameReceiver, FrameSender};
use crate::error::{Error, Result};

pub(super) struct StreamSender<W>(pub(super) W);

impl<W: Write + Send> FrameSender for StreamSender<W> {
    fn send(&mut self, frame: &[u8]) -> Result<()> {
        let length = u32::try_from(frame.len()).expect("frames are short");
        let bytes = [&length.to_le_bytes(), frame].concat();
        self.0.write_all(&bytes).map_err(|error| Error::because("cannot write to the peer", error))
    }
}

pub(super) struct StreamReceiver<R>(BufReader<R>);

impl<R: Read> StreamReceiver<R> {
    pub(super) fn new(stream: R) -> Self {
        Self(BufReader::new(stream))
    }

    /// # Errors
    /// Also where the stream ends: in the midst of a frame the peer has died while it wrote.
    fn read(&mut self, frame: &mut Vec<u8>) -> std::io::Result<()> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > FRAME_LIMIT {
            let text = format!("received a message of {length} bytes, above {FRAME_LIMIT}");
            return Err(std::io::Error::new(ErrorKind::InvalidData, text));
        }
        frame.clear();
        // Memory for what comes, not for what was announced.
        let received = (&mut self.0).take(length as u64).read_to_end(frame)?;
        if received < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl<R: Read + Send> FrameReceiver for StreamReceiver<R> {
    fn receive(&mut self, frame: &mut Vec<u8>) -> Result<bool> {
        match self.read(frame) {
            Ok(()) => Ok(true),
            // A peer that dies with something unread resets a connection.
            Err(error) if [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()) => {
                Ok(false)
            }
            Err(error) => Err(Error::because("cannot read from the peer", error)
                .advice("another program may use the room's name")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(mut bytes: &[u8]) -> Vec<std::result::Result<Vec<u8>, bool>> {
        let mut receiver = StreamReceiver::new(&mut bytes);
        let mut frames = Vec::new();
        loop {
            let mut frame = Vec::new();
            match receiver.receive(&mut frame) {
                Ok(true) => frames.push(Ok(frame)),
                Ok(false) => return frames,
                Err(_) => {
                    frames.push(Err(true));
                    return frames;
                }
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_no_frame() {
        let mut bytes = Vec::new();
        for frame in [&b"one"[..], b"", b"three"] {
            StreamSender(&mut bytes).send(frame).unwrap();
        }
        for length in 0..=bytes.len() {
            let frames: Vec<_> = received(&bytes[..length]).into_iter().map(|frame| frame.unwrap()).collect();
            let complete = [7, 11, 20].iter().filter(|end| **end <= length).count();
            assert_eq!(frames, [&b"one"[..], b"", b"three"][..complete], "of {length} bytes");
        }
    }

    #[test]
    fn too_long_a_frame_is_an_error() {
        assert_eq!(received(b"\x01\x00\x10\x00rest"), [Err(true)]);
        assert_eq!(received(b"GET / HTTP/1.1\r\n"), [Err(true)]);
    }
}
