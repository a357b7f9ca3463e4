//! The examples in the README are what this build speaks.

use bytes::Bytes;
use porthole_http1::{Fields, RequestHead, ResponseHead, Version};
use porthole_link::frame::{FLAG_END, Kind, read_head, read_open, take};
use porthole_link::{Open, StreamKind, ToAgent, ToGateway};

const README: &str = include_str!("../README.md");

/// The README's block that begins with this line.
fn block(info: &str) -> &'static str {
    let start = README.find(&format!("```{info}\n")).expect("the block is there") + info.len() + 4;
    README[start..].split("```").next().unwrap()
}

fn frame(info: &str) -> porthole_link::frame::Frame {
    let bytes = block(info).split_whitespace().map(|hex| u8::from_str_radix(hex, 16).unwrap());
    let mut message: Bytes = bytes.collect::<Vec<_>>().into();
    let frame = take(&mut message).unwrap().unwrap();
    assert!(message.is_empty());
    frame
}

#[test]
fn the_open_frame_in_the_readme_is_the_one_described() {
    let frame = frame("hex open");
    assert_eq!((frame.kind, frame.flags, frame.stream), (Kind::Open, FLAG_END, 1));
    let head = RequestHead {
        version: Version::Http11,
        method: "GET".into(),
        target: "/a".into(),
        fields: Fields::from_iter([("Host", "shop.example")]),
    };
    let open = Open {
        kind: StreamKind::Http,
        mapping: 7,
        request_id: "r1".into(),
        visitor: "192.0.2.1:4711".parse().unwrap(),
        gateway_us: None,
        head: Some(head),
    };
    assert_eq!(read_open(frame.payload), Ok((open, Bytes::new())));
}

#[test]
fn the_head_frame_in_the_readme_is_the_one_described() {
    let frame = frame("hex head");
    assert_eq!((frame.kind, frame.flags, frame.stream), (Kind::Head, FLAG_END, 1));
    let head = ResponseHead {
        version: Version::Http11,
        status: 200,
        reason: b"OK".to_vec(),
        fields: Fields::from_iter([("Content-Length", "2")]),
    };
    assert_eq!(read_head(frame.payload), Ok((head, Bytes::from_static(b"hi"))));
}

#[test]
fn the_control_messages_in_the_readme_are_written_as_they_stand_there() {
    for line in block("json to-gateway").lines() {
        let message: ToGateway = serde_json::from_str(line).unwrap();
        assert_ne!(message, ToGateway::Unknown);
        assert_eq!(serde_json::to_string(&message).unwrap(), line);
    }
    for line in block("json to-agent").lines() {
        let message: ToAgent = serde_json::from_str(line).unwrap();
        assert_ne!(message, ToAgent::Unknown);
        assert_eq!(serde_json::to_string(&message).unwrap(), line);
    }
}

#[test]
fn unknown_fields_and_messages_are_skipped() {
    let ping: ToGateway = serde_json::from_str(r#"{"type":"ping","at":1,"tomorrow":{}}"#).unwrap();
    assert_eq!(ping, ToGateway::Ping { at: 1 });
    let other: ToAgent = serde_json::from_str(r#"{"type":"tomorrow","with":[1]}"#).unwrap();
    assert_eq!(other, ToAgent::Unknown);
}
