use super::*;
use crate::store::exchanges::{Body, Half, Summary};

/// A webhook as it was kept: odd case, a repeat, a signature, bytes that are no text.
const HEAD: &[u8] =
    b"POST /hook?a=%20b HTTP/1.1\r\nHOST: shop.test\r\nX-Twice: 1\r\nStripe-Signature: t=1,v1=ab\r\n\
    x-TWICE: 2\r\nX-Odd: \xff\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\n";

fn exchange(head: &[u8], body: &[u8]) -> Exchange {
    let summary = Summary {
        id: 7,
        method: "POST".into(),
        target: "/hook?a=%20b".into(),
        kind: "http".into(),
        state: "done".into(),
        mapping_id: "m".into(),
        mapping: Some("shop".into()),
        ..Summary::default()
    };
    let body = Body { data: body.to_vec(), bytes: body.len() as u64 };
    Exchange {
        summary,
        request: Half { head: head.to_vec(), body, trailers: Vec::new() },
        response: None,
        sent: None,
    }
}

fn known() -> Vec<MappingSpec> {
    let spec = |id: &str, name: &str, target: &str| MappingSpec {
        name: Some(name.into()),
        ..MappingSpec::new(id.into(), target.parse().unwrap())
    };
    let tcp = MappingSpec::new("t".into(), Target::parse_tcp("5432").unwrap());
    vec![spec("m", "shop", "https://localhost:3000"), spec("n", "other", "http://10.0.0.1:4000"), tcp]
}

fn done(ask: &Ask) -> Result<Prepared, ReplayError> {
    prepare(&exchange(HEAD, b"\x1f\x8b\x00"), ask, &known())
}

fn edited(edit: Edit) -> Ask {
    Ask { edit, ..Ask::default() }
}

fn text(fields: &Fields) -> Vec<String> {
    let line = |(name, value): (&[u8], &[u8])| {
        format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
    };
    fields.iter().map(line).collect()
}

#[test]
fn as_it_was_means_every_byte_of_head_and_body_in_order() {
    let prepared = done(&Ask::default()).unwrap();
    let mut head = Vec::new();
    write_request_head(&prepared.head, &mut head).unwrap();
    assert_eq!(head, HEAD);
    assert_eq!(prepared.body, b"\x1f\x8b\x00");
    assert_eq!((prepared.chunked, prepared.edited), (false, false));
    assert_eq!((prepared.spec.id.as_str(), prepared.spec.inspect), ("m", true));
}

#[test]
fn what_came_in_chunks_goes_in_chunks() {
    let head = b"POST /hook?a=%20b HTTP/1.1\r\nHost: a\r\n\r\n";
    assert!(prepare(&exchange(head, b"abc"), &Ask::default(), &known()).unwrap().chunked);
    assert!(!prepare(&exchange(head, b""), &Ask::default(), &known()).unwrap().chunked);
}

#[test]
fn each_part_can_be_another() {
    let edit = Edit {
        method: Some("PUT".into()),
        target: Some("/new".into()),
        set: vec![
            ("host".into(), Some("x".into())),
            ("X-TWICE".into(), None),
            ("New".into(), Some("n".into())),
        ],
        body: Some(b"longer".to_vec()),
        ..Edit::default()
    };
    let prepared = done(&edited(edit)).unwrap();
    assert_eq!((prepared.head.method.as_str(), prepared.head.target.as_str()), ("PUT", "/new"));
    let wanted = ["HOST: x", "Stripe-Signature: t=1,v1=ab", "X-Odd: \u{fffd}", "Content-Length: 6", "New: n"];
    assert_eq!(text(&prepared.head.fields), wanted);
    assert_eq!(prepared.body, b"longer");
    assert!(prepared.edited);
}

#[test]
fn fields_given_as_text_keep_the_bytes_of_those_that_are_no_text() {
    let fields = [("x-odd", "\u{fffd}"), ("Connection", "close"), ("A", "b")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let prepared = done(&edited(Edit { fields: Some(fields), ..Edit::default() })).unwrap();
    assert_eq!(prepared.head.fields.get("x-odd"), Some(&b"\xff"[..]));
    // Hop-by-hop fields are this hop's own.
    assert_eq!(prepared.head.fields.len(), 2);
}

#[test]
fn a_body_where_there_was_none_is_announced() {
    let mut plain = exchange(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"");
    plain.summary.method = "GET".into();
    let ask = edited(Edit { body: Some(b"x".to_vec()), ..Edit::default() });
    let prepared = prepare(&plain, &ask, &known()).unwrap();
    assert_eq!(text(&prepared.head.fields), ["Host: a", "Content-Length: 1"]);
}

#[test]
fn a_body_that_is_not_whole_is_refused_unless_another_is_given() {
    let mut cut = exchange(HEAD, b"ab");
    cut.request.body.bytes = 3;
    let truncated = prepare(&cut, &Ask::default(), &known());
    assert_eq!(truncated, Err(ReplayError::Truncated { id: 7, kept: 2 }));
    assert!(truncated.unwrap_err().to_string().contains("first 2 bytes"));
    // Less came than was announced: the service was down, or answered early.
    let mut early = exchange(HEAD, b"ab");
    assert_eq!(prepare(&early, &Ask::default(), &known()), Err(ReplayError::Incomplete { id: 7 }));
    // In chunks, nobody knows how many were to come.
    let mut chunks = exchange(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"ab");
    chunks.summary.state = "failed".into();
    assert_eq!(prepare(&chunks, &Ask::default(), &known()), Err(ReplayError::Incomplete { id: 7 }));
    early.summary.incomplete = true;
    let ask = edited(Edit { body: Some(b"whole".to_vec()), ..Edit::default() });
    for exchange in [cut, early, chunks] {
        assert_eq!(prepare(&exchange, &ask, &known()).unwrap().body, b"whole");
    }
}

#[test]
fn only_requests_are_sent_again() {
    for kind in ["websocket", "tcp", "upgrade"] {
        let mut exchange = exchange(HEAD, b"abc");
        exchange.summary.kind = kind.into();
        let refused = prepare(&exchange, &Ask::default(), &known());
        assert!(matches!(refused, Err(ReplayError::Conversation { id: 7, .. })), "{kind}");
    }
}

#[test]
fn what_could_not_be_sent_is_refused_before() {
    let set = |name: &str, value: &str| vec![(name.to_owned(), Some(value.to_owned()))];
    for edit in [
        Edit { method: Some("GET /".into()), ..Edit::default() },
        Edit { target: Some("hook".into()), ..Edit::default() },
        Edit { target: Some("/a b".into()), ..Edit::default() },
        Edit { set: set("X", "a\r\nY: b"), ..Edit::default() },
        Edit { set: set("X Y", "a"), ..Edit::default() },
    ] {
        let refused = done(&edited(edit.clone()));
        assert!(matches!(refused, Err(ReplayError::Unsendable { id: 7, .. })), "{edit:?}: {refused:?}");
    }
}

#[test]
fn it_goes_to_this_computer_or_to_what_a_mapping_names_and_nowhere_else() {
    let to = |to: To| done(&Ask { to: Some(to), ..Ask::default() }).map(|prepared| prepared.spec);
    let target = |to_what: To| to(to_what).map(|spec| spec.target.to_string());
    assert_eq!(target(To::Port(4000)).as_deref(), Ok("https://localhost:4000"));
    assert_eq!(target(To::Target("127.0.0.1:5000".into())).as_deref(), Ok("http://127.0.0.1:5000"));
    assert_eq!(target(To::Target("http://10.0.0.1:4000".into())).as_deref(), Ok("http://10.0.0.1:4000"));
    assert_eq!(target(To::Mapping("other".into())).as_deref(), Ok("http://10.0.0.1:4000"));
    assert_eq!(to(To::Mapping("n".into())).map(|spec| spec.id).as_deref(), Ok("n"));
    // Elsewhere it stays under the mapping that it came through.
    assert_eq!(to(To::Port(4000)).map(|spec| spec.id).as_deref(), Ok("m"));
    let elsewhere = to(To::Target("http://10.0.0.1:4001".into()));
    assert_eq!(elsewhere, Err(ReplayError::NotNamed("http://10.0.0.1:4001".into())));
    assert!(matches!(to(To::Target("nonsense".into())), Err(ReplayError::Target(_))));
    assert_eq!(to(To::Mapping("x".into())), Err(ReplayError::NoMapping("x".into())));
    assert_eq!(to(To::Mapping("t".into())), Err(ReplayError::TcpMapping("t".into())));
}

#[test]
fn a_mapping_that_is_gone_is_told_and_a_port_helps() {
    let exchange = exchange(HEAD, b"abc");
    assert_eq!(prepare(&exchange, &Ask::default(), &[]), Err(ReplayError::MappingGone { id: 7 }));
    let ask = Ask { to: Some(To::Port(3000)), ..Ask::default() };
    let spec = prepare(&exchange, &ask, &[]).unwrap().spec;
    assert_eq!((spec.id.as_str(), spec.name.as_deref()), ("m", Some("shop")));
    assert_eq!(spec.target.to_string(), "http://localhost:3000");
}
