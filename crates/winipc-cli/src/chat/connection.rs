//! The writing half of a link with a queue before it, so that nobody who has something to send waits for a slow peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::protocol::Frame;
use crate::transport::FrameSender;

struct Item {
    bytes: Arc<[u8]>,
    /// Dropped when the frame is in the peer's pipe, or never will be.
    _delivery: Option<Arc<dyn Send + Sync>>,
}

/// A queue whose frames a thread writes to a link. After drop the thread writes what is queued, and ends.
pub(crate) struct Queue {
    items: Sender<Item>,
    queued: u64,
    written: Arc<AtomicU64>,
    /// `written` when [`Self::is_stuck`] last looked.
    written_before: u64,
}

impl Queue {
    /// # Errors
    /// No thread can be started.
    pub(crate) fn start(mut sender: Box<dyn FrameSender>) -> std::io::Result<Self> {
        let (items, queue) = channel::<Item>();
        let written = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&written);
        thread::Builder::new().name("link writer".into()).spawn(move || {
            for item in queue {
                // The reader of the same link reports that the peer is gone.
                if sender.send(&item.bytes).is_err() {
                    break;
                }
                counter.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(Self { items, queued: 0, written, written_before: 0 })
    }

    pub(crate) fn send(&mut self, frame: &Frame) {
        self.send_encoded(frame.encode().into(), None);
    }

    pub(crate) fn send_encoded(&mut self, bytes: Arc<[u8]>, delivery: Option<Arc<dyn Send + Sync>>) {
        self.queued += 1;
        // If the thread has ended the peer is gone, which its reader reports.
        let _ = self.items.send(Item { bytes, _delivery: delivery });
    }

    /// Whether frames are waiting.
    pub(crate) fn has_waiting(&self) -> bool {
        self.written.load(Ordering::Relaxed) < self.queued
    }

    /// Whether frames are waiting and none has gone out since this was last asked.
    pub(crate) fn is_stuck(&mut self) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        let is_stuck = written < self.queued && written == self.written_before;
        self.written_before = written;
        is_stuck
    }
}
