//! The language against itself (write and read), and the store's answers against plain Rust.

use jiff::Zoned;
use proptest::prelude::*;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::keys::FLAGS;
use super::*;

fn now() -> Zoned {
    "2026-03-10T12:00:00+01:00[Europe/Berlin]".parse().expect("a zoned time")
}

fn parse(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match Filter::parse(text) {
        Ok(filter) => panic!("{text} was read as {filter:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_filter_is_written_in_one_form_that_means_the_same() {
    for (typed, canonical) in [
        ("", ""),
        ("   ", ""),
        ("method:post,get STATUS:5XX,404,>=500 path:/api", "method:POST,GET status:5xx,404,>=500 path:/api"),
        (
            "duration:>500 duration:1.5s..2m size:>1MB size:<=2048",
            "duration:>500ms duration:1500ms..2m size:>1MB size:<=2KiB",
        ),
        ("is:WebSocket -is:replay", "is:websocket -is:replay"),
        ("body:\"order_42\" body:order", "body:\"order_42\" body:order"),
        ("  loose  \"exact  words\" -\"not this\" -nor ", "loose \"exact  words\" -\"not this\" -nor"),
        ("after:60m before:24h after:2026-01-31", "after:1h before:1d after:2026-01-31"),
        ("before:2026-01-31T10:00:00+02:00", "before:2026-01-31T08:00:00Z"),
        ("http://shop/a 12:30", "http://shop/a 12:30"),
        (
            "path:\"/a b\" path:\"plain\" note:\"say \\\"hi\\\"\"",
            "path:\"/a b\" path:plain note:\"say \\\"hi\\\"\"",
        ),
        ("header:Stripe-Signature type:JSON,image/*", "header:stripe-signature type:json,image/*"),
        ("--x", "--x"),
    ] {
        let filter = parse(typed);
        assert_eq!(filter.to_string(), canonical);
        assert_eq!(parse(canonical), filter, "{typed}");
    }
}

#[test]
fn an_error_is_a_sentence_with_the_place_and_the_nearest_known_word() {
    for (typed, sentence) in [
        ("a staus:500", "there is no key “staus”; did you mean “status:”? (at character 3)"),
        (
            "localhost:3000",
            "there is no key “localhost”; put it in quotation marks to look for it as text (at character 1)",
        ),
        ("é is:websokcet", "“websokcet” cannot follow “is:”; did you mean “websocket”? (at character 6)"),
        ("\"open", "the quotation mark is not closed (at character 1)"),
        ("body:\"a\"b", "a space is missing after the closing quotation mark (at character 9)"),
        ("a - b", "nothing follows the “-” (at character 3)"),
        ("method:", "“method:” needs a value, such as GET (at character 8)"),
        ("///", "“///” has no letter or digit to look for (at character 1)"),
        (
            "duration:500ms",
            "“500ms” cannot follow “duration:”; write a comparison or a range, such as >500ms or 100ms..1s (at character 10)",
        ),
        (
            "status:abc",
            "“abc” cannot follow “status:”; it takes 404, 5xx, >=400, 400..499 or a list of them (at character 8)",
        ),
        (
            "after:10",
            "“10” cannot follow “after:”; it takes 10m, 2h, 3d, 2026-01-31 or 2026-01-31T10:00:00Z (at character 7)",
        ),
        (
            "header:a:b",
            "“a:b” cannot follow “header:”; it takes a field's name, such as stripe-signature (at character 8)",
        ),
        (
            "size:2MB..1MB",
            "“2MB..1MB” cannot follow “size:”; write a comparison or a range, such as >1MB or 1KB..10KB (at character 6)",
        ),
    ] {
        assert_eq!(refused(typed), sentence, "{typed}");
    }
}

#[test]
fn each_bound_is_kept_and_one_more_is_refused() {
    let terms = |n: usize| vec!["a"; n].join(" ");
    assert_eq!(parse(&terms(MAX_TERMS)).terms.len(), MAX_TERMS);
    assert!(refused(&terms(MAX_TERMS + 1)).contains("more than 64 terms"));
    let list = |n: usize| format!("status:{}", vec!["404"; n].join(","));
    parse(&list(MAX_LIST));
    assert!(refused(&list(MAX_LIST + 1)).contains("more than 32 alternatives"));
    parse(&"a".repeat(MAX_FILTER_BYTES));
    assert!(refused(&"a".repeat(MAX_FILTER_BYTES + 1)).contains("longer than 4096 bytes"));
    parse("size:>9223372036854775807");
    refused("size:>9223372036854775808");
    refused("size:>99999999999999999999GiB");
}

#[test]
fn what_a_completion_offers_is_understood() {
    assert_eq!(FLAGS, Flag::ALL.map(Flag::name));
    for key in KEYS {
        for value in key.values {
            parse(&format!("{}:{value}", key.name));
        }
    }
}

/// A row of the store, with the text of its bodies.
#[derive(Debug, Clone)]
struct Row {
    mapping_id: &'static str,
    mapping: Option<&'static str>,
    source: &'static str,
    kind: &'static str,
    state: &'static str,
    started_us: i64,
    method: &'static str,
    scheme: &'static str,
    host: &'static str,
    target: String,
    visitor: Option<&'static str>,
    status: Option<i64>,
    error: Option<&'static str>,
    request_type: Option<&'static str>,
    response_type: Option<&'static str>,
    total_us: Option<i64>,
    bytes: [i64; 4],
    request_head: String,
    response_head: Option<String>,
    flags: [bool; 3],
    note: Option<&'static str>,
    name: Option<&'static str>,
    bodies: String,
}

impl Row {
    fn subject(&self) -> Subject<'_> {
        Subject {
            mapping_id: self.mapping_id,
            mapping: self.mapping,
            source: self.source,
            kind: self.kind,
            state: self.state,
            started_us: self.started_us,
            method: self.method,
            scheme: self.scheme,
            host: self.host,
            target: &self.target,
            visitor: self.visitor,
            status: self.status,
            error: self.error,
            request_type: self.request_type,
            response_type: self.response_type,
            total_us: self.total_us,
            request_bytes: self.bytes[0],
            response_bytes: self.bytes[1],
            request_kept: self.bytes[2],
            response_kept: self.bytes[3],
            request_head: self.request_head.as_bytes(),
            response_head: self.response_head.as_deref().map(str::as_bytes),
            incomplete: self.flags[0],
            edited: self.flags[1],
            pinned: self.flags[2],
            note: self.note,
            name: self.name,
            bodies: &self.bodies,
        }
    }
}

/// The part of the store's tables that a filter reads, as its migration makes them.
const TABLES: &str = "
CREATE TABLE exchanges (
  id INTEGER PRIMARY KEY AUTOINCREMENT, mapping_id TEXT NOT NULL, mapping TEXT, source TEXT NOT NULL,
  kind TEXT NOT NULL, started_us INTEGER NOT NULL, method TEXT NOT NULL, scheme TEXT NOT NULL,
  host TEXT NOT NULL, target TEXT NOT NULL, visitor TEXT, status INTEGER, error TEXT, state TEXT NOT NULL,
  request_type TEXT, response_type TEXT, total_us INTEGER,
  request_bytes INTEGER NOT NULL, response_bytes INTEGER NOT NULL,
  request_kept INTEGER NOT NULL, response_kept INTEGER NOT NULL,
  request_head BLOB NOT NULL, response_head BLOB,
  incomplete INTEGER NOT NULL, edited INTEGER NOT NULL, pinned INTEGER NOT NULL, note TEXT, name TEXT);
CREATE VIRTUAL TABLE exchange_text USING fts5(url, heads, bodies, content='', contentless_delete=1);";

fn store(rows: &[Row]) -> Connection {
    let db = Connection::open_in_memory().expect("a database in memory");
    db.execute_batch(TABLES).expect("tables");
    for row in rows {
        db.execute(
            "INSERT INTO exchanges (mapping_id, mapping, source, kind, started_us, method, scheme, host, target,
               visitor, status, error, state, request_type, response_type, total_us, request_bytes,
               response_bytes, request_kept, response_kept, request_head, response_head, incomplete, edited,
               pinned, note, name)
             VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            params![
                row.mapping_id,
                row.mapping,
                row.source,
                row.kind,
                row.started_us,
                row.method,
                row.scheme,
                row.host,
                row.target,
                row.visitor,
                row.status,
                row.error,
                row.state,
                row.request_type,
                row.response_type,
                row.total_us,
                row.bytes[0],
                row.bytes[1],
                row.bytes[2],
                row.bytes[3],
                row.request_head.as_bytes(),
                row.response_head.as_deref().map(str::as_bytes),
                row.flags[0],
                row.flags[1],
                row.flags[2],
                row.note,
                row.name,
            ],
        )
        .expect("a row");
        let heads = format!("{}{}", row.request_head, row.response_head.as_deref().unwrap_or_default());
        let url = format!("{}://{}{}", row.scheme, row.host, row.target);
        db.execute(
            "INSERT INTO exchange_text (rowid, url, heads, bodies) VALUES (?,?,?,?)",
            params![db.last_insert_rowid(), url, heads, row.bodies],
        )
        .expect("its text");
    }
    db
}

fn asked(db: &Connection, filter: &Filter) -> Vec<i64> {
    let (condition, values): (String, Vec<Value>) = filter.to_sql(&now());
    let mut query = db
        .prepare(&format!("SELECT id FROM exchanges WHERE {condition} ORDER BY id"))
        .unwrap_or_else(|error| panic!("{filter}: {condition}: {error}"));
    let ids = query.query_map(params_from_iter(values), |row| row.get(0)).expect("bound");
    ids.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{filter}: {condition}: {error}"))
}

fn expected(rows: &[Row], filter: &Filter) -> Vec<i64> {
    (1..).zip(rows).filter(|(_, row)| filter.matches(&row.subject(), &now())).map(|(id, _)| id).collect()
}

fn plain_row() -> Row {
    Row {
        mapping_id: "m-1",
        mapping: Some("shop"),
        source: "visitor",
        kind: "http",
        state: "done",
        started_us: now().timestamp().as_microsecond() - 60_000_000,
        method: "POST",
        scheme: "https",
        host: "shop.example.com",
        target: "/api/orders?page=2".into(),
        visitor: Some("10.0.0.7"),
        status: Some(500),
        error: None,
        request_type: Some("application/x-www-form-urlencoded"),
        response_type: Some("application/json"),
        total_us: Some(600_000),
        bytes: [100, 2_000_000, 100, 2_000_000],
        request_head: "POST /api/orders?page=2 HTTP/1.1\r\nHost: shop.example.com\r\nStripe-Signature: t=1,v1=ab\r\n\r\n"
            .into(),
        response_head: Some("HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\n\r\n".into()),
        flags: [false; 3],
        note: None,
        name: Some("charge.succeeded"),
        bodies: "{\"id\":\"order_42\",\"name\":\"100% sure\"}".into(),
    }
}

#[test]
fn the_example_of_the_manual_finds_its_exchange_and_each_term_alone_can_lose_it() {
    let rows = [plain_row()];
    let db = store(&rows);
    for term in [
        "method:POST",
        "method:get,post",
        "status:5xx",
        "status:4xx,500",
        "status:>=500",
        "status:400..500",
        "path:/api",
        "path:orders",
        "path:/API/o",
        "host:shop",
        "url:page=2",
        "mapping:Shop",
        "mapping:m-1",
        "type:json",
        "type:form",
        "type:application/*",
        "type:application/json",
        "duration:>500ms",
        "size:>1MB",
        "-is:websocket",
        "is:websocket,http",
        "is:visitor",
        "header:stripe-signature",
        "header:content-type",
        "body:\"order_42\"",
        "body:ord",
        "100% ",
        "orders",
        "oops",
        "\"api orders\"",
        "after:10m",
        "after:2026-03-10",
        "before:2026-03-11",
        "visitor:10.0.",
        "-error:timeout",
        "-note:x",
        "name:charge.",
        "-is:truncated",
    ] {
        let filter = parse(term);
        assert_eq!(asked(&db, &filter), [1], "{term}");
        assert!(filter.matches(&rows[0].subject(), &now()), "{term}");
        let turned = Filter {
            terms: vec![Term { negated: !filter.terms[0].negated, test: filter.terms[0].test.clone() }],
        };
        assert!(asked(&db, &turned).is_empty(), "{turned}");
        assert!(!turned.matches(&rows[0].subject(), &now()), "{turned}");
    }
    for term in [
        "method:GET",
        "status:404",
        "path:/orders",
        "path:page",
        "path:/ap_",
        "path:%",
        "mapping:sho",
        "type:html",
        "type:json/*",
        "duration:<500ms",
        "is:pinned",
        "header:signature",
        "header:host:",
        "body:\"order_4\"",
        "body:shop",
        "before:10m",
        "after:2026-03-11",
        "note:x",
    ] {
        let Ok(filter) = Filter::parse(term) else { continue };
        assert!(asked(&db, &filter).is_empty(), "{term}");
        assert!(!filter.matches(&rows[0].subject(), &now()), "{term}");
    }
}

/// Few words, so that what is asked is often there.
fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "order", "orders", "42", "api", "shop", "a", "x-trace", "Trace", "é", "50%", "_",
    ])
}

fn row() -> impl Strategy<Value = Row> {
    let optional = |values: Vec<&'static str>| prop::option::of(prop::sample::select(values));
    let text = || prop::collection::vec(word(), 0..5).prop_map(|words| words.join(" "));
    let who = (
        prop::sample::select(vec!["m-1", "m-2", "order"]),
        optional(vec!["shop", "api"]),
        prop::sample::select(vec!["visitor", "replay", "stand-in", "import"]),
        prop::sample::select(vec!["http", "websocket", "sse", "upgrade", "tcp"]),
        prop::sample::select(vec!["open", "done", "failed", "cancelled"]),
        -200_000_000_000_i64..100_000_000,
    );
    let what = (
        prop::sample::select(vec!["GET", "POST", "get"]),
        prop::sample::select(vec!["shop.example.com", "api.test:8080"]),
        prop::collection::vec(word(), 0..4),
        prop::option::of(prop::sample::select(vec!["page=2", "order", "/api"])),
        optional(vec!["10.0.0.7", "::1"]),
    );
    let answer = (
        prop::option::of(prop::sample::select(vec![200, 204, 301, 404, 499, 500, 503])),
        optional(vec!["service-timeout", "refused"]),
        optional(vec!["application/json", "text/html", "multipart/form-data"]),
        optional(vec!["application/problem+json", "image/png", "text/event-stream", "text/javascript"]),
        prop::option::of(0..3_000_000_i64),
    );
    let rest = (
        [0..3_000_i64, 0..3_000_i64, 0..3_000_i64, 0..3_000_i64],
        prop::collection::vec((word(), text()), 0..4),
        prop::option::of(prop::collection::vec((word(), text()), 0..4)),
        any::<[bool; 3]>(),
        optional(vec!["order 42", "look at this"]),
        text(),
    );
    (who, what, answer, rest).prop_map(|(who, what, answer, rest)| {
        let path: String = what.2.iter().flat_map(|part| ["/", part]).collect();
        let query = what.3.map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{path}{query}");
        let fields = |fields: &[(&str, String)]| -> String {
            let lines: String = fields.iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
            format!("{lines}\r\n")
        };
        Row {
            mapping_id: who.0,
            mapping: who.1,
            source: who.2,
            kind: who.3,
            state: who.4,
            started_us: now().timestamp().as_microsecond() + who.5,
            method: what.0,
            scheme: "https",
            host: what.1,
            request_head: format!("{} {target} HTTP/1.1\r\n{}", what.0, fields(&rest.1)),
            target,
            visitor: what.4,
            status: answer.0,
            error: answer.1,
            request_type: answer.2,
            response_type: answer.3,
            total_us: answer.4,
            bytes: rest.0,
            response_head: rest.2.map(|list| format!("HTTP/1.1 200 OK\r\n{}", fields(&list))),
            flags: rest.3,
            note: rest.4,
            name: rest.4,
            bodies: rest.5,
        }
    })
}

fn compare(top: u64) -> impl Strategy<Value = Compare> {
    (0..5, 0..top, 0..top).prop_map(|(kind, a, b)| match kind {
        0 => Compare::Above(a),
        1 => Compare::AtLeast(a),
        2 => Compare::Below(a),
        3 => Compare::AtMost(a),
        _ => Compare::Between(a.min(b), a.max(b)),
    })
}

fn phrase() -> impl Strategy<Value = Phrase> {
    let whole =
        (prop::collection::vec(word(), 0..3), prop::sample::select(vec!["order", "42", "tra", "\"a\\ api"]))
            .prop_map(|(words, last)| Phrase { text: format!("{} {last}", words.join("_")), whole: true });
    let loose = prop::sample::select(vec!["ord", "4", "order.42", "x-tr", "api/a", "50%", "http://sh", "tr"])
        .prop_map(|text| Phrase { text: text.into(), whole: false });
    prop_oneof![whole, loose]
}

fn when() -> impl Strategy<Value = When> {
    let at = now().timestamp();
    prop_oneof![
        (0..300_000_u64).prop_map(|s| When::Ago(s * 1_000_000)),
        (-300_000..100_000_i64).prop_map(move |s| When::At(at + jiff::SignedDuration::from_secs(s))),
        (1..12_i8).prop_map(|day| When::Day(jiff::civil::date(2026, 3, day))),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let text = || {
        prop::sample::select(vec![
            "/", "/api", "order", "%", "_", "\\", "shop", "a b", "\"q\"", "2", "10.", "time", "é",
        ])
        .prop_map(str::to_owned)
    };
    let names = |values: Vec<&'static str>| {
        prop::collection::vec(prop::sample::select(values).prop_map(str::to_owned), 1..3)
    };
    let status = prop_oneof![
        prop::sample::select(vec![200, 404, 500]).prop_map(StatusTest::Exactly),
        (1..6_u64).prop_map(StatusTest::Class),
        compare(600).prop_map(StatusTest::Compare),
    ];
    prop_oneof![
        3 => phrase().prop_map(Test::Text),
        2 => phrase().prop_map(Test::Body),
        1 => names(vec!["GET", "POST", "PUT"]).prop_map(Test::Method),
        2 => prop::collection::vec(status, 1..3).prop_map(Test::Status),
        1 => text().prop_map(Test::Path),
        1 => text().prop_map(Test::Url),
        1 => text().prop_map(Test::Host),
        1 => prop::sample::select(vec!["shop", "API", "m-1", "order"]).prop_map(|s| Test::Mapping(s.into())),
        1 => text().prop_map(Test::Visitor),
        1 => text().prop_map(Test::Error),
        1 => text().prop_map(Test::Note),
        1 => text().prop_map(Test::Name),
        1 => prop::sample::select(vec!["order", "x-trace", "trace", "_", "orde", "a"])
            .prop_map(|s| Test::Header(s.into())),
        1 => names(vec!["json", "html", "js", "form", "sse", "image/*", "text/html", "text", "*"])
            .prop_map(Test::Type),
        1 => compare(3_000_000).prop_map(Test::Duration),
        1 => compare(6_000).prop_map(Test::Size),
        2 => prop::collection::vec(prop::sample::select(Flag::ALL.to_vec()), 1..3).prop_map(Test::Is),
        1 => when().prop_map(Test::Before),
        1 => when().prop_map(Test::After),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let term = (any::<bool>(), test()).prop_map(|(negated, test)| Term { negated, test });
    prop::collection::vec(term, 0..4).prop_map(|terms| Filter { terms })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_as_the_same_filter(filter in filter()) {
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn whatever_is_typed_is_refused_or_has_one_form_and_never_an_error_in_the_store(
        text in "(-?(method|status|path|is|body|header|type|size|after|host)?:?[ \"\\\\a-zé0-9:*%_.<>(){}^+\0-]{0,8} ){0,4}",
    ) {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
            asked(&store(&[plain_row()]), &filter);
        }
    }

    #[test]
    fn the_store_and_plain_rust_find_the_same_exchanges(
        rows in prop::collection::vec(row(), 1..30),
        filters in prop::collection::vec(filter(), 1..12),
    ) {
        let db = store(&rows);
        for filter in filters {
            prop_assert_eq!(asked(&db, &filter), expected(&rows, &filter), "{}", filter);
        }
    }
}
