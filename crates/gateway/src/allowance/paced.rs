//! The two halves of a link's stream, which wait where their token has a rate. A half that waits gives no credit
//! back and takes none, so that whoever sends is slowed, and other streams of the link are not.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use porthole_http1::Fields;
use porthole_link::{Item, LinkStream, RecvHalf, ResetCode, SendHalf, Stopped};
use tokio::time::{Sleep, sleep};

use super::Bucket;

/// [`RecvHalf`] within its token's rate.
#[derive(Debug)]
pub struct Receiving {
    half: RecvHalf,
    pace: Option<Box<Pace>>,
}

/// [`SendHalf`] within its token's rate.
#[derive(Debug)]
pub struct Sending {
    half: SendHalf,
    pace: Option<Box<Pace>>,
}

#[derive(Debug)]
struct Pace {
    bucket: Arc<Bucket>,
    wait: Option<Pin<Box<Sleep>>>,
}

/// Takes a stream apart that was opened with `inline` bytes; they count, too.
pub fn paced(stream: LinkStream, bucket: Option<&Arc<Bucket>>, inline: usize) -> (Sending, Receiving) {
    let (send, recv) = stream.split();
    let pace = |bytes| {
        let bucket = Arc::clone(bucket?);
        let mut pace = Box::new(Pace { bucket, wait: None });
        pace.took(bytes);
        Some(pace)
    };
    (Sending { half: send, pace: pace(inline) }, Receiving { half: recv, pace: pace(0) })
}

impl Pace {
    fn took(&mut self, bytes: usize) {
        let wait = self.bucket.take(bytes, Instant::now());
        if !wait.is_zero() {
            self.wait = Some(Box::pin(sleep(wait)));
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        Poll::Ready(())
    }
}

impl Receiving {
    pub async fn recv(&mut self) -> Result<Item, Stopped> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Stopped>> {
        let Some(pace) = &mut self.pace else { return self.half.poll_recv(cx) };
        ready!(pace.poll(cx));
        let item = ready!(self.half.poll_recv(cx));
        if let Ok(Item::Data(data)) = &item {
            pace.took(data.len());
        }
        Poll::Ready(item)
    }
}

impl Sending {
    pub async fn send(&mut self, mut data: Bytes) -> Result<(), Stopped> {
        poll_fn(|cx| self.poll_send(&mut data, cx)).await
    }

    pub fn poll_send(&mut self, data: &mut Bytes, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        let Some(pace) = &mut self.pace else { return self.half.poll_send(data, cx) };
        ready!(pace.poll(cx));
        let before = data.len();
        let sent = self.half.poll_send(data, cx);
        if data.len() < before {
            pace.took(before - data.len());
        }
        sent
    }

    pub fn end(&mut self, trailers: Option<&Fields>) -> Result<(), Stopped> {
        self.half.end(trailers)
    }

    pub fn reset(&mut self, code: ResetCode) {
        self.half.reset(code);
    }

    pub async fn stopped(&mut self) -> ResetCode {
        self.half.stopped().await
    }
}
