use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::StreamKind;

use super::super::{Mend, Store};
use super::*;
use crate::capture::{BODY_BYTES, Capture, Recorder, Side, Start};
use crate::events::Served;
use crate::inspect::filter::Filter;
use crate::mapping::MappingSpec;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct World {
    dir: tempfile::TempDir,
    pub(super) store: Store,
    recorder: Recorder,
    writer: Option<Writer>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(super) async fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&path(&dir), Mend::SetAside).await.unwrap().store;
        let recorder = Recorder::default();
        let writer = Writer::start(&path(&dir), recorder.clone(), limits).await;
        Self { dir, store, recorder, writer: Some(writer) }
    }

    pub(super) fn begin(&self, target: &str) -> Arc<Capture> {
        begin(&self.recorder, target).unwrap()
    }

    pub(super) fn begin_upgrade(&self, target: &str) -> Arc<Capture> {
        begin_as(&self.recorder, target, StreamKind::Upgrade).unwrap()
    }

    /// Everything that was captured is stored, and nothing more is.
    pub(super) async fn settle(&mut self) {
        self.writer.take().unwrap().close().await;
    }

    /// The rows once `wanted` holds.
    pub(super) async fn rows(&self, wanted: impl Fn(&[Summary]) -> bool) -> Vec<Summary> {
        let began = Instant::now();
        loop {
            let rows = self.store.exchanges(&Filter::default(), &jiff::Zoned::now(), 1000).await.unwrap();
            if wanted(&rows) {
                return rows;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain: {rows:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(path(&self.dir)).unwrap()
    }

    /// Numbers of exchanges in which the word is found.
    pub(super) fn found(&self, word: &str) -> Vec<i64> {
        let connection = self.sql();
        let mut query =
            connection.prepare("SELECT rowid FROM exchange_text WHERE exchange_text MATCH ?1").unwrap();
        query.query_map([word], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("porthole.db")
}

fn begin(recorder: &Recorder, target: &str) -> Option<Arc<Capture>> {
    begin_as(recorder, target, StreamKind::Http)
}

fn begin_as(recorder: &Recorder, target: &str, kind: StreamKind) -> Option<Arc<Capture>> {
    begin_with(recorder, target, kind, &[])
}

fn begun_fields() -> Fields {
    let fields = [("HOST", "shop.test"), ("X-Forwarded-Proto", "https"), ("Content-Type", "Text/Plain; x=y")];
    fields.into_iter().collect()
}

fn begin_with(
    recorder: &Recorder,
    target: &str,
    kind: StreamKind,
    more: &[(&str, &str)],
) -> Option<Arc<Capture>> {
    let mut spec = MappingSpec::new("m1".into(), "3000".parse().unwrap());
    spec.name = Some("shop".into());
    let served: Arc<Served> = Arc::new(spec.serve(1));
    let mut fields = begun_fields();
    for (name, value) in more {
        fields.push(name, value);
    }
    let head = RequestHead { method: "POST".into(), target: target.into(), version: Version::Http11, fields };
    let visitor: SocketAddr = "203.0.113.7:1".parse().unwrap();
    recorder.begin(Start {
        served: &served,
        kind,
        request_id: "request",
        visitor,
        gateway: Some(Duration::from_micros(40)),
        head: &head,
        started: Instant::now(),
    })
}

pub(super) fn answer(status: u16) -> ResponseHead {
    let fields = [("Content-Type", "application/json"), ("X-twice", "1"), ("x-Twice", "2")];
    ResponseHead {
        status,
        reason: b"As You Like".to_vec(),
        version: Version::Http11,
        fields: fields.into_iter().collect(),
    }
}

#[tokio::test]
async fn what_came_after_the_bodies_what_the_service_got_and_a_name_are_kept() {
    let mut world = World::new().await;
    let trailers: Fields = [("Grpc-Status", "0"), ("x-Sum", "a:b")].into_iter().collect();
    let unchanged = world.begin("/plain");
    unchanged.sent(&begun_fields());
    unchanged.end(None);
    let capture = world.begin("/graphql?query=query%20Orders%20%7Ba%7D");
    let mut sent = begun_fields();
    sent.set("Host", "localhost:3000");
    capture.sent(&sent);
    capture.data(Side::Request, b"ask");
    capture.trailers(Side::Request, &trailers);
    capture.answered(&answer(200));
    capture.trailers(Side::Response, &trailers);
    capture.end(None);
    world.settle().await;
    let plain = world.store.exchange(unchanged.id()).await.unwrap();
    assert_eq!((plain.sent, plain.request.trailers, plain.summary.name), (None, Vec::new(), None));
    let exchange = world.store.exchange(capture.id()).await.unwrap();
    let raw = b"Grpc-Status: 0\r\nx-Sum: a:b\r\n";
    assert_eq!(exchange.request.trailers, raw);
    assert_eq!(exchange.response.as_ref().unwrap().trailers, raw);
    let sent = String::from_utf8(exchange.sent.clone().unwrap()).unwrap();
    assert!(
        sent.starts_with("POST /graphql?query=") && sent.contains("\r\nHOST: localhost:3000\r\n"),
        "{sent}"
    );
    assert_eq!(exchange.recorded().request.trailers.len(), 2);
}

#[tokio::test]
async fn a_webhook_that_takes_its_time_is_called_by_its_event_from_the_beginning() {
    let mut world = World::new().await;
    let capture =
        begin_with(&world.recorder, "/hook", StreamKind::Http, &[("Stripe-Signature", "t=1")]).unwrap();
    capture.data(Side::Request, br#"{"id": "evt_1", "type": "charge.succeeded"}"#);
    let name = |rows: &[Summary]| rows.first().and_then(|row| row.name.clone());
    let rows = world.rows(|rows| name(rows).is_some()).await;
    assert_eq!((name(&rows).as_deref(), rows[0].state.as_str()), (Some("charge.succeeded"), "open"));
    capture.answered(&answer(200));
    capture.end(None);
    world.settle().await;
    let found = world.store.exchanges(&Filter::parse("name:charge").unwrap(), &jiff::Zoned::now(), 9).await;
    assert_eq!(name(&found.unwrap()).as_deref(), Some("charge.succeeded"));
}

#[tokio::test]
async fn an_exchange_that_came_over_the_link_tells_what_that_takes_and_one_sent_again_does_not() {
    let mut world = World::new().await;
    world.recorder.measured(Some(Duration::from_micros(1500)));
    let capture = world.begin("/");
    capture.end(None);
    let (again, _) = world.recorder.replaying(capture.id(), false);
    begin(&again, "/").unwrap().end(None);
    world.recorder.measured(None);
    world.begin("/").end(None);
    world.settle().await;
    let mut rows = world.rows(|_| true).await;
    rows.sort_by_key(|row| row.id);
    assert_eq!(rows.iter().map(|row| row.link_us).collect::<Vec<_>>(), [Some(1500), None, None]);
}

#[tokio::test]
async fn an_exchange_comes_back_byte_for_byte() {
    let mut world = World::new().await;
    let capture = world.begin("/order?id=1");
    capture.connected(Duration::from_millis(3));
    capture.data(Side::Request, b"ask");
    capture.answered(&answer(201));
    capture.data(Side::Response, b"{\"order\":");
    capture.data(Side::Response, b"\"\xff\"}");
    capture.end(None);
    world.settle().await;
    let exchange = world.store.exchange(capture.id()).await.unwrap();
    assert_eq!(
        exchange.request.head,
        b"POST /order?id=1 HTTP/1.1\r\nHOST: shop.test\r\nX-Forwarded-Proto: https\r\n\
          Content-Type: Text/Plain; x=y\r\n\r\n"
    );
    assert_eq!(exchange.request.body, Body { data: b"ask".to_vec(), bytes: 3 });
    let response = exchange.response.unwrap();
    assert!(
        response
            .head
            .starts_with(b"HTTP/1.1 201 As You Like\r\nContent-Type: application/json\r\nX-twice: 1")
    );
    assert_eq!(response.body.data, b"{\"order\":\"\xff\"}");
    let summary = exchange.summary;
    assert_eq!(summary.url(), "https://shop.test/order?id=1");
    assert_eq!((summary.state.as_str(), summary.status, summary.error), ("done", Some(201), None));
    assert_eq!((summary.mapping.as_deref(), summary.kind.as_str()), (Some("shop"), "http"));
    assert_eq!(summary.request_type.as_deref(), Some("text/plain"));
    assert_eq!((summary.connect_us, summary.gateway_us), (Some(3000), Some(40)));
    assert!(summary.first_byte_us.unwrap() <= summary.total_us.unwrap());
    assert!(world.store.exchange(99).await.is_err());
}

#[tokio::test]
async fn of_a_large_body_the_beginning_is_kept_and_the_rest_is_counted() {
    let mut world = World::new().await;
    for (more, kept) in [(0, BODY_BYTES), (1, BODY_BYTES)] {
        let capture = world.begin("/");
        let body: Vec<u8> = (0..BODY_BYTES + more).map(|n| (n % 251) as u8).collect();
        for piece in body.chunks(50_001) {
            capture.data(Side::Response, piece);
        }
        capture.answered(&answer(200));
        capture.end(None);
        let id = capture.id();
        drop(capture);
        world.rows(|rows| rows.iter().any(|row| row.id == id && row.state == "done")).await;
        let stored = world.store.exchange(id).await.unwrap().response.unwrap().body;
        assert_eq!((stored.data.len(), stored.bytes), (kept, body.len() as u64));
        assert_eq!(stored.is_truncated(), more > 0);
        assert!(stored.data == body[..kept]);
    }
    world.settle().await;
}

#[tokio::test]
async fn an_exchange_that_goes_on_shows_while_it_runs_and_ends_once() {
    let mut world = World::new().await;
    let capture = world.begin("/events");
    let row = world.rows(|rows| rows.len() == 1).await.remove(0);
    assert_eq!((row.state.as_str(), row.status, row.total_us), ("open", None, None));
    capture.answered(&answer(200));
    capture.data(Side::Response, b"data: findme\n\n");
    let answered = |rows: &[Summary]| rows[0].status == Some(200) && rows[0].response_kept == 14;
    assert_eq!(world.rows(answered).await[0].state, "open");
    capture.data(Side::Response, b"data: 2\n\n");
    capture.end(Some("cancelled"));
    world.settle().await;
    let exchange = world.store.exchange(capture.id()).await.unwrap();
    assert_eq!(exchange.response.unwrap().body.data, b"data: findme\n\ndata: 2\n\n");
    assert_eq!(
        (exchange.summary.state.as_str(), exchange.summary.error.as_deref()),
        ("cancelled", Some("cancelled"))
    );
    assert_eq!(world.store.exchanges(&Filter::default(), &jiff::Zoned::now(), 10).await.unwrap().len(), 1);
    assert_eq!(world.found("findme"), [capture.id()]);
}

#[tokio::test]
async fn what_a_dead_engine_left_open_has_failed_and_numbers_go_on() {
    let mut world = World::new().await;
    let done = world.begin("/done");
    done.end(None);
    let open = world.begin("/open");
    open.data(Side::Request, b"half");
    world.rows(|rows| rows.len() == 2 && rows[0].request_kept == 4).await;
    // What a kill -9 leaves: the files as they are now.
    let after = tempfile::tempdir().unwrap();
    for file in ["porthole.db", "porthole.db-wal"] {
        std::fs::copy(world.dir.path().join(file), after.path().join(file)).unwrap();
    }
    let recorder = Recorder::default();
    let writer = Writer::start(&path(&after), recorder.clone(), Limits::default()).await;
    let next = begin(&recorder, "/next").unwrap();
    assert!(next.id() > open.id());
    writer.close().await;
    let store = Store::open(&path(&after), Mend::Never).await.unwrap().store;
    let row = store.exchange(open.id()).await.unwrap().summary;
    assert_eq!((row.state.as_str(), row.error.as_deref()), ("failed", Some("engine-killed")));
    assert_eq!(row.request_kept, 4);
    assert_eq!(store.exchange(done.id()).await.unwrap().summary.state, "done");
    world.settle().await;
}

#[tokio::test]
async fn text_is_found_in_urls_heads_and_bodies() {
    let mut world = World::new().await;
    let capture = world.begin("/basket");
    capture.data(Side::Request, b"please marmalade");
    capture.answered(&answer(200));
    capture.data(Side::Response, b"{\"toast\":1}");
    capture.end(None);
    world.settle().await;
    let id = capture.id();
    for word in ["basket", "like", "marmalade", "toast"] {
        assert_eq!(world.found(word), [id], "{word}");
    }
    assert!(world.found("nowhere").is_empty());
}

#[tokio::test]
async fn the_oldest_are_forgotten_by_number_and_by_size_and_a_pinned_one_stays() {
    let limits = [Limits { count: 3, ..Limits::default() }, Limits { bytes: 30, ..Limits::default() }];
    for limits in limits {
        let mut world = World::with(limits).await;
        let mut ids = Vec::new();
        for number in 0..7 {
            let capture = world.begin("/");
            capture.data(Side::Request, b"ten bytes!");
            capture.end(None);
            ids.push(capture.id());
            if number == 0 {
                world.rows(|rows| rows.len() == 1).await;
                world.sql().execute("UPDATE exchanges SET pinned = 1", []).unwrap();
            }
        }
        let left = world.rows(|rows| rows.len() == 4 && rows[0].id == ids[6]).await;
        assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[6], ids[5], ids[4], ids[0]]);
        let bodies: i64 = world.sql().query_row("SELECT count(*) FROM bodies", [], |row| row.get(0)).unwrap();
        assert_eq!(bodies, 4);
        assert_eq!(world.found("bytes").len(), 4);
        world.settle().await;
    }
}

#[tokio::test]
async fn what_is_past_its_age_is_forgotten() {
    let mut world = World::new().await;
    let old = world.begin("/old");
    old.end(None);
    world.rows(|rows| rows.len() == 1).await;
    world.sql().execute("UPDATE exchanges SET started_us = started_us - 8 * 86400 * 1000000", []).unwrap();
    let new = world.begin("/new");
    new.end(None);
    world.rows(|rows| rows.len() == 1 && rows[0].id == new.id()).await;
    world.settle().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_used_pauses_capture_and_says_why() {
    let recorder = Recorder::default();
    let writer = Writer::start(Path::new("/nowhere/porthole.db"), recorder.clone(), Limits::default()).await;
    assert!(begin(&recorder, "/").is_none());
    let paused = recorder.paused().borrow().clone().unwrap();
    assert!(paused.message.contains("not kept"), "{}", paused.message);
    writer.close().await;
}
