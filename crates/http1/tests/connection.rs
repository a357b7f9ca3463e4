//! Keep-alive, upgrade and hop-by-hop fields.

use porthole_http1::connection::{keeps_alive, strip_hop_by_hop, upgrade};
use porthole_http1::{Fields, RequestHead, Version};

fn fields(lines: &[(&str, &str)]) -> Fields {
    lines.iter().copied().collect()
}

#[test]
fn http_1_1_lasts_unless_closed_and_1_0_only_when_kept() {
    for (version, connection, kept) in [
        (Version::Http11, None, true),
        (Version::Http11, Some("Close"), false),
        (Version::Http11, Some("keep-alive"), true),
        (Version::Http11, Some("keep-alive, close"), false),
        (Version::Http11, Some("x,,\tCLOSE "), false),
        (Version::Http11, Some("closed"), true),
        (Version::Http10, None, false),
        (Version::Http10, Some("Keep-Alive"), true),
        (Version::Http10, Some("keep-alive, close"), false),
        (Version::Http10, Some("upgrade"), false),
        (Version::Http2, None, true),
    ] {
        let fields: Fields = connection.map(|value| ("Connection", value)).into_iter().collect();
        assert_eq!(keeps_alive(version, &fields), kept, "{version:?} {connection:?}");
    }
    let both = fields(&[("Connection", "keep-alive"), ("connection", "close")]);
    assert!(!keeps_alive(Version::Http11, &both) && !keeps_alive(Version::Http10, &both));
}

fn asks(version: Version, lines: &[(&str, &str)]) -> Option<String> {
    upgrade(&RequestHead { method: "GET".into(), target: "/".into(), version, fields: fields(lines) })
}

#[test]
fn an_upgrade_needs_both_fields_and_http_1_1() {
    let both = [("Upgrade", "WebSocket"), ("Connection", "keep-alive, UPGRADE")];
    assert_eq!(asks(Version::Http11, &both).as_deref(), Some("WebSocket"));
    assert_eq!(asks(Version::Http10, &both), None);
    assert_eq!(asks(Version::Http2, &both), None);
    assert_eq!(asks(Version::Http11, &both[..1]), None);
    assert_eq!(asks(Version::Http11, &both[1..]), None);
    assert_eq!(asks(Version::Http11, &[("Upgrade", ""), ("Connection", "upgrade")]), None);
    assert_eq!(asks(Version::Http11, &[("Upgrade", "a"), ("Connection", "upgraded")]), None);
    let several = [("Connection", "x"), ("Upgrade", "a"), ("Connection", "upgrade"), ("Upgrade", "b/1")];
    assert_eq!(asks(Version::Http11, &several).as_deref(), Some("a, b/1"));
}

#[track_caller]
fn stripped(before: &[(&str, &str)], after: &[(&str, &str)]) {
    let mut left = fields(before);
    strip_hop_by_hop(&mut left);
    let shown: Vec<_> = left
        .iter()
        .map(|(n, v)| (std::str::from_utf8(n).unwrap(), std::str::from_utf8(v).unwrap()))
        .collect();
    assert_eq!(shown, after);
}

#[test]
fn hop_by_hop_fields_end_here_and_the_rest_keeps_its_order() {
    stripped(
        &[
            ("Host", "a"),
            ("Connection", "keep-alive"),
            ("KEEP-alive", "timeout=5"),
            ("X", "1"),
            ("Proxy-Connection", "close"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Proxy-Authenticate", "Basic"),
            ("proxy-authorization", "Basic x"),
            ("Trailer", "X-Sum"),
            ("TE", "gzip"),
            ("X", "2"),
        ],
        &[("Host", "a"), ("X", "1"), ("Trailer", "X-Sum"), ("X", "2")],
    );
}

#[test]
fn what_connection_names_ends_here() {
    stripped(
        &[
            ("x-SECRET", "1"),
            ("Connection", "X-Secret,, close"),
            ("X-Other", "2"),
            ("connection", "x-hop"),
            ("X-Hop", "3"),
        ],
        &[("X-Other", "2")],
    );
}

#[test]
fn what_is_meant_for_the_other_end_cannot_be_named_away() {
    let kept = [
        ("Host", "a"),
        ("Content-Length", "5"),
        ("Content-Type", "t"),
        ("Authorization", "s"),
        ("Cookie", "c"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=x"),
        ("X-Real-IP", "1.2.3.4"),
        ("Cache-Control", "no-store"),
    ];
    let names = kept.map(|(name, _)| name).join(", ");
    let mut before = kept.to_vec();
    before.insert(0, ("Connection", &names));
    stripped(&before, &kept);
}

#[test]
fn a_wish_for_trailers_goes_on_and_other_codings_do_not() {
    stripped(
        &[("te", "gzip;q=0.5, Trailers"), ("Connection", "TE"), ("A", "b")],
        &[("te", "trailers"), ("A", "b")],
    );
    stripped(&[("TE", "trailers")], &[("TE", "trailers")]);
    stripped(&[("TE", "gzip"), ("TE", "trailers"), ("TE", "trailers")], &[("TE", "trailers")]);
    stripped(&[("TE", "")], &[]);
}

#[test]
fn a_head_full_of_nominations_is_stripped_without_comparing_all_with_all() {
    let names: Vec<_> = (0..16_000).map(|n| format!("{n:x}")).collect();
    let mut fields = fields(&[("Connection", &names.join(","))]);
    for name in &names[..90] {
        fields.push(name, "x");
    }
    fields.push("kept", "x");
    strip_hop_by_hop(&mut fields);
    assert_eq!((fields.len(), fields.get("kept")), (1, Some(&b"x"[..])));
}
