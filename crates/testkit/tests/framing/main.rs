//! Attacks on framing and headers, through the whole tunnel: raw bytes from a visitor, the real gateway,
//! the real agent, and a local service that keeps every byte it gets. Each row says what the visitor is
//! told, and what of it reached the service.

mod chunks;
mod configured;
mod fields;
mod hosts;
mod lengths;
mod lines;
mod paths;
mod unread;
mod upgrades;

use porthole_testkit::service::Received;
use porthole_testkit::visitor::Raw;
use porthole_testkit::world::WorldBuilder;
use porthole_testkit::{LocalService, World};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A tunnel to a service that keeps what it gets and is content with everything.
struct Scene {
    world: World,
    received: Received,
}

impl Scene {
    async fn new() -> Self {
        Self::with(|world| world).await
    }

    async fn with(change: impl FnOnce(WorldBuilder) -> WorldBuilder) -> Self {
        Self::answering(|_| OK.to_owned(), change).await
    }

    /// A service that gives the answers which `answer` makes of request heads.
    async fn answering(
        answer: impl Fn(&str) -> String + Clone + Send + Sync + 'static,
        change: impl FnOnce(WorldBuilder) -> WorldBuilder,
    ) -> Self {
        let (service, received) = LocalService::recording(answer).await;
        let world = change(World::builder().service(service)).start().await;
        Self { world, received }
    }

    fn host(&self) -> String {
        self.world.visitor().host
    }

    /// `bytes` with this world's host for the word HOST.
    fn fill(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let (mut rest, mut filled) = (bytes.as_ref(), Vec::new());
        while let Some(at) = porthole_testkit::visitor::find(rest, b"HOST") {
            filled.extend_from_slice(&rest[..at]);
            filled.extend_from_slice(self.host().as_bytes());
            rest = &rest[at + 4..];
        }
        filled.extend_from_slice(rest);
        filled
    }

    async fn raw(&self) -> Raw {
        self.world.visitor().raw().await
    }

    /// Sends `bytes` on a connection of their own and reads until its end.
    async fn attack(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut raw = self.raw().await;
        // A refusal may close the connection before it has read everything.
        let _ = raw.try_send(self.fill(bytes)).await;
        raw.rest_text().await
    }

    /// Asserts that of everything before, not a byte reached the service: an ordinary request does, and it
    /// is the only one.
    async fn nothing_arrived(&self, what: &str) {
        let answer = self.attack("GET /marker HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{what}: the tunnel goes on: {answer:?}");
        let text = self.received.text();
        let marker = self.received.request("/marker").unwrap_or_default();
        assert_eq!(text, marker, "{what}: only the ordinary request arrives");
        self.received.clear();
    }
}

/// Asserts that `answer` is one answer with this status that announces the connection's end.
fn assert_refused(what: &str, answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer:?}");
    assert!(answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n"), "{what}: {answer:?}");
    assert!(answer.contains("\r\nporthole-error: "), "{what}: {answer:?}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: one answer and then the end: {answer:?}");
}

/// The values of `name` in a head, in order.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let head = head.split("\r\n\r\n").next().unwrap_or_default();
    let named = |line: &'a str| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    };
    head.lines().skip(1).filter_map(named).collect()
}
