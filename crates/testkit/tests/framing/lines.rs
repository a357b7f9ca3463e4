//! Lines, names and values made of bytes that do not belong there.

use super::{Scene, assert_refused};

/// Bytes that no part of a head may hold, as others write them.
const BARRED: &[(&str, &[u8])] = &[
    ("NUL", b"\0"),
    ("a bare LF", b"\n"),
    ("a bare CR", b"\r"),
    ("SOH", b"\x01"),
    ("BS", b"\x08"),
    ("VT", b"\x0b"),
    ("FF", b"\x0c"),
    ("ESC", b"\x1b"),
    ("DEL", b"\x7f"),
];

/// Where they are put, in place of `@`.
const PLACES: &[(&str, &str)] = &[
    ("before the method", "@GET /canary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("in the method", "GE@T /canary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("after the method", "GET@ /canary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("instead of a space", "GET@/canary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("in the target", "GET /can@ary HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("in the query", "GET /canary?a@b HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("after the target", "GET /canary@ HTTP/1.1\r\nHost: HOST\r\n\r\n"),
    ("in the version", "GET /canary HTTP/1@.1\r\nHost: HOST\r\n\r\n"),
    ("after the version", "GET /canary HTTP/1.1@\r\nHost: HOST\r\n\r\n"),
    ("before a name", "GET /canary HTTP/1.1\r\n@X: y\r\nHost: HOST\r\n\r\n"),
    ("in a name", "GET /canary HTTP/1.1\r\nX@Y: z\r\nHost: HOST\r\n\r\n"),
    ("before a colon", "GET /canary HTTP/1.1\r\nX@: y\r\nHost: HOST\r\n\r\n"),
    ("after a colon", "GET /canary HTTP/1.1\r\nX:@y\r\nHost: HOST\r\n\r\n"),
    ("in a value", "GET /canary HTTP/1.1\r\nX: y@z\r\nHost: HOST\r\n\r\n"),
    ("at the end of a value", "GET /canary HTTP/1.1\r\nX: y@\r\nHost: HOST\r\n\r\n"),
    ("before the host", "GET /canary HTTP/1.1\r\nHost: @HOST\r\n\r\n"),
    ("after the host", "GET /canary HTTP/1.1\r\nHost: HOST@\r\n\r\n"),
    ("before the empty line", "GET /canary HTTP/1.1\r\nHost: HOST\r\n@\r\n\r\n"),
];

#[tokio::test]
async fn control_bytes_are_refused_wherever_they_stand_and_nothing_reaches_the_service() {
    let scene = Scene::new().await;
    for (place, template) in PLACES {
        for (name, bytes) in BARRED {
            let mut attack = Vec::new();
            for (index, part) in template.split('@').enumerate() {
                if index > 0 {
                    attack.extend_from_slice(bytes);
                }
                attack.extend_from_slice(part.as_bytes());
            }
            assert_refused(&format!("{name} {place}"), &scene.attack(&attack).await, 400);
        }
    }
    scene.nothing_arrived("control bytes").await;
}

#[tokio::test]
async fn lines_of_another_shape_are_refused_and_nothing_reaches_the_service() {
    let scene = Scene::new().await;
    let rows: &[(&str, &[u8], u16)] = &[
        ("a folded value", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nX: a\r\n b\r\n\r\n", 400),
        ("a value folded with a tab", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nX: a\r\n\tb\r\n\r\n", 400),
        ("a fold before the first field", b"GET /canary HTTP/1.1\r\n X: a\r\nHost: HOST\r\n\r\n", 400),
        ("a folded host", b"GET /canary HTTP/1.1\r\nHost:\r\n HOST\r\n\r\n", 400),
        ("a space before a colon", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nX : a\r\n\r\n", 400),
        ("a tab before a colon", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nX\t: a\r\n\r\n", 400),
        ("a space before the host's colon", b"GET /canary HTTP/1.1\r\nHost : HOST\r\n\r\n", 400),
        ("a space in a name", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nX Y: a\r\n\r\n", 400),
        ("a field without a colon", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nnonsense\r\n\r\n", 400),
        ("a field without a name", b"GET /canary HTTP/1.1\r\nHost: HOST\r\n: a\r\n\r\n", 400),
        ("a name with a high byte", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nX\xffY: a\r\n\r\n", 400),
        ("a name with a separator", b"GET /canary HTTP/1.1\r\nHost: HOST\r\nX/Y: a\r\n\r\n", 400),
        ("LF for every line", b"GET /canary HTTP/1.1\nHost: HOST\n\n", 400),
        ("CR for every line", b"GET /canary HTTP/1.1\rHost: HOST\r\r\n\r\n", 400),
        ("LF before the empty line", b"GET /canary HTTP/1.1\r\nHost: HOST\n\r\n", 400),
        ("LF for the empty line", b"GET /canary HTTP/1.1\r\nHost: HOST\r\n\n", 400),
        ("two spaces after the method", b"GET  /canary HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("two spaces before the version", b"GET /canary  HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("a tab between", b"GET\t/canary\tHTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("a space inside the target", b"GET /can ary HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("a space at the front", b" GET /canary HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("a space at the end", b"GET /canary HTTP/1.1 \r\nHost: HOST\r\n\r\n", 400),
        ("a fragment", b"GET /canary#x HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("a target without a slash", b"GET canary HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("a target of another scheme", b"GET ftp://HOST/canary HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("no target", b"GET HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("no version", b"GET /canary\r\nHost: HOST\r\n\r\n", 400),
        ("a version in lower case", b"GET /canary http/1.1\r\nHost: HOST\r\n\r\n", 400),
        ("a version of many digits", b"GET /canary HTTP/1.10\r\nHost: HOST\r\n\r\n", 400),
        ("a newer minor version", b"GET /canary HTTP/1.2\r\nHost: HOST\r\n\r\n", 505),
        ("version 0.9 in words", b"GET /canary HTTP/0.9\r\nHost: HOST\r\n\r\n", 505),
        ("version 2 on the old wire", b"GET /canary HTTP/2.0\r\nHost: HOST\r\n\r\n", 505),
        ("three empty lines first", b"\r\n\r\n\r\nGET /canary HTTP/1.1\r\nHost: HOST\r\n\r\n", 400),
    ];
    for (what, attack, status) in rows {
        assert_refused(what, &scene.attack(attack).await, *status);
    }
    scene.nothing_arrived("malformed lines").await;
}

#[tokio::test]
async fn bytes_that_are_odd_but_clear_arrive_as_they_were() {
    let scene = Scene::new().await;
    let request =
        b"\r\n\r\nPURGE /odd?'|{}[]^`\\\"<> HTTP/1.1\r\nHost: HOST\r\nx-!#$%&'*+-.^_`|~: a\tb  c\r\n\
        X-High: \xe4\xff\x80\r\nX-Empty:\r\nConnection: close\r\n\r\n";
    assert!(scene.attack(request).await.starts_with("HTTP/1.1 200 "));
    let bytes = scene.received.connections().concat();
    for part in [
        &b"PURGE /odd?'|{}[]^`\\\"<> HTTP/1.1\r\n"[..],
        b"\r\nx-!#$%&'*+-.^_`|~: a\tb  c\r\n",
        b"\r\nX-High: \xe4\xff\x80\r\n",
        b"\r\nX-Empty: \r\n",
    ] {
        let text = String::from_utf8_lossy(&bytes);
        let part_text = String::from_utf8_lossy(part);
        assert!(porthole_testkit::visitor::find(&bytes, part).is_some(), "{part_text:?} in {text:?}");
    }
}
