//! What a request does, with the buffers that it owns meanwhile.

use crate::{Received, Result};

/// What a request does: [`Connect`], [`Read`], [`Write`] or [`Transact`].
pub trait Operation: sealed::Sealed + Default + Send + 'static {
    /// What the request gives when it is complete.
    type Output;

    /// Takes note that the first `bytes` bytes of the buffer that the request fills have been written. The buffer's
    /// memory stays where it is when the value moves.
    ///
    /// # Safety
    ///
    /// They have.
    #[doc(hidden)]
    unsafe fn set_filled(&mut self, bytes: usize);

    #[doc(hidden)]
    fn output(self, outcome: Result<Received>) -> Self::Output;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Connect {}
    impl Sealed for super::Read {}
    impl Sealed for super::Write {}
    impl Sealed for super::Transact {}
}

/// Waiting for a client ([`PipeServer::connect_overlapped`](crate::PipeServer::connect_overlapped)). Gives a
/// `Result<()>`.
#[derive(Debug, Default)]
pub struct Connect(());

impl Operation for Connect {
    type Output = Result<()>;

    unsafe fn set_filled(&mut self, _: usize) {}

    fn output(self, outcome: Result<Received>) -> Result<()> {
        outcome.map(|_| ())
    }
}

/// A read ([`PipeEnd::read_overlapped`](crate::PipeEnd::read_overlapped)). Gives a `Result<Received>` and the buffer
/// with what was read.
#[derive(Debug, Default)]
pub struct Read {
    pub(crate) buffer: Vec<u8>,
}

impl Operation for Read {
    type Output = (Result<Received>, Vec<u8>);

    unsafe fn set_filled(&mut self, bytes: usize) {
        // SAFETY: the caller says that so many bytes have been written.
        unsafe { self.buffer.set_len(bytes) };
    }

    fn output(self, outcome: Result<Received>) -> Self::Output {
        (outcome, self.buffer)
    }
}

/// A write ([`PipeEnd::write_overlapped`](crate::PipeEnd::write_overlapped)). Gives the number of bytes written as a
/// `Result<usize>`, and the data.
#[derive(Debug, Default)]
pub struct Write {
    pub(crate) data: Vec<u8>,
}

impl Operation for Write {
    type Output = (Result<usize>, Vec<u8>);

    unsafe fn set_filled(&mut self, _: usize) {}

    fn output(self, outcome: Result<Received>) -> Self::Output {
        (outcome.map(|written| written.bytes), self.data)
    }
}

/// A transaction ([`PipeEnd::transact_overlapped`](crate::PipeEnd::transact_overlapped)). Gives a `Result<Received>`,
/// the message and the buffer with the reply.
#[derive(Debug, Default)]
pub struct Transact {
    pub(crate) message: Vec<u8>,
    pub(crate) reply: Vec<u8>,
}

impl Operation for Transact {
    type Output = (Result<Received>, Vec<u8>, Vec<u8>);

    unsafe fn set_filled(&mut self, bytes: usize) {
        // SAFETY: the caller says that so many bytes have been written.
        unsafe { self.reply.set_len(bytes) };
    }

    fn output(self, outcome: Result<Received>) -> Self::Output {
        (outcome, self.message, self.reply)
    }
}
