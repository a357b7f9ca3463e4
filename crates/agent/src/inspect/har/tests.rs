use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::recorded::{Message as _, Recorded, RecordedRequest, RecordedResponse, Timings};
use super::*;

/// Members that HAR 1.2 asks for, by the object they are in: name and kind (`s`tring, `n`umber,
/// `a`rray, `o`bject).
const SCHEMA: &[(&str, &[(&str, char)])] = &[
    ("/log", &[("version", 's'), ("creator", 'o'), ("entries", 'a')]),
    ("/log/creator", &[("name", 's'), ("version", 's')]),
    (
        "/log/entries/*",
        &[
            ("startedDateTime", 's'),
            ("time", 'n'),
            ("request", 'o'),
            ("response", 'o'),
            ("cache", 'o'),
            ("timings", 'o'),
        ],
    ),
    (
        "/log/entries/*/request",
        &[
            ("method", 's'),
            ("url", 's'),
            ("httpVersion", 's'),
            ("cookies", 'a'),
            ("headers", 'a'),
            ("queryString", 'a'),
            ("headersSize", 'n'),
            ("bodySize", 'n'),
        ],
    ),
    (
        "/log/entries/*/response",
        &[
            ("status", 'n'),
            ("statusText", 's'),
            ("httpVersion", 's'),
            ("cookies", 'a'),
            ("headers", 'a'),
            ("content", 'o'),
            ("redirectURL", 's'),
            ("headersSize", 'n'),
            ("bodySize", 'n'),
        ],
    ),
    ("/log/entries/*/response/content", &[("size", 'n'), ("mimeType", 's')]),
    ("/log/entries/*/timings", &[("send", 'n'), ("wait", 'n'), ("receive", 'n')]),
    ("/log/entries/*/request/headers/*", &[("name", 's'), ("value", 's')]),
    ("/log/entries/*/request/cookies/*", &[("name", 's'), ("value", 's')]),
    ("/log/entries/*/request/queryString/*", &[("name", 's'), ("value", 's')]),
    ("/log/entries/*/response/headers/*", &[("name", 's'), ("value", 's')]),
    ("/log/entries/*/response/cookies/*", &[("name", 's'), ("value", 's')]),
];

/// Everything at a place whose `*` is any element.
fn all<'a>(value: &'a Value, place: &str) -> Vec<&'a Value> {
    match place.split_once("/*") {
        None => value.pointer(place).into_iter().collect(),
        Some((list, rest)) => {
            let list = value.pointer(list).and_then(Value::as_array).expect("a list");
            list.iter().flat_map(|element| all(element, rest)).collect()
        }
    }
}

fn holds_to_the_format(archive: &Value) {
    for (place, members) in SCHEMA {
        for object in all(archive, place) {
            for (name, kind) in *members {
                let member = &object[name];
                let right = match kind {
                    's' => member.is_string(),
                    'n' => member.is_number(),
                    'a' => member.is_array(),
                    _ => member.is_object(),
                };
                assert!(right, "{place}/{name}: {member}");
            }
        }
    }
    for entry in all(archive, "/log/entries/*") {
        let timings = entry["timings"].as_object().expect("timings");
        let sum: f64 = timings.values().filter_map(Value::as_f64).filter(|time| *time >= 0.0).sum();
        let time = entry["time"].as_f64().expect("a time");
        assert!((sum - time).abs() < 0.001, "{sum} is not {time}");
        if let Some(post) = entry["request"].get("postData") {
            assert!(post["mimeType"].is_string() && post["text"].is_string(), "{post}");
        }
    }
}

fn imported(archive: &[u8]) -> Vec<Recorded> {
    let archive = import(archive).expect("an archive");
    assert_eq!(archive.left_out, []);
    archive.exchanges.into_iter().map(|(_, exchange)| exchange).collect()
}

fn coded(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("a vector takes everything")
}

#[test]
fn other_programs_see_decoded_text_and_the_bytes_come_back_as_they_were() {
    let body = coded(b"{\"a\":1}");
    let recorded = Recorded {
        response: Some(RecordedResponse {
            status: 200,
            fields: vec![
                ("Content-Encoding".into(), b"gzip".to_vec()),
                ("Content-Type".into(), b"application/json".to_vec()),
                ("Set-Cookie".into(), b"a=b; Path=/".to_vec()),
            ],
            body_bytes: body.len() as u64,
            body,
            ..RecordedResponse::default()
        }),
        request: RecordedRequest {
            method: "GET".into(),
            scheme: "https".into(),
            host: "shop.example.com".into(),
            target: "/a?b=c%20d".into(),
            ..RecordedRequest::default()
        },
        ..Recorded::default()
    };
    let text = export([&recorded]).expect("an archive");
    let archive: Value = serde_json::from_str(&text).expect("JSON");
    holds_to_the_format(&archive);
    let entry = &archive["log"]["entries"][0];
    assert_eq!(entry["response"]["content"]["text"], "{\"a\":1}");
    assert_eq!(entry["response"]["content"]["size"], 7);
    assert_eq!(entry["response"]["cookies"], json!([{"name": "a", "value": "b"}]));
    assert_eq!(entry["request"]["queryString"], json!([{"name": "b", "value": "c d"}]));
    assert_eq!(imported(text.as_bytes()), [recorded]);
}

#[test]
fn what_browsers_write_is_understood() {
    let archive = json!({"log": {"version": "1.2", "pages": [], "entries": [
        {   // Chrome: HTTP/2 names, a decoded body beside its coding, an error.
            "_initiator": {"type": "other"},
            "startedDateTime": "2026-01-31T10:00:00.123Z", "time": 12.5,
            "request": {"method": "GET", "url": "https://a.example/x?y#part", "httpVersion": "h2",
                "headers": [{"name": ":authority", "value": "a.example"}, {"name": "accept", "value": "*/*"}]},
            "response": {"status": 200, "statusText": "", "httpVersion": "h2",
                "headers": [{"name": "content-encoding", "value": "br"}, {"name": "content-type", "value": "text/plain"}],
                "content": {"size": 5, "mimeType": "text/plain", "text": "hello"}, "_transferSize": 99},
            "timings": {"blocked": 1.5, "dns": -1, "connect": -1, "send": 0.5, "wait": 8, "receive": 2.5}
        },
        {   // Firefox: a form as parameters, a time with an offset, no text but a size.
            "startedDateTime": "2026-01-31T11:00:00.000+01:00",
            "request": {"method": "POST", "url": "http://a.example", "headers": [],
                "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "b c"}]}},
            "response": {"status": 404, "content": {"size": 1000, "mimeType": "image/png"}}
        },
        {"startedDateTime": "2026-01-31T10:00:00Z", "request": {"method": "GET", "url": "http://a/"},
         "response": {"status": 0, "_error": "net::ERR_FAILED"}}
    ]}});
    let text = format!("\u{feff}{archive}");
    let [chrome, firefox, failed]: [Recorded; 3] = imported(text.as_bytes()).try_into().expect("three");
    assert_eq!((chrome.request.target.as_str(), chrome.request.host.as_str()), ("/x?y", "a.example"));
    assert_eq!(chrome.request.fields, [("accept".to_owned(), b"*/*".to_vec())]);
    let answer = chrome.response.expect("an answer");
    assert_eq!((answer.body.as_slice(), answer.fields.len()), (&b"hello"[..], 1));
    assert_eq!(chrome.timings.first_byte, Some(Duration::from_millis(10)));
    assert_eq!(chrome.timings.total, Some(Duration::from_micros(12_500)));
    assert_eq!(firefox.started, "2026-01-31T10:00:00Z".parse::<Timestamp>().expect("a time"));
    assert_eq!((firefox.request.target.as_str(), firefox.request.body.as_slice()), ("/", &b"a=b+c"[..]));
    assert!(firefox.response.expect("an answer").is_truncated());
    assert_eq!((failed.response, failed.error.as_deref()), (None, Some("net::ERR_FAILED")));
}

#[test]
fn what_was_not_asked_for_over_http_is_left_out_and_the_rest_keeps_its_place() {
    let urls =
        ["data:text/plain,a", "wss://a.example/live", "chrome-extension://abc/x.js", "HTTP://a.example/"];
    let entry = |url| {
        json!({"startedDateTime": "2026-01-31T10:00:00Z", "request": {"method": "GET", "url": url,
            "headers": [{"name": "accept", "value": "a\nb"}]}})
    };
    let archive = json!({"log": {"entries": urls.map(entry)}}).to_string();
    let archive = import(archive.as_bytes()).expect("an archive");
    let taken: Vec<_> =
        archive.exchanges.iter().map(|(entry, exchange)| (*entry, exchange.request.url())).collect();
    let url = str::to_owned;
    assert_eq!(taken, [(2, url("https://a.example/live")), (4, url("http://a.example/"))]);
    assert_eq!(archive.left_out.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), [1, 3]);
    let accept = ["a", "b"].map(|value| ("accept".to_owned(), value.as_bytes().to_vec()));
    assert_eq!(archive.exchanges[0].1.request.fields, accept, "a field that came twice");
}

#[test]
fn an_error_names_the_entry_and_the_field() {
    let entry = |change: &dyn Fn(&mut Value)| {
        let good = json!({"startedDateTime": "2026-01-31T10:00:00Z", "request": {"method": "GET", "url": "http://a/"}});
        let mut bad = good.clone();
        change(&mut bad);
        import(json!({"log": {"entries": [good, bad]}}).to_string().as_bytes()).expect_err("bad").to_string()
    };
    assert_eq!(
        entry(&|e| e["request"]["url"] = json!("a/b")),
        "entry 2: request.url is no URL with a scheme and a host"
    );
    assert_eq!(entry(&|e| e["request"]["method"] = Value::Null), "entry 2: request.method is missing");
    assert_eq!(entry(&|e| e["startedDateTime"] = json!("yesterday")), "entry 2: startedDateTime is no time");
    assert_eq!(
        entry(&|e| e["request"]["headers"] = json!([{"value": "x"}])),
        "entry 2: request.headers.0 has no name"
    );
    assert_eq!(entry(&|e| e["response"] = json!({"status": "ok"})), "entry 2: response.status is no status");
    assert_eq!(
        entry(&|e| e["response"] = json!({"status": 200, "content": {"text": "%", "encoding": "base64"}})),
        "entry 2: response.content.text is not the base64 that it says"
    );
    for (text, sentence) in [("{}", "it has no list log.entries"), ("[", "this is no HAR archive: EOF")] {
        let error = import(text.as_bytes()).expect_err(text).to_string();
        assert!(error.contains(sentence), "{error}");
    }
}

#[test]
fn each_bound_is_kept_and_one_more_is_refused() {
    let archive = |entries: usize, fields: usize| {
        let entry = json!({"startedDateTime": "2026-01-31T10:00:00Z", "request":
            {"method": "GET", "url": "http://a/", "headers": vec![json!({"name": "a", "value": "b"}); fields]}});
        import(json!({"log": {"entries": vec![entry; entries]}}).to_string().as_bytes())
    };
    let read = archive(1, MAX_FIELDS).expect("at the bound");
    assert_eq!(read.exchanges[0].1.request.fields.len(), MAX_FIELDS);
    let error = archive(1, MAX_FIELDS + 1).expect_err("above").to_string();
    assert_eq!(error, format!("entry 1: request.headers has more than {MAX_FIELDS} fields"));
    assert_eq!(archive(MAX_ENTRIES, 0).expect("at the bound").exchanges.len(), MAX_ENTRIES);
    assert!(matches!(archive(MAX_ENTRIES + 1, 0), Err(ImportError::TooManyEntries)));
    assert!(matches!(import(&vec![b' '; MAX_HAR_BYTES + 1]), Err(ImportError::TooLarge)));
}

fn body() -> impl Strategy<Value = (Vec<u8>, u64)> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "\\PC{0,20}".prop_map(String::into_bytes),
        "[a-c]{1,40}".prop_map(|text| coded(text.as_bytes())),
    ];
    (bytes, 0..3_u64).prop_map(|(bytes, more)| {
        let whole = bytes.len() as u64 + more;
        (bytes, whole)
    })
}

fn fields() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let field = prop_oneof![
        ("[A-Za-z-]{1,8}", prop::collection::vec(0x20..=0xff_u8, 0..10)),
        (Just("Content-Encoding".to_owned()), prop::sample::select(vec![b"gzip".to_vec(), b"br".to_vec()])),
        (Just("Cookie".to_owned()), Just(b"a=b; c; d=".to_vec())),
    ];
    prop::collection::vec(field, 0..4)
}

fn recorded() -> impl Strategy<Value = Recorded> {
    let time = || prop::option::of((0..5_000_000_u64).prop_map(Duration::from_micros));
    let target = prop_oneof![Just("*".to_owned()), "/[!-~]{0,12}", "[!-~]{1,4}"];
    let request = ("[A-Z]{1,7}", "https?", "[a-z.]{1,8}(:80)?", target, fields(), body(), fields()).prop_map(
        |(method, scheme, host, target, fields, (body, body_bytes), trailers)| RecordedRequest {
            method,
            scheme,
            host,
            target,
            fields,
            body,
            body_bytes,
            trailers,
        },
    );
    let response = (100..1000_u16, "[ -~]{0,8}", fields(), body(), fields()).prop_map(
        |(status, reason, fields, (body, body_bytes), trailers)| RecordedResponse {
            status,
            reason,
            version: "HTTP/1.1".into(),
            fields,
            body,
            body_bytes,
            trailers,
        },
    );
    let timings =
        (time(), time(), time(), time(), time()).prop_map(|(connect, first_byte, total, link, gateway)| {
            Timings { connect, first_byte, total, link, gateway }
        });
    let error = prop::option::of("[a-z-]{1,8}");
    let started = 0..4_000_000_000_000_000_i64;
    (0..i64::MAX, started, request, prop::option::of(response), error, timings).prop_map(
        |(id, started, request, response, error, timings)| Recorded {
            id,
            started: Timestamp::from_microsecond(started).expect("a time"),
            request,
            response,
            error,
            timings,
        },
    )
}

proptest! {
    #[test]
    fn what_is_exported_holds_to_the_format_and_comes_back_the_same(
        exchanges in prop::collection::vec(recorded(), 0..4),
    ) {
        let text = export(&exchanges).expect("an archive");
        holds_to_the_format(&serde_json::from_str(&text).expect("JSON"));
        prop_assert_eq!(imported(text.as_bytes()), exchanges);
    }
}
