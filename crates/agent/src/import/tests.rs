use serde_json::{Value, json};

use super::*;
use crate::inspect::filter::Filter;
use crate::store::exchanges::{Limits, Summary, Writer};
use crate::store::{Mend, Store};

struct World {
    _dir: tempfile::TempDir,
    store: Store,
    importer: Importer,
    writer: Writer,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("porthole.db");
        let store = Store::open(&path, Mend::SetAside).await.unwrap().store;
        let recorder = Recorder::default();
        let limits = Limits::default();
        let age = limits.age;
        let writer = Writer::start(&path, recorder.clone(), limits).await;
        let mut shop = MappingSpec::new("m1".into(), "3000".parse().unwrap());
        shop.name = Some("shop".into());
        let gateway = Some("https://tunnel.test".parse().unwrap());
        Self { _dir: dir, store, importer: Importer { recorder, known: vec![shop], gateway, age }, writer }
    }

    async fn import(&self, archive: &str) -> Report {
        self.importer.import(archive.into(), now()).await.unwrap()
    }

    async fn rows(&self) -> Vec<Summary> {
        let mut rows = self.store.exchanges(&Filter::default(), &jiff::Zoned::now(), 1000).await.unwrap();
        rows.reverse();
        rows
    }

    async fn export(&self, filter: &str) -> Value {
        let filter = Filter::parse(filter).unwrap();
        let archive = self.store.archive(&filter, &jiff::Zoned::now(), 1000, false).await.unwrap();
        serde_json::from_str(&archive).unwrap()
    }
}

/// A moment before the present: what is imported is not forgotten while the test runs.
fn now() -> Timestamp {
    Timestamp::now()
}

fn started() -> String {
    (now() - Duration::from_secs(3600)).round(jiff::Unit::Millisecond).unwrap().to_string()
}

/// As Chromium and Firefox write them, with members of their own.
fn of_browsers() -> Value {
    let (started, large) = (started(), "x".repeat(crate::capture::BODY_BYTES + 1));
    json!({"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"},
        "pages": [{"startedDateTime": started, "id": "page_1", "title": "https://shop.tunnel.test/", "pageTimings": {}}],
        "entries": [
        {   "_connectionId": "77", "_initiator": {"type": "script"}, "_priority": "High", "_resourceType": "fetch",
            "cache": {}, "connection": "443", "pageref": "page_1",
            "request": {"method": "POST", "url": "https://shop.tunnel.test/orders?page=2", "httpVersion": "http/2.0",
                "headers": [{"name": ":authority", "value": "shop.tunnel.test"}, {"name": ":method", "value": "POST"},
                    {"name": "content-type", "value": "application/json"}],
                "queryString": [{"name": "page", "value": "2"}], "cookies": [], "headersSize": -1, "bodySize": 7,
                "postData": {"mimeType": "application/json", "text": "{\"a\":1}"}},
            "response": {"status": 201, "statusText": "", "httpVersion": "http/2.0",
                "headers": [{"name": "content-encoding", "value": "br"}, {"name": "content-type", "value": "application/json"},
                    {"name": "set-cookie", "value": "a=1\nb=2"}],
                "cookies": [], "content": {"size": 13, "mimeType": "application/json", "text": "{\"order\":42}\n"},
                "redirectURL": "", "headersSize": -1, "bodySize": -1, "_transferSize": 99, "_error": null},
            "serverIPAddress": "203.0.113.9", "startedDateTime": started, "time": 20.5,
            "timings": {"blocked": 1.5, "dns": -1, "ssl": -1, "connect": -1, "send": 0.5, "wait": 16, "receive": 2.5,
                "_blocked_queueing": 0.4}},
        {   "request": {"method": "GET", "url": "data:image/png;base64,AAAA", "headers": []},
            "response": {"status": 200}, "startedDateTime": started},
        {   "request": {"method": "GET", "url": "https://elsewhere.test/a.png", "httpVersion": "HTTP/1.1",
                "headers": [{"name": "Host", "value": "elsewhere.test"}]},
            "response": {"status": 0, "httpVersion": "unknown", "headers": [], "content": {}, "_error": "net::ERR_FAILED"},
            "startedDateTime": started, "time": 3},
        {   "request": {"method": "GET", "url": "https://elsewhere.test/", "headers": [{"name": "x-a", "value": "a\rb"}]},
            "response": {"status": 200}, "startedDateTime": started},
        {   "request": {"method": "GET", "url": "https://elsewhere.test/old", "headers": []},
            "response": {"status": 200}, "startedDateTime": "2001-01-01T00:00:00Z"},
        {   "request": {"method": "GET", "url": "https://elsewhere.test/large", "headers": []},
            "response": {"status": 200, "headers": [], "content": {"mimeType": "text/plain", "text": large}},
            "startedDateTime": started},
    ]}})
}

#[tokio::test]
async fn what_a_browser_wrote_stands_among_the_others() {
    let world = World::new().await;
    let report = world.import(&of_browsers().to_string()).await;
    assert_eq!((report.taken_in, report.left_out), (3, 3), "{report:?}");
    let entries: Vec<usize> = report.reasons.iter().map(|left| left.entry).collect();
    assert_eq!(entries, [2, 4, 5], "{report:?}");
    let rows = world.rows().await;
    let [order, failed, large] = &rows[..] else { panic!("{rows:#?}") };
    assert_eq!((report.first_id, report.last_id), (Some(order.id), Some(large.id)));
    assert!(rows.iter().all(|row| row.source == "import" && row.visitor.is_none()));
    assert_eq!((order.mapping_id.as_str(), order.mapping.as_deref()), ("m1", Some("shop")));
    assert_eq!(
        (order.url().as_str(), order.state.as_str()),
        ("https://shop.tunnel.test/orders?page=2", "done")
    );
    assert_eq!((order.status, order.first_byte_us, order.total_us), (Some(201), Some(18_000), Some(20_500)));
    assert_eq!((failed.state.as_str(), failed.error.as_deref()), ("failed", Some("net::ERR_FAILED")));
    assert_eq!((failed.mapping_id.as_str(), failed.status), ("", None));
    let bound = crate::capture::BODY_BYTES as i64;
    assert_eq!((large.response_kept, large.response_bytes), (bound, bound + 1));
    let exchange = world.store.exchange(order.id).await.unwrap();
    let head =
        b"POST /orders?page=2 HTTP/1.1\r\nHost: shop.tunnel.test\r\ncontent-type: application/json\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&exchange.request.head), String::from_utf8_lossy(head));
    let answer = exchange.response.unwrap();
    let head = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&answer.head), String::from_utf8_lossy(head));
    let found = |filter| {
        let filter = Filter::parse(filter).unwrap();
        let world = &world;
        async move {
            let rows = world.store.exchanges(&filter, &jiff::Zoned::now(), 9).await.unwrap();
            rows.iter().map(|row| row.id).collect::<Vec<_>>()
        }
    };
    assert_eq!(found("is:import body:order").await, [order.id]);
    assert_eq!(found("is:visitor").await, [] as [i64; 0]);
    let samples = world.store.samples_since(0, None).await.unwrap();
    assert_eq!(samples, [], "it is no traffic");
}

#[tokio::test]
async fn what_was_exported_comes_in_as_it_was_but_for_its_number() {
    let world = World::new().await;
    world.import(&of_browsers().to_string()).await;
    let without_ids = |mut archive: Value| {
        for entry in archive["log"]["entries"].as_array_mut().unwrap() {
            entry["_porthole"].as_object_mut().unwrap().remove("id");
        }
        archive
    };
    let before = world.export("").await;
    let other = World::new().await;
    let report = other.import(&before.to_string()).await;
    assert_eq!((report.taken_in, report.reasons), (3, Vec::new()));
    assert_eq!(without_ids(other.export("").await), without_ids(before));
}

#[tokio::test]
async fn numbers_go_on_and_an_archive_larger_than_a_batch_comes_in_whole() {
    let world = World::new().await;
    let entry = json!({"startedDateTime": started(), "request": {"method": "GET", "url": "http://a.test/"}});
    let archive = json!({"log": {"entries": vec![entry; BATCH + 1]}}).to_string();
    let first = world.import(&archive).await;
    assert_eq!(first.taken_in, BATCH + 1);
    let second = world.import(&archive).await;
    assert_eq!(second.first_id, first.last_id.map(|id| id + 1));
    assert_eq!(world.rows().await.len(), 2 * (BATCH + 1));
}

#[tokio::test]
async fn nothing_is_taken_in_once_the_writer_has_left_or_of_what_is_no_archive() {
    let world = World::new().await;
    let bad = world.importer.import(b"{}".to_vec(), now()).await.unwrap_err();
    assert_eq!(bad.code(), "invalid-archive");
    let World { importer, writer, .. } = world;
    writer.close().await;
    let archive = of_browsers().to_string();
    let gone = importer.import(archive.into(), now()).await.unwrap_err();
    assert_eq!(gone.code(), "capture-paused", "{gone}");
}
