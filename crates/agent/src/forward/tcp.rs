//! Raw TCP mappings.

use std::net::SocketAddr;

use bytes::Bytes;
use porthole_link::{RecvHalf, SendHalf};
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use super::outcome::ForwardError;
use super::record::Record;
use super::relay::{Ends, relay};

/// Connects to the service, tells it of the visitor where that is wanted, and carries bytes both ways:
/// first those that came with the stream, which may be all.
pub async fn connection(
    record: &mut Record,
    send: &mut SendHalf,
    recv: &mut RecvHalf,
    visitor: SocketAddr,
    (data, ended): (Bytes, bool),
) -> Result<(), ForwardError> {
    let pool = record.route.pool.clone();
    let since = Instant::now();
    let connected = tokio::select! {
        biased;
        connected = pool.connect_tcp() => connected,
        code = send.stopped() => Err(ForwardError::Gone(code)),
    };
    let mut stream = connected?;
    record.traffic.connected(since);
    if let Some(version) = record.route.served.proxy_protocol {
        let told = async { stream.write_all(&version.header(visitor, stream.peer_addr()?)).await };
        told.await.map_err(|error: std::io::Error| ForwardError::BadAnswer(error.to_string()))?;
    }
    let (read, write) = stream.split();
    let ends = Ends { send, recv, to_service: data, to_visitor: Bytes::new(), visitor_ended: ended };
    relay(ends, read, write, &record.traffic).await
}
