//! Connections whose other end does not read: what waits for it is bounded in time and in size.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use super::failure::Failure;
use super::response::{Content, Response};

/// Answers are counted in pieces of 64 KiB; shorter ones do not count.
const PIECE: usize = 64 << 10;

/// The pieces that may wait for readers at a time: 512 MiB.
const PIECES: usize = 8192;

/// What all answers together may hold.
pub(super) struct Answers(Arc<Semaphore>);

impl Answers {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PIECES)))
    }

    /// Counts an answer until its last byte is sent, or refuses to send it when too many wait already.
    pub(super) fn hold(&self, response: Response) -> Response {
        let Content::Whole(bytes) = response.content else { return response };
        let pieces = (bytes.len() / PIECE).min(PIECES);
        let Ok(permit) = Arc::clone(&self.0).try_acquire_many_owned(pieces as u32) else {
            let reason = "too many large answers wait for their readers";
            return Failure::new(503, "service_unavailable", reason).into();
        };
        let content = if pieces > 0 {
            Content::Whole(Bytes::from_owner(Held { bytes, _permit: permit }))
        } else {
            Content::Whole(bytes)
        };
        Response { content, ..response }
    }
}

struct Held {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A connection that breaks when nothing could be written for some time.
pub(super) struct Patient<T> {
    connection: T,
    patience: Duration,
    /// How long it still waits, while it does.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<T> Patient<T> {
    pub(super) fn new(connection: T, patience: Duration) -> Self {
        Self { connection, patience, waiting: None }
    }

    /// What came of writing, unless the time is over.
    fn within<R>(
        &mut self,
        written: Poll<io::Result<R>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(context, bytes);
        self.within(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(context, slices);
        self.within(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn run(work: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work);
    }

    #[test]
    fn who_does_not_read_is_given_up() {
        run(async {
            let (near, mut far) = tokio::io::duplex(8);
            let mut near = Patient::new(near, Duration::from_millis(200));
            // As long as something is read now and then, it goes on.
            let reading = tokio::spawn(async move {
                let mut buffer = [0; 4];
                for _ in 0..4 {
                    sleep(Duration::from_millis(80)).await;
                    far.read_exact(&mut buffer).await.expect("what is written");
                }
                far
            });
            near.write_all(&[0; 24]).await.expect("somebody reads");
            let far = reading.await.expect("the other end");
            let error = near.write_all(&[0; 24]).await.expect_err("nobody reads");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drop(far);
        });
    }

    #[test]
    fn answers_count_until_they_are_sent() {
        let answers = Answers::new();
        let large = || Response::bytes(200, "text/plain", vec![0; PIECES / 2 * PIECE]);
        let (first, second) = (answers.hold(large()), answers.hold(large()));
        assert_eq!((first.status, second.status), (200, 200));
        assert_eq!(answers.hold(large()).status, 503);
        // What is short goes through.
        assert_eq!(answers.hold(Response::ok(200)).status, 200);
        drop(first);
        assert_eq!(answers.hold(large()).status, 200);
    }
}
