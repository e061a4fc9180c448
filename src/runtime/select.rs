//! Waiting for the first of two futures, without macros and without dropping either.

use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Which of two futures was ready; both where they were so at the same time.
#[derive(Debug)]
pub enum Either<A, B> {
    /// The first, which is asked first.
    Left(A),
    /// The second.
    Right(B),
}

/// What `future` comes to if it is ready now; it is asked once.
pub async fn now<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Waits for `left` or `right`. The other stays as it is: its operation goes on and it can be
/// waited for again, which a pending read on a living connection needs.
pub async fn first<A, B>(
    mut left: Pin<&mut A>,
    mut right: Pin<&mut B>,
) -> Either<A::Output, B::Output>
where
    A: Future + ?Sized,
    B: Future + ?Sized,
{
    poll_fn(move |context| {
        if let Poll::Ready(value) = left.as_mut().poll(context) {
            return Poll::Ready(Either::Left(value));
        }
        right.as_mut().poll(context).map(Either::Right)
    })
    .await
}
