//! Both state machines of a link, back to back: what an exchange costs before any socket.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::frame::FLAG_END;
use porthole_link::mux::{Mux, Role};
use porthole_link::{Item, Open, StreamKind};

/// Exchanges that share their batches, as a busy link's do.
const TOGETHER: u64 = 64;
/// Body of a small answer.
const SMALL: usize = 1024;
/// Body of a bulk answer.
const BULK: usize = 4 * 1024 * 1024;
/// What is read from a local service at once.
const PIECE: usize = 64 * 1024;

pub fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("link");
    group.throughput(Throughput::Elements(TOGETHER));
    group.bench_function("64 small exchanges", |bencher| {
        let mut pair = Pair::new();
        let (open, answer, body) = (open(), answer(SMALL), vec![b'x'; SMALL]);
        bencher.iter(|| pair.exchanges(&open, &answer, &body));
    });
    group.throughput(Throughput::Bytes(BULK as u64));
    group.bench_function("a bulk answer", |bencher| {
        let mut pair = Pair::new();
        let (open, answer, piece) = (open(), answer(BULK), Bytes::from(vec![b'x'; PIECE]));
        bencher.iter(|| pair.bulk(&open, &answer, &piece));
    });
    group.finish();
}

struct Pair {
    gateway: Mux,
    agent: Mux,
    items: VecDeque<Item>,
}

impl Pair {
    fn new() -> Self {
        Self { gateway: Mux::new(Role::Gateway), agent: Mux::new(Role::Agent), items: VecDeque::new() }
    }

    /// Carries what each end has to say to the other.
    fn carry(&mut self) {
        while self.gateway.has_output() || self.agent.has_output() {
            while let Some(batch) = self.gateway.next_batch() {
                self.agent.receive(batch).expect("our own frames are well-formed");
            }
            while let Some(batch) = self.agent.next_batch() {
                self.gateway.receive(batch).expect("our own frames are well-formed");
            }
        }
    }

    fn exchanges(&mut self, open: &Open, answer: &ResponseHead, body: &[u8]) {
        let cx = Context::from_waker(Waker::noop());
        let first = self.gateway.streams_opened() + 1;
        for _ in 0..TOGETHER {
            self.gateway.open(open, b"", true).expect("there is room");
        }
        self.carry();
        while let Poll::Ready(Some(accepted)) = self.agent.poll_accept(&cx) {
            self.agent.send_head(accepted.id, answer, FLAG_END, body).expect("the stream is open");
            release(&mut self.agent, accepted.id);
        }
        self.carry();
        for id in first..first + TOGETHER {
            let read = self.read(id);
            assert_eq!(read, body.len());
            release(&mut self.gateway, id);
        }
        assert_eq!((self.gateway.streams(), self.agent.streams()), (0, 0), "nothing is left behind");
    }

    fn bulk(&mut self, open: &Open, answer: &ResponseHead, piece: &Bytes) {
        let cx = Context::from_waker(Waker::noop());
        let id = self.gateway.open(open, b"", true).expect("there is room");
        self.carry();
        assert!(matches!(self.agent.poll_accept(&cx), Poll::Ready(Some(_))));
        self.agent.send_head(id, answer, 0, b"").expect("the stream is open");
        let mut read = 0;
        for _ in 0..BULK / PIECE {
            let mut left = piece.clone();
            while self.agent.poll_send(id, &mut left, &cx).is_pending() || !left.is_empty() {
                self.carry();
                read += self.read(id);
            }
        }
        self.agent.end(id, None).expect("the stream is open");
        self.carry();
        read += self.read(id);
        assert_eq!(read, BULK);
        release(&mut self.agent, id);
        release(&mut self.gateway, id);
        self.carry();
    }

    /// Takes what has arrived on a stream, says so, counts body bytes.
    fn read(&mut self, id: u64) -> usize {
        let cx = Context::from_waker(Waker::noop());
        let mut bytes = 0;
        if let Poll::Ready(Ok(())) = self.gateway.poll_recv(id, &mut self.items, 0, &cx) {
            for item in self.items.drain(..) {
                if let Item::Data(data) = item {
                    bytes += data.len();
                }
            }
            self.gateway.consumed(id, bytes as u32);
        }
        bytes
    }
}

/// Both halves of a stream's handle.
fn release(mux: &mut Mux, id: u64) {
    mux.release(id, true);
    mux.release(id, false);
}

fn open() -> Open {
    let fields = Fields::from_iter([
        ("Host", "shop.tunnel.example.com"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"),
        ("Accept", "*/*"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.tunnel.example.com"),
    ]);
    let head = RequestHead {
        method: "GET".into(),
        target: "/items?page=2".into(),
        version: Version::Http11,
        fields,
    };
    Open {
        kind: StreamKind::Http,
        mapping: 7,
        request_id: "0123456789abcdef".into(),
        visitor: "192.0.2.1:4711".parse().expect("an address"),
        gateway_us: Some(20),
        head: Some(head),
    }
}

fn answer(length: usize) -> ResponseHead {
    let mut fields = Fields::from_iter([
        ("Server", "nginx/1.22.1"),
        ("Date", "Sat, 21 Nov 2026 05:00:00 GMT"),
        ("Content-Type", "application/octet-stream"),
    ]);
    fields.push("Content-Length", length.to_string());
    ResponseHead { status: 200, reason: b"OK".to_vec(), version: Version::Http11, fields }
}
