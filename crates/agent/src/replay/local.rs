//! A link within this process: the request enters where one from the gateway would, and from there on is
//! forwarded and captured like any other.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use porthole_link::driver::LinkError;
use porthole_link::limits::INLINE_BYTES;
use porthole_link::mux::Role;
use porthole_link::{
    Hello, Item, Link, LinkStream, Open, OpenError, PROTOCOL, PROTOCOL_OLDEST, RecvHalf, StreamKind, ToAgent,
    Welcome, agent_handshake, gateway_handshake, socket,
};
use tokio::time::Instant;

use super::ReplayError;
use super::prepare::Prepared;
use crate::capture::Recorder;
use crate::events::{Events, MappingSet};
use crate::forward::Forwarder;
use crate::inspect::recorded::media_type_of;

/// Bytes on their way within the process: as many as a frame of bulk has.
const PIPE_BYTES: usize = 64 * 1024;

/// The longest an answer is listened to. Whoever asked is waiting for it.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The longest a stream of events is listened to, which may have no end of its own.
const EVENTS: Duration = Duration::from_secs(10);

/// How long the store may take to write the end: a batch, or a disk that is slow.
const STORING: Duration = Duration::from_secs(5);

/// The only mapping of such a link.
const NUMBER: u32 = 1;

/// Sends the request and waits until the exchange has ended and is stored; its number.
pub(super) async fn send(
    prepared: Prepared,
    recorder: &Recorder,
    events: &Events,
) -> Result<i64, ReplayError> {
    if let Some(paused) = &*recorder.paused().borrow() {
        return Err(ReplayError::Paused(paused.message.clone()));
    }
    let Prepared { original_id, head, body, chunked, spec, edited } = prepared;
    let (recorder, replaying) = recorder.replaying(original_id, edited);
    // Whoever sends a request again wants to see what the service says to it: nobody stands in.
    let forwarder = Forwarder::new(events.clone(), Some(recorder), None);
    let set = MappingSet { revision: 1, mappings: vec![Arc::new(spec.serve(NUMBER))] };
    let routes = forwarder.routes(&set);
    let ends = Ends::new().await.map_err(|_| ReplayError::Busy)?;
    let open = Open {
        kind: StreamKind::Http,
        mapping: NUMBER,
        request_id: uuid::Uuid::new_v4().simple().to_string(),
        visitor: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        gateway_us: None,
        head: Some(head),
    };
    let mut body = Bytes::from(body);
    let first = if chunked { Bytes::new() } else { body.split_to(body.len().min(INLINE_BYTES)) };
    let rest = (!body.is_empty()).then_some(body);
    let stream = ends.gateway.open(open, first, rest.is_none()).map_err(|error| match error {
        OpenError::TooLarge => {
            ReplayError::Unsendable { id: original_id, problem: "its head is too large".into() }
        }
        OpenError::Gone | OpenError::Draining | OpenError::Busy => ReplayError::Busy,
    })?;
    let incoming = ends.agent.accept().await.ok_or(ReplayError::Busy)?;
    forwarder.forward(&routes, incoming);
    carry(stream, rest).await;
    let id = replaying.id().ok_or(ReplayError::Unkept)?;
    // Where the disk takes longer, the exchange is there a little later.
    let _ = tokio::time::timeout(STORING, replaying.stored()).await;
    Ok(id)
}

/// Sends what is left of the body, and listens until the answer is complete or will never be. What is dropped
/// before its end is cancelled.
async fn carry(stream: LinkStream, rest: Option<Bytes>) {
    let (mut send, recv) = stream.split();
    let up = async move {
        if let Some(rest) = rest
            && send.send(rest).await.is_ok()
        {
            let _ = send.end(None);
        }
        // The answer decides when it is over.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = up => {}
        () = listen(recv) => {}
    }
}

async fn listen(mut recv: RecvHalf) {
    let mut until = Instant::now() + LONGEST;
    while let Ok(Ok(item)) = tokio::time::timeout_at(until, recv.recv()).await {
        match item {
            Item::End(_) => return,
            Item::Head(head) => {
                let media = head.fields.get_str("content-type").and_then(media_type_of);
                if media.as_deref() == Some("text/event-stream") {
                    until = Instant::now() + EVENTS;
                }
            }
            Item::Interim(_) | Item::Data(_) => {}
        }
    }
}

/// Both ends of one link; it ends with them.
#[derive(Debug)]
struct Ends {
    gateway: Link,
    agent: Link,
}

impl Ends {
    async fn new() -> Result<Self, LinkError> {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let gateway = async {
            let pending = gateway_handshake(socket(near, Vec::new(), Role::Gateway).await).await?;
            let welcome = Welcome {
                protocol: pending.protocol,
                gateway_version: env!("CARGO_PKG_VERSION").into(),
                session_id: String::new(),
                revision: 0,
                results: Vec::new(),
                policies: Vec::new(),
            };
            let (link, _control) = pending.start();
            link.send_control(&ToAgent::Welcome(welcome));
            Ok(link)
        };
        let agent = async {
            let hello = Hello {
                protocol: PROTOCOL,
                protocol_oldest: PROTOCOL_OLDEST,
                agent_version: env!("CARGO_PKG_VERSION").into(),
                agent_id: String::new(),
                epoch: 0,
                revision: 0,
                mappings: Vec::new(),
            };
            Ok(agent_handshake(socket(far, Vec::new(), Role::Agent).await, hello).await?.0)
        };
        let (gateway, agent) = tokio::try_join!(gateway, agent)?;
        Ok(Self { gateway, agent })
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.gateway.close();
        self.agent.close();
    }
}
