//! Links whose task ends before its time: nobody may wait for ever on one.

mod common;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use common::{get, hello, welcome};
use porthole_link::driver::LinkError;
use porthole_link::mux::Role;
use porthole_link::{
    Item, Link, LinkStream, OpenError, RecvHalf, ResetCode, Stopped, agent_handshake, gateway_handshake,
    socket,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// A stream that panics when it is told to.
struct Faulty {
    io: DuplexStream,
    panics: Arc<AtomicBool>,
}

impl AsyncRead for Faulty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        assert!(!self.panics.load(Ordering::Relaxed), "as told");
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Faulty {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A gateway's link, the agent's, and what makes the gateway's task panic.
async fn pair() -> (Link, Link, Arc<AtomicBool>) {
    let (one, two) = tokio::io::duplex(64 * 1024);
    let panics = Arc::new(AtomicBool::new(false));
    let two = Faulty { io: two, panics: panics.clone() };
    let agent = socket(one, Vec::new(), Role::Agent).await;
    let welcomed = tokio::spawn(agent_handshake(agent, hello()));
    let gateway = gateway_handshake(socket(two, Vec::new(), Role::Gateway).await).await.unwrap();
    let (gateway, _inbox) = gateway.start();
    gateway.send_control(&welcome());
    (gateway, welcomed.await.unwrap().unwrap().0, panics)
}

async fn rest(recv: &mut RecvHalf) -> Stopped {
    loop {
        if let Err(stopped) = recv.recv().await {
            return stopped;
        }
    }
}

/// Everything that can be waited for on the link ends.
async fn all_ends(link: &Link, stream: LinkStream) {
    let ends = async {
        let (mut send, mut recv) = stream.split();
        assert_eq!(rest(&mut recv).await, Stopped(ResetCode::LinkLost));
        assert_eq!(send.stopped().await, ResetCode::LinkLost);
        assert_eq!(send.send(Bytes::from_static(b"x")).await, Err(Stopped(ResetCode::LinkLost)));
        assert!(matches!(link.closed().await, LinkError::Io(_)));
        assert!(!link.alive(Duration::from_secs(600)).await);
        assert!(link.is_closed());
        drop((send, recv));
        link.idle().await;
        assert_eq!(link.streams(), 0);
    };
    timeout(Duration::from_secs(10), ends).await.expect("nothing waits for ever");
}

#[test]
fn a_link_whose_runtime_is_dropped_is_over_and_so_are_its_streams() {
    let first = runtime();
    let (gateway, agent, _) = first.block_on(pair());
    let stream = gateway.open(get("/"), Bytes::new(), false).unwrap();
    let incoming = first.block_on(agent.accept()).unwrap();
    drop(first);
    runtime().block_on(async {
        assert_eq!(gateway.open(get("/"), Bytes::new(), true).err(), Some(OpenError::Gone));
        all_ends(&gateway, stream).await;
        assert!(agent.accept().await.is_none());
        all_ends(&agent, incoming.stream).await;
    });
}

#[tokio::test]
async fn a_link_whose_task_panics_is_over_and_so_are_its_streams() {
    let (gateway, agent, panics) = pair().await;
    let (send, mut recv) = gateway.open(get("/"), Bytes::new(), false).unwrap().split();
    let incoming = agent.accept().await.unwrap();
    let waiting = tokio::spawn(async move {
        let item: Result<Item, _> = recv.recv().await;
        drop(send);
        item
    });
    tokio::task::yield_now().await;
    let stream = gateway.open(get("/"), Bytes::new(), false).unwrap();
    panics.store(true, Ordering::Relaxed);
    all_ends(&gateway, stream).await;
    assert_eq!(waiting.await.unwrap(), Err(Stopped(ResetCode::LinkLost)));
    // The other end sees its connection break.
    all_ends(&agent, incoming.stream).await;
}
