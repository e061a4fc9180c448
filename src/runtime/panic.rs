//! Waiting for a future without dying of its panic.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use pin_project_lite::pin_project;

/// What a panic carries.
pub type Payload = Box<dyn Any + Send>;

pin_project! {
    /// Made by [`catch`].
    #[derive(Debug)]
    pub struct Catch<F> {
        #[pin]
        future: F,
    }
}

/// Runs `future` to its end; `Err` where it panicked.
pub fn catch<F: Future>(future: F) -> Catch<F> {
    Catch { future }
}

impl<F: Future> Future for Catch<F> {
    type Output = Result<F::Output, Payload>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        // What the future had half changed goes down with it: it is never polled again.
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}
