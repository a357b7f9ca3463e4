//! What the tests of the state machine share.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::{Hello, Open, PROTOCOL, PROTOCOL_OLDEST, StreamKind, ToAgent, Welcome};

#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A waker that counts how often it was woken.
#[derive(Debug)]
pub struct Counter {
    count: Arc<Count>,
    waker: Waker,
}

impl Default for Counter {
    fn default() -> Self {
        let count = Arc::new(Count::default());
        Self { waker: count.clone().into(), count }
    }
}

impl Counter {
    pub fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    pub fn count(&self) -> usize {
        self.count.0.load(Ordering::Relaxed)
    }
}

pub fn get(target: &str) -> Open {
    let fields = Fields::from_iter([("Host", "shop.example"), ("X-Case", "Kept")]);
    let head = RequestHead { method: "GET".into(), target: target.into(), version: Version::Http11, fields };
    Open { kind: StreamKind::Http, head: Some(head), ..tcp() }
}

pub fn tcp() -> Open {
    Open {
        kind: StreamKind::Tcp,
        mapping: 7,
        request_id: "r1".into(),
        visitor: "192.0.2.1:4711".parse().unwrap(),
        gateway_us: None,
        head: None,
    }
}

pub fn ok() -> ResponseHead {
    let fields = Fields::from_iter([("Content-Type", "text/plain")]);
    ResponseHead { status: 200, reason: b"Fine".to_vec(), version: Version::Http11, fields }
}

pub fn hello() -> Hello {
    Hello {
        protocol: PROTOCOL,
        protocol_oldest: PROTOCOL_OLDEST,
        agent_version: "0.0.0".into(),
        agent_id: "a".into(),
        epoch: 1,
        revision: 1,
        mappings: Vec::new(),
    }
}

pub fn welcome() -> ToAgent {
    ToAgent::Welcome(Welcome {
        protocol: PROTOCOL,
        gateway_version: "0.0.0".into(),
        session_id: "s".into(),
        revision: 1,
        results: Vec::new(),
        policies: Vec::new(),
    })
}
