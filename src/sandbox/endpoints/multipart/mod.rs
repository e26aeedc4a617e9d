//! Documents whose attachments follow them in the same request or answer, as replication sends them.

mod read;
mod write;

pub(super) use read::document;
pub(super) use write::{Following, mixed, related};
