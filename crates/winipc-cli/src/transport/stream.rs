//! Links over a stream of bytes.

use std::io::{BufReader, ErrorKind, Read, Write};

use super::framing::{prefix, read_frame};
use super::{FrameReceiver, FrameSender};
use crate::error::{Error, Result};

pub(super) struct StreamSender<W>(pub(super) W);

impl<W: Write + Send> FrameSender for StreamSender<W> {
    fn send(&mut self, frame: &[u8]) -> Result<()> {
        let bytes = [&prefix(frame), frame].concat();
        self.0.write_all(&bytes).map_err(|error| Error::because("cannot write to the peer", error))
    }
}

pub(super) struct StreamReceiver<R>(BufReader<R>);

impl<R: Read> StreamReceiver<R> {
    pub(super) fn new(stream: R) -> Self {
        Self(BufReader::new(stream))
    }
}

impl<R: Read + Send> FrameReceiver for StreamReceiver<R> {
    fn receive(&mut self, frame: &mut Vec<u8>) -> Result<bool> {
        match read_frame(&mut self.0, frame) {
            Ok(()) => Ok(true),
            // It may have died while it wrote; if it dies with something unread, that resets a connection.
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
