//! Opaque bytes both ways: upgraded connections and raw TCP.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use porthole_link::{Item, RecvHalf, SendHalf};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::poll_read_buf;

use super::answer::BULK_READ_BYTES;
use super::outcome::ForwardError;
use super::pool::READ_BYTES;
use super::record::Traffic;
use super::upload::UpEnd;

/// The link's side, with bytes that are already on their way.
#[derive(Debug)]
pub struct Ends<'a> {
    pub send: &'a mut SendHalf,
    pub recv: &'a mut RecvHalf,
    pub to_service: Bytes,
    pub to_visitor: Bytes,
    /// Nothing comes from the visitor after `to_service`.
    pub visitor_ended: bool,
}

/// Carries bytes until both directions have ended. Each ends on its own (half-close): what was sent
/// before arrives, and only then its end.
pub async fn relay<R, W>(ends: Ends<'_>, read: R, write: W, traffic: &Traffic) -> Result<(), ForwardError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Ends { send, recv, to_service, to_visitor, visitor_ended } = ends;
    let mut up = pin!(to_the_service(write, recv, to_service, visitor_ended, traffic));
    let mut down = pin!(to_the_visitor(read, send, to_visitor, traffic));
    let (mut up_end, mut down_done) = (None, false);
    std::future::poll_fn(|cx| {
        if up_end.is_none()
            && let Poll::Ready(end) = up.as_mut().poll(cx)
        {
            match end {
                UpEnd::Stopped(code) => return Poll::Ready(Err(ForwardError::Gone(code))),
                UpEnd::BadBody => return Poll::Ready(Err(ForwardError::BadRequest)),
                UpEnd::Complete | UpEnd::WriteFailed => up_end = Some(end),
            }
        }
        if !down_done && let Poll::Ready(done) = down.as_mut().poll(cx) {
            match done {
                Ok(()) => down_done = true,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        if down_done && up_end.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

async fn to_the_service<W: AsyncWrite + Unpin>(
    mut write: W,
    recv: &mut RecvHalf,
    first: Bytes,
    ended: bool,
    traffic: &Traffic,
) -> UpEnd {
    if !first.is_empty() {
        traffic.request_data(&first);
        if write.write_all(&first).await.is_err() || write.flush().await.is_err() {
            return UpEnd::WriteFailed;
        }
    }
    if ended {
        traffic.request_ended();
    }
    while !traffic.has_request_ended() {
        match recv.recv().await {
            Ok(Item::Data(data)) => {
                traffic.request_data(&data);
                if write.write_all(&data).await.is_err() || write.flush().await.is_err() {
                    return UpEnd::WriteFailed;
                }
            }
            Ok(Item::End(_)) => traffic.request_ended(),
            Ok(Item::Interim(_) | Item::Head(_)) => return UpEnd::BadBody,
            Err(stopped) => return UpEnd::Stopped(stopped.0),
        }
    }
    match write.shutdown().await {
        Ok(()) => UpEnd::Complete,
        Err(_) => UpEnd::WriteFailed,
    }
}

async fn to_the_visitor<R: AsyncRead + Unpin>(
    mut read: R,
    send: &mut SendHalf,
    first: Bytes,
    traffic: &Traffic,
) -> Result<(), ForwardError> {
    if !first.is_empty() {
        traffic.response_data(&first);
        send.send(first).await?;
    }
    let mut input = BytesMut::new();
    let mut room = READ_BYTES;
    loop {
        // An idle connection (an open WebSocket, say) keeps only the small buffer.
        if input.capacity() < room / 4 {
            input.reserve(room);
        }
        let got = {
            let mut stopped = pin!(send.stopped());
            std::future::poll_fn(|cx| {
                if let Poll::Ready(got) = poll_read_buf(Pin::new(&mut read), cx, &mut input) {
                    return Poll::Ready(Ok(got));
                }
                stopped.as_mut().poll(cx).map(|code| Err(ForwardError::Gone(code)))
            })
            .await?
        };
        match got {
            Ok(0) => return Ok(send.end(None)?),
            Ok(n) => {
                room = if n >= READ_BYTES / 2 { BULK_READ_BYTES } else { READ_BYTES };
                let data = input.split().freeze();
                traffic.response_data(&data);
                send.send(data).await?;
            }
            Err(error) => return Err(ForwardError::BadAnswer(error.to_string())),
        }
    }
}
