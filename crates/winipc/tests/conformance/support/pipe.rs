//! Named pipes as the tests use them: ends, plain reads and writes, and overlapped requests that own their memory.

use super::*;

/// A name of the form `\\.\pipe\...` that no other test uses.
pub(crate) fn pipe_name() -> Name {
    Name::new(&format!(r"\\.\pipe\{}", unique_text()))
}

pub(crate) const BYTE: u32 = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE;
pub(crate) const MESSAGE: u32 = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE;
pub(crate) const DUPLEX: u32 = PIPE_ACCESS_DUPLEX;
pub(crate) const OVERLAPPED_DUPLEX: u32 = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED;
pub(crate) const QUOTA: u32 = 4096;

/// Creates an instance: any number of instances, 4096 bytes of quota each way.
pub(crate) fn server(name: &Name, open_mode: u32, pipe_mode: u32) -> Handle {
    server_with(name, open_mode, pipe_mode, PIPE_UNLIMITED_INSTANCES, QUOTA, QUOTA)
}

pub(crate) fn server_with(
    name: &Name,
    open_mode: u32,
    pipe_mode: u32,
    instances: u32,
    out_quota: u32,
    in_quota: u32,
) -> Handle {
    let handle =
        ok!(CreateNamedPipeW(name.ptr(), open_mode, pipe_mode, instances, out_quota, in_quota, 1000, null()));
    Handle::own(handle)
}

pub(crate) fn try_client(name: &Name, access: u32, flags: u32) -> (HANDLE, u32) {
    call!(CreateFileW(name.ptr(), access, 0, null(), OPEN_EXISTING, flags, null_mut()))
}

/// Asserts that opening the client end fails with `code`.
pub(crate) fn client_fails(name: &Name, access: u32, code: u32) {
    assert_eq!(try_client(name, access, 0), (INVALID_HANDLE_VALUE, code));
}

pub(crate) fn client(name: &Name, access: u32, flags: u32) -> Handle {
    let (handle, error) = try_client(name, access, flags);
    assert_ne!(handle, INVALID_HANDLE_VALUE, "CreateFileW({}) fails {error}", name.text());
    Handle::own(handle)
}

pub(crate) const READ_WRITE: u32 = GENERIC_READ | GENERIC_WRITE;

/// A connected pair; the client is in message-read mode when the server is.
pub(crate) fn pair(open_mode: u32, pipe_mode: u32) -> (Handle, Handle) {
    pair_with(open_mode, pipe_mode, QUOTA, QUOTA)
}

/// As [`pair`], with quotas from server to client and from client to server.
pub(crate) fn pair_with(open_mode: u32, pipe_mode: u32, out_quota: u32, in_quota: u32) -> (Handle, Handle) {
    let name = pipe_name();
    let server = server_with(&name, open_mode, pipe_mode, 1, out_quota, in_quota);
    let access = match open_mode & 3 {
        PIPE_ACCESS_INBOUND => GENERIC_WRITE,
        PIPE_ACCESS_OUTBOUND => GENERIC_READ | FILE_WRITE_ATTRIBUTES,
        _ => READ_WRITE,
    };
    let client = client(&name, access, open_mode & FILE_FLAG_OVERLAPPED);
    if pipe_mode & PIPE_READMODE_MESSAGE != 0 && open_mode & PIPE_ACCESS_OUTBOUND != 0 {
        set_mode(&client, PIPE_READMODE_MESSAGE);
    }
    (server, client)
}

pub(crate) fn set_mode(pipe: &Handle, mode: u32) {
    ok!(SetNamedPipeHandleState(pipe.raw(), &mode, null(), null()));
}

/// Outcome of a read: value, last error, the bytes counted.
pub(crate) fn read(pipe: &Handle, size: usize) -> (i32, u32, Vec<u8>) {
    let mut buffer = vec![0xEE; size];
    let mut count = 0xEEEE;
    let (value, error) =
        call!(ReadFile(pipe.raw(), buffer.as_mut_ptr(), size as u32, &mut count, null_mut()));
    assert!(count as usize <= size, "read count {count} of {size}");
    assert!(buffer[count as usize..].iter().all(|&byte| byte == 0xEE), "read writes past its count");
    buffer.truncate(count as usize);
    (value, error, buffer)
}

/// Reads and asserts success with exactly these bytes; `size` is the size asked for.
pub(crate) fn expect_read(pipe: &Handle, size: usize, bytes: &[u8]) {
    let (value, error, got) = read(pipe, size);
    assert_eq!((value, got.as_slice()), (TRUE, bytes), "last error {error}");
}

/// Reads and asserts that it fails with `code` and counts nothing.
pub(crate) fn read_fails(pipe: &Handle, code: u32) {
    assert_eq!(read(pipe, 16), (FALSE, code, Vec::new()));
}

/// Outcome of a write: value, last error, count.
pub(crate) fn write(pipe: &Handle, bytes: &[u8]) -> (i32, u32, u32) {
    let mut count = 0xEEEE;
    let (value, error) =
        call!(WriteFile(pipe.raw(), bytes.as_ptr(), bytes.len() as u32, &mut count, null_mut()));
    (value, error, count)
}

pub(crate) fn expect_write(pipe: &Handle, bytes: &[u8]) {
    let (value, error, count) = write(pipe, bytes);
    assert_eq!((value, count as usize), (TRUE, bytes.len()), "last error {error}");
}

pub(crate) fn write_fails(pipe: &Handle, code: u32) {
    assert_eq!(write(pipe, b"x"), (FALSE, code, 0));
}

/// Unread bytes, and the unread rest of the first message.
pub(crate) fn unread(pipe: &Handle) -> (u32, u32) {
    let (mut available, mut left) = (0xEEEE, 0xEEEE);
    ok!(PeekNamedPipe(pipe.raw(), null_mut(), 0, null_mut(), &mut available, &mut left));
    (available, left)
}

/// Asserts that the peek fails with `code` and touches none of its outputs.
pub(crate) fn peek_fails(pipe: &Handle, code: u32) {
    let mut buffer = [0xEEu8; 4];
    let (mut count, mut available, mut left) = (7, 8, 9);
    fails!(
        PeekNamedPipe(pipe.raw(), buffer.as_mut_ptr().cast(), 4, &mut count, &mut available, &mut left),
        code
    );
    assert_eq!((buffer, count, available, left), ([0xEE; 4], 7, 8, 9), "outputs of the failed peek");
}

/// An overlapped request with an event, a buffer and a status block of its own.
pub(crate) struct Request {
    file: HANDLE,
    pub(crate) event: Handle,
    block: Box<OVERLAPPED>,
    buffer: Vec<u8>,
    /// What the starting call returned, its last error and its byte count.
    pub(crate) started: (i32, u32, u32),
}

// SAFETY: the block and the buffer are owned and stay where they are; handles belong to the process.
unsafe impl Send for Request {}
// SAFETY: shared access reads the status by volatile loads; the buffer is read after completion only.
unsafe impl Sync for Request {}

impl Request {
    /// An untouched block: Internal and InternalHigh hold marks, the event is set.
    pub(crate) fn new(file: &Handle, buffer: Vec<u8>) -> Self {
        let event = event(true, true);
        let mut block = Box::<OVERLAPPED>::default();
        block.Internal = 0x7777;
        block.InternalHigh = 0x8888;
        block.hEvent = event.raw();
        Self { file: file.raw(), event, block, buffer, started: (TRUE, 0, 0) }
    }

    /// Without an event of its own.
    pub(crate) fn without_event(file: &Handle, buffer: Vec<u8>) -> Self {
        let mut request = Self::new(file, buffer);
        request.block.hEvent = null_mut();
        request
    }

    pub(crate) fn read(file: &Handle, size: usize) -> Self {
        Self::new(file, vec![0xEE; size]).start_read()
    }

    pub(crate) fn write(file: &Handle, bytes: &[u8]) -> Self {
        Self::new(file, bytes.to_vec()).start_write()
    }

    pub(crate) fn connect(file: &Handle) -> Self {
        Self::new(file, Vec::new()).start_connect()
    }

    pub(crate) fn start_read(mut self) -> Self {
        let (buffer, size) = (self.buffer.as_mut_ptr(), self.buffer.len() as u32);
        let mut count = 0xEEEE;
        let (value, error) = call!(ReadFile(self.file, buffer, size, &mut count, &mut *self.block));
        self.started = (value, error, count);
        self
    }

    pub(crate) fn start_write(mut self) -> Self {
        let (buffer, size) = (self.buffer.as_ptr(), self.buffer.len() as u32);
        let mut count = 0xEEEE;
        let (value, error) = call!(WriteFile(self.file, buffer, size, &mut count, &mut *self.block));
        self.started = (value, error, count);
        self
    }

    pub(crate) fn start_connect(mut self) -> Self {
        let (value, error) = call!(ConnectNamedPipe(self.file, &mut *self.block));
        self.started = (value, error, 0);
        self
    }

    /// TransactNamedPipe with a reply buffer of `size` bytes.
    pub(crate) fn transact(file: &Handle, request: &[u8], size: usize) -> Self {
        let mut this = Self::new(file, vec![0xEE; size]);
        let mut count = 0xEEEE;
        let (value, error) = call!(TransactNamedPipe(
            this.file,
            request.as_ptr().cast(),
            request.len() as u32,
            this.buffer.as_mut_ptr().cast(),
            size as u32,
            &mut count,
            &mut *this.block
        ));
        this.started = (value, error, count);
        this
    }

    /// Asserts that the starting call left the request pending.
    #[track_caller]
    pub(crate) fn pending(self) -> Self {
        assert_eq!((self.started.0, self.started.1), (FALSE, ERROR_IO_PENDING), "the call is not pending");
        self
    }

    pub(crate) fn block(&mut self) -> *mut OVERLAPPED {
        &mut *self.block
    }

    /// Internal and InternalHigh as they are now.
    pub(crate) fn status(&self) -> (usize, usize) {
        // SAFETY: both are fields of a live block; volatile, because completion may write them meanwhile.
        unsafe {
            (
                (&raw const self.block.Internal).read_volatile(),
                (&raw const self.block.InternalHigh).read_volatile(),
            )
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.status().0 == STATUS_PENDING as usize
    }

    /// The result without waiting: value, last error, count (marked 0xEEEE where it is not written).
    pub(crate) fn result(&self) -> (i32, u32, u32) {
        let mut count = 0xEEEE;
        let (value, error) = call!(GetOverlappedResult(self.file, &*self.block, &mut count, FALSE));
        (value, error, count)
    }

    /// Waits for the event and returns the result.
    #[track_caller]
    pub(crate) fn finish(&self) -> (i32, u32, u32) {
        assert_eq!(wait(&self.event, SOON), WAIT_OBJECT_0, "the request does not complete");
        self.result()
    }

    /// Waits for success and returns the bytes read.
    #[track_caller]
    pub(crate) fn finish_read(&self) -> &[u8] {
        let (value, error, count) = self.finish();
        assert_eq!(value, TRUE, "the read fails {error}");
        &self.buffer[..count as usize]
    }

    /// Waits and asserts failure with `code`; no bytes are counted.
    #[track_caller]
    pub(crate) fn finish_fails(&self, code: u32) {
        assert_eq!(self.finish(), (FALSE, code, 0));
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // The memory must outlive the request: whatever still hangs when a test fails is cancelled first.
        if self.started.1 == ERROR_IO_PENDING && self.is_pending() {
            call!(CancelIoEx(self.file, &*self.block));
            let start = std::time::Instant::now();
            while self.is_pending() && start.elapsed().as_secs() < 10 {
                std::thread::yield_now();
            }
            if self.is_pending() {
                std::mem::forget(std::mem::take(&mut self.block));
                std::mem::forget(std::mem::take(&mut self.buffer));
            }
        }
    }
}

/// A listening, then connected, closing or disconnected server, with a name to reach it by.
pub(crate) fn listening(open_mode: u32, pipe_mode: u32) -> (Name, Handle) {
    let name = pipe_name();
    let server = server(&name, open_mode, pipe_mode);
    (name, server)
}

/// A server whose client is gone; `data` is what the client left unread.
pub(crate) fn closing(pipe_mode: u32, data: &[u8]) -> Handle {
    let (server, client) = pair(DUPLEX, pipe_mode);
    if !data.is_empty() {
        expect_write(&client, data);
    }
    client.close();
    server
}

pub(crate) fn disconnected(pipe_mode: u32) -> (Handle, Handle) {
    let (server, client) = pair(DUPLEX, pipe_mode);
    quiet!(DisconnectNamedPipe(server.raw()));
    (server, client)
}
