//! Request lines as people write them: `curl 'http://…/_view/by_status?key="pending"'`.
//!
//! CouchDB's HTTP server takes quotes and other marks in a URL as they are. Strictly they have to be
//! percent-encoded, and hyper refuses them; so they are encoded on their way to it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// What is encoded in a request's target.
const MARKS: &[u8] = b"\"<>\\^`{|}";

/// Bytes that are read at a time while a request line is expected.
const READ: usize = 4096;

/// Whether what comes next on a connection is the head of a request. Clients that send a further
/// request before they have the answer to the last one have to encode its target themselves.
#[derive(Debug, Clone)]
pub(super) struct AtHead(Arc<AtomicBool>);

impl AtHead {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Says whether it is.
    pub(super) fn set(&self, at_head: bool) {
        self.0.store(at_head, Ordering::Release);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A connection that requests are read from.
pub(super) struct Lenient<T> {
    connection: T,
    at_head: AtHead,
    /// Whether the method is over.
    in_target: bool,
    /// What has been read and encoded, and was not asked for yet.
    encoded: BytesMut,
}

impl<T> Lenient<T> {
    pub(super) fn new(connection: T, at_head: AtHead) -> Self {
        Self { connection, at_head, in_target: false, encoded: BytesMut::new() }
    }

    fn encode(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        for (position, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.in_target => {
                    self.in_target = false;
                    self.at_head.set(false);
                    self.encoded.extend_from_slice(&bytes[position..]);
                    return;
                }
                byte if self.in_target && MARKS.contains(byte) => {
                    let digit = |four: u8| DIGITS[usize::from(four)];
                    self.encoded.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
                }
                byte => {
                    self.in_target |= *byte == b' ';
                    self.encoded.extend_from_slice(&[*byte]);
                }
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Lenient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.encoded.is_empty() {
            if !self.at_head.is() {
                return Pin::new(&mut self.connection).poll_read(context, buffer);
            }
            let mut space = [0; READ];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.connection).poll_read(context, &mut read))?;
            self.encode(read.filled());
        }
        let count = self.encoded.len().min(buffer.remaining());
        buffer.put_slice(&self.encoded[..count]);
        self.encoded.advance(count);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(reads: &[&str], at_head: &AtHead) -> String {
        let mut lenient = Lenient::new((), at_head.clone());
        for bytes in reads {
            if lenient.at_head.is() {
                lenient.encode(bytes.as_bytes());
            } else {
                lenient.encoded.extend_from_slice(bytes.as_bytes());
            }
        }
        String::from_utf8_lossy(&lenient.encoded).into_owned()
    }

    #[test]
    fn only_targets_are_encoded() {
        let at_head = AtHead::new();
        let request = [
            "GET /a?k=\"x",
            "\"&l={} HTTP/1.1\r\nIf-None-Match: \"1\"\r\n\r\n",
            "{\"a\": \"b\"}\n",
        ];
        let expected =
            "GET /a?k=%22x%22&l=%7B%7D HTTP/1.1\r\nIf-None-Match: \"1\"\r\n\r\n{\"a\": \"b\"}\n";
        assert_eq!(encoded(&request, &at_head), expected);
        // A body has come to its end, and an empty line is no request yet.
        at_head.set(true);
        assert_eq!(encoded(&["\r\n", "GET /\"\n"], &at_head), "\r\nGET /%22\n");
    }
}
