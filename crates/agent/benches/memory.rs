//! What the store of exchanges can do: how fast they come in, and how fast lists and filters answer among
//! 100,000 of them (the aim: within 50 ms each).

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::{Timestamp, Zoned};
use porthole_agent::capture::{Brought, Recorder, Told};
use porthole_agent::inspect::filter::Filter;
use porthole_agent::inspect::recorded::{Recorded, RecordedRequest, RecordedResponse, Timings};
use porthole_agent::store::exchanges::{Limits, Writer};
use porthole_agent::store::{Mend, Store};
use tokio::runtime::Runtime;

const EXCHANGES: usize = 100_000;

/// Written in one transaction, as the writer takes them beside a flood.
const BATCH: usize = 500;

/// Rows of a page of the list.
const ROWS: u32 = 100;

/// What people ask for, with and without a match.
const FILTERS: [(&str, &str); 14] = [
    ("the newest", ""),
    ("a path", "path:/api/orders"),
    ("a path that nobody asked for", "path:/nowhere"),
    ("a part of a path that nobody asked for", "path:nowhere"),
    ("a host and a type", "host:shop type:json"),
    ("a class of status", "status:5xx"),
    ("a status that never came", "status:418"),
    ("slow failures", "method:POST status:5xx duration:>500ms"),
    ("a word of a body", "body:order_99999"),
    ("a word of all bodies", "body:order"),
    ("a word of none", "nowhere"),
    ("a field", "header:stripe-signature"),
    ("a field that never came", "header:x-nowhere"),
    ("an event", "name:charge.failed"),
];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// One of a shop's requests: orders, pages, and now and then a webhook.
fn exchange(number: usize) -> Recorded {
    let webhook = number.is_multiple_of(10);
    let mut fields = vec![
        ("Host".to_owned(), b"shop.tunnel.example.com".to_vec()),
        ("User-Agent".to_owned(), b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0".to_vec()),
        ("Content-Type".to_owned(), b"application/json".to_vec()),
    ];
    let (method, target, body) = if webhook {
        fields.push((
            "Stripe-Signature".into(),
            b"t=1,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff".to_vec(),
        ));
        let event = if number.is_multiple_of(1000) { "charge.failed" } else { "charge.succeeded" };
        let body =
            format!("{{\"id\": \"evt_{number}\", \"order\": \"order_{number}\", \"type\": \"{event}\"}}");
        ("POST", "/hooks/stripe".to_owned(), body)
    } else {
        ("GET", format!("/api/orders/{number}?page={}", number % 7), String::new())
    };
    let answer =
        format!("{{\"order\": \"order_{number}\", \"state\": \"paid\", \"items\": [{}, 2, 3]}}", number % 13);
    Recorded {
        started: Timestamp::now(),
        request: RecordedRequest {
            method: method.into(),
            scheme: "https".into(),
            host: "shop.tunnel.example.com".into(),
            target,
            fields,
            body_bytes: body.len() as u64,
            body: body.into_bytes(),
            ..RecordedRequest::default()
        },
        response: Some(RecordedResponse {
            status: if number.is_multiple_of(100) { 500 } else { 200 },
            fields: vec![("Content-Type".into(), b"application/json".to_vec())],
            body_bytes: answer.len() as u64,
            body: answer.into_bytes(),
            ..RecordedResponse::default()
        }),
        timings: Timings {
            total: Some(Duration::from_micros(number as u64 % 900_000)),
            ..Timings::default()
        },
        ..Recorded::default()
    }
}

struct Kept {
    store: Store,
    recorder: Recorder,
    writer: Writer,
}

impl Kept {
    async fn new(path: &Path) -> Self {
        let store = Store::open(path, Mend::SetAside).await.expect("a database").store;
        let recorder = Recorder::default();
        let limits = Limits { count: i64::MAX, ..Limits::default() };
        let writer = Writer::start(path, recorder.clone(), limits).await;
        Self { store, recorder, writer }
    }

    fn told(&self, count: usize) -> Vec<Told> {
        let first = self.recorder.numbers(count);
        let told = |id: i64| {
            let brought = Brought { exchange: exchange(id as usize), mapping: Some(("shop".into(), None)) };
            self.recorder.brought(id, brought).expect("it could have passed through")
        };
        (first..).take(count).map(told).collect()
    }
}

fn memory(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = RUNTIME.block_on(Kept::new(&folder.path().join("porthole.db")));
    RUNTIME.block_on(async {
        for _ in 0..EXCHANGES / BATCH {
            kept.recorder.import(kept.told(BATCH)).await.expect("stored");
        }
    });

    let mut lists = criterion.benchmark_group("of 100,000 exchanges");
    for (name, filter) in FILTERS {
        let filter = Filter::parse(filter).expect("a filter");
        let list = || RUNTIME.block_on(kept.store.exchanges(black_box(&filter), &Zoned::now(), ROWS));
        lists.bench_function(name, |bencher| bencher.iter(list));
    }
    lists.finish();

    let mut inserts = criterion.benchmark_group("taken in beside 100,000");
    inserts.throughput(Throughput::Elements(BATCH as u64)).sample_size(20);
    inserts.bench_function("500 exchanges", |bencher| {
        bencher.iter_batched(
            || kept.told(BATCH),
            |told| RUNTIME.block_on(kept.recorder.import(told)).expect("stored"),
            criterion::BatchSize::PerIteration,
        );
    });
    inserts.finish();
    RUNTIME.block_on(kept.writer.close());
}

criterion_group!(benches, memory);
criterion_main!(benches);
