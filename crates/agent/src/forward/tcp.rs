//! Raw TCP mappings.

use bytes::Bytes;
use porthole_link::{RecvHalf, SendHalf};
use tokio::time::Instant;

use super::outcome::ForwardError;
use super::record::Record;
use super::relay::{Ends, relay};

/// Connects to the service and carries bytes both ways.
pub async fn connection(
    record: &mut Record,
    send: &mut SendHalf,
    recv: &mut RecvHalf,
    data: Bytes,
    ended: bool,
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
    let (read, write) = stream.split();
    let ends = Ends { send, recv, to_service: data, to_visitor: Bytes::new(), visitor_ended: ended };
    relay(ends, read, write, &record.traffic).await
}
