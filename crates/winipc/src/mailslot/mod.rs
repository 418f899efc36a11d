//! Mailslots.

mod client;
mod server;

pub use client::MailslotClient;
pub use server::{Mailslot, MailslotInfo, MailslotOptions};
