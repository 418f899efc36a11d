//! Frames in a stream of bytes: the length in four bytes, the lowest first, and then the frame.

use std::io::{self, ErrorKind, Read};

use crate::transport::FRAME_LIMIT;

/// What goes before a frame.
pub(crate) fn prefix(frame: &[u8]) -> [u8; 4] {
    u32::try_from(frame.len()).expect("frames are short").to_le_bytes()
}

/// Reads a frame after its prefix into `frame`.
///
/// # Errors
/// `InvalidData` for one above the limit, `UnexpectedEof` where the input ends, those of the input.
pub(crate) fn read_frame(input: &mut impl Read, frame: &mut Vec<u8>) -> io::Result<()> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_LIMIT {
        let text = format!("received a message of {length} bytes, above {FRAME_LIMIT}");
        return Err(io::Error::new(ErrorKind::InvalidData, text));
    }
    frame.clear();
    // Memory for what comes, not for what was announced.
    let received = input.take(length as u64).read_to_end(frame)?;
    if received < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}
