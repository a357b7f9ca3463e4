//! One exchange with an HTTP/1 service.
//!
//! The hot path: a small exchange on a kept connection is one write (head and body), one read, one
//! frame (head, body and end), no timer made, no task spawned.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use porthole_http1::{
    BodyWriter, Framing, RequestHead, ResponseHead, announced_length, set_framing, write_request_head,
};
use porthole_link::{RecvHalf, ResetCode, SendHalf};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::answer::{Answer, Listener, Trouble};
use super::outcome::ForwardError;
use super::pool::{Connection, Pool, Wire};
use super::record::Record;
use super::relay;
use super::rewrite::PublicOrigin;
use super::upload::{UpEnd, upload};

/// The link's side of an exchange.
#[derive(Debug)]
pub struct Visitor<'a> {
    pub send: &'a mut SendHalf,
    pub recv: &'a mut RecvHalf,
    /// What came with the head.
    pub data: Bytes,
    /// Nothing comes after `data`.
    pub ended: bool,
    /// Asks to become another protocol.
    pub upgrade: bool,
    /// Where a response's Location is turned back to, if it is.
    pub public: Option<&'a PublicOrigin>,
}

/// What became of one connection's part in an exchange.
enum Finish {
    Kept,
    Spent,
    Switched(ResponseHead),
}

/// Sends the record's request to the service and its answer to the visitor.
pub async fn exchange(record: &mut Record, mut visitor: Visitor<'_>) -> Result<(), ForwardError> {
    let pool = record.route.pool.clone();
    let framing = request_framing(&mut record.head, &visitor)?;
    record.traffic.sent(&record.head);
    let repeatable = is_idempotent(&record.head.method);
    let mut kept = if repeatable { pool.take() } else { pool.take_fresh() };
    loop {
        let reused = kept.is_some();
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => {
                let since = Instant::now();
                let connection = Box::pin(connect(&pool, &mut visitor)).await?;
                record.traffic.connected(since);
                record.traffic.moved();
                connection
            }
        };
        match attempt(record, &mut connection, &mut visitor, framing).await {
            Ok(Finish::Kept) => {
                pool.put(connection);
                return Ok(());
            }
            Ok(Finish::Spent) => return Ok(()),
            Ok(Finish::Switched(head)) => return Box::pin(switch(record, connection, visitor, head)).await,
            // The service closed a kept connection just as it was used again (RFC 9112 §9.3.1): once
            // more on a fresh one, if all of the request is still here. Not where the service may have
            // acted on it before it closed, and a second time would do more than the first.
            Err(Trouble::Stale) if reused && repeatable && !record.traffic.is_consumed() => {}
            Err(Trouble::Stale) => {
                return Err(ForwardError::BadAnswer("it closed the connection without an answer".into()));
            }
            Err(Trouble::Failed(error)) => return Err(error),
        }
    }
}

/// Methods whose repetition does no more than the first time (RFC 9110 §9.2.2).
fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

async fn connect(pool: &Pool, visitor: &mut Visitor<'_>) -> Result<Connection, ForwardError> {
    tokio::select! {
        biased;
        connection = pool.connect() => connection,
        code = visitor.send.stopped() => Err(ForwardError::Gone(code)),
    }
}

/// Decides how the request's body is delimited towards the service, and says so in its head.
fn request_framing(head: &mut RequestHead, visitor: &Visitor<'_>) -> Result<Framing, ForwardError> {
    let framing = match announced_length(&head.fields).map_err(|_| ForwardError::BadRequest)? {
        Some(length) => Framing::Length(length),
        None if visitor.upgrade => Framing::None,
        None if !visitor.ended => Framing::Chunked,
        None if !visitor.data.is_empty() => Framing::Length(visitor.data.len() as u64),
        // RFC 9110 §8.6: methods that expect content say so when there is none.
        None if matches!(head.method.as_str(), "POST" | "PUT" | "PATCH") => Framing::Length(0),
        None => Framing::None,
    };
    set_framing(&mut head.fields, framing);
    if visitor.upgrade {
        if !framing.is_bodyless() {
            return Err(ForwardError::BadRequest);
        }
        head.fields.push("Connection", "upgrade");
    }
    Ok(framing)
}

async fn attempt(
    record: &mut Record,
    connection: &mut Connection,
    visitor: &mut Visitor<'_>,
    framing: Framing,
) -> Result<Finish, Trouble> {
    let Connection { wire, reader, input, output, timer, .. } = connection;
    output.clear();
    let mut body = BodyWriter::new(framing);
    write_request_head(&record.head, output).map_err(ForwardError::from)?;
    let upgrade = visitor.upgrade;
    // What follows an upgrade's head is the other protocol's: held until the service agreed to it.
    if !upgrade {
        body.data(&visitor.data, output).map_err(ForwardError::from)?;
    }
    let whole = upgrade || visitor.ended;
    if whole {
        body.end(None, output).map_err(ForwardError::from)?;
    }
    if visitor.ended {
        record.traffic.request_ended();
    }
    reader.expect(&record.head.method);
    let public = visitor.public;
    let recv = if whole { None } else { Some(&mut *visitor.recv) };
    let listener = Listener { reader, input, timer: timer.as_mut(), send: visitor.send, public, upgrade };
    match wire {
        Wire::Plain(stream) => {
            let (read, write) = stream.split();
            both_ways(record, listener, read, write, output, body, recv).await
        }
        Wire::Tls(stream) => {
            let (read, write) = tokio::io::split(stream);
            Box::pin(both_ways(record, listener, read, write, output, body, recv)).await
        }
    }
}

/// Carries the request and its answer at the same time, until the answer is complete.
async fn both_ways<R, W>(
    record: &mut Record,
    listener: Listener<'_>,
    mut read: R,
    write: W,
    output: &mut Vec<u8>,
    body: BodyWriter,
    recv: Option<&mut RecvHalf>,
) -> Result<Finish, Trouble>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let Record { route, head, traffic, status, note, .. } = record;
    let mut up = pin!(upload(write, output, body, recv, traffic));
    let mut sent = None;
    let answer = {
        let mut down = pin!(listener.answer(&mut read, route, &head.target, traffic, status, note));
        std::future::poll_fn(|cx| {
            if sent.is_none()
                && let Poll::Ready(end) = up.as_mut().poll(cx)
            {
                match end {
                    UpEnd::Stopped(code) => return Poll::Ready(Err(ForwardError::Gone(code).into())),
                    UpEnd::BadBody => return Poll::Ready(Err(ForwardError::BadRequest.into())),
                    // The service may have said why before it stopped reading.
                    UpEnd::Complete | UpEnd::WriteFailed => sent = Some(end),
                }
            }
            down.as_mut().poll(cx)
        })
        .await?
    };
    match answer {
        Answer::Switched(head) if matches!(sent, Some(UpEnd::Complete)) => Ok(Finish::Switched(head)),
        Answer::Switched(_) => Err(bad("it changed protocols before it had the request")),
        Answer::Complete { reusable } => {
            if sent.is_none() {
                sent = tokio::time::timeout(super::AFTERMATH, up).await.ok();
            }
            let clean = reusable && matches!(sent, Some(UpEnd::Complete));
            Ok(if clean { Finish::Kept } else { Finish::Spent })
        }
    }
}

fn bad(what: &str) -> Trouble {
    Trouble::Failed(ForwardError::BadAnswer(what.to_owned()))
}

/// The service agreed to another protocol: its 101 goes to the visitor, then bytes both ways.
async fn switch(
    record: &mut Record,
    connection: Connection,
    visitor: Visitor<'_>,
    head: ResponseHead,
) -> Result<(), ForwardError> {
    if visitor.send.send_head(&head, Bytes::new(), false).is_err() {
        return Err(ForwardError::Gone(ResetCode::Cancelled));
    }
    let Connection { wire, input, .. } = connection;
    let ends = relay::Ends {
        send: visitor.send,
        recv: visitor.recv,
        to_service: visitor.data,
        visitor_ended: visitor.ended,
        to_visitor: input.freeze(),
    };
    match wire {
        Wire::Plain(mut stream) => {
            let (read, write) = stream.split();
            relay::relay(ends, read, write, &record.traffic).await
        }
        Wire::Tls(stream) => {
            let (read, write) = tokio::io::split(stream);
            relay::relay(ends, read, write, &record.traffic).await
        }
    }
}
