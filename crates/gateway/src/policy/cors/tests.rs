//! What pages of other origins are told.

use porthole_http1::{ResponseHead, Version, write_response_head};
use proptest::prelude::*;

use super::*;

const APP: &str = "https://app.example";

fn cors(change: impl FnOnce(&mut control::Cors)) -> Cors {
    let mut asked =
        control::Cors { origins: vec![APP.into(), "http://localhost:5173".into()], ..Default::default() };
    change(&mut asked);
    Cors::new(&asked).expect("valid")
}

fn request(method: &str, fields: &[(&str, &str)]) -> RequestHead {
    let fields = fields.iter().copied().collect();
    RequestHead { method: method.into(), target: "/".into(), version: Version::Http11, fields }
}

/// The fields of an answer that had `before`, in order.
fn told(cors: &Cors, head: &RequestHead, before: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields: Fields = before.iter().copied().collect();
    cors.tell(&cors.grant(head), &mut fields);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

const SERVICES_OWN: [(&str, &str); 3] =
    [("access-control-allow-ORIGIN", "*"), ("X", "1"), ("Access-Control-Allow-Credentials", "true")];

#[test]
fn a_listed_origin_is_told_in_the_services_place_and_no_other_is() {
    let cors = cors(|asked| {
        asked.credentials = true;
        asked.expose = vec!["X-Total".into(), "ETag".into()];
    });
    assert_eq!(
        told(&cors, &request("GET", &[("Origin", APP)]), &SERVICES_OWN),
        expected(&[
            ("X", "1"),
            ("Access-Control-Allow-Origin", APP),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", "X-Total, ETag"),
            ("Vary", "Origin"),
        ])
    );
    for origin in ["https://evil.example", "https://app.example.evil", "HTTPS://APP.EXAMPLE", "null", "*", ""]
    {
        let after = told(&cors, &request("GET", &[("Origin", origin)]), &SERVICES_OWN);
        assert_eq!(after, expected(&[("X", "1"), ("Vary", "Origin")]), "{origin}");
    }
    let twice = request("GET", &[("Origin", APP), ("Origin", "https://evil.example")]);
    assert_eq!(told(&cors, &twice, &[]), expected(&[("Vary", "Origin")]));
    assert_eq!(told(&cors, &request("GET", &[]), &[]), expected(&[("Vary", "Origin")]));
}

#[test]
fn any_origin_gets_the_same_answer_and_never_credentials() {
    let any = cors(|asked| asked.origins = vec!["*".into()]);
    for head in [request("GET", &[("Origin", "https://evil.example")]), request("GET", &[])] {
        let after = told(&any, &head, &SERVICES_OWN);
        assert_eq!(after, expected(&[("X", "1"), ("Access-Control-Allow-Origin", "*")]));
    }
    let both = control::Cors { origins: vec!["*".into()], credentials: true, ..Default::default() };
    assert!(Cors::new(&both).expect_err("refused").contains("credentials"));
}

#[test]
fn a_preflight_hears_what_it_may_send() {
    let cors = cors(|asked| {
        asked.methods = vec!["PUT".into(), "GET".into()];
        asked.headers = vec!["Content-Type".into(), "X-Env".into()];
        asked.expose = vec!["X-Total".into()];
        asked.max_age = Some(600);
    });
    let asks = [("Origin", APP), ("Access-Control-Request-Method", "PUT")];
    assert_eq!(
        told(&cors, &request("OPTIONS", &asks), &[]),
        expected(&[
            ("Access-Control-Allow-Origin", APP),
            ("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT"),
            ("Access-Control-Allow-Headers", "Content-Type, X-Env"),
            ("Access-Control-Max-Age", "600"),
            ("Vary", "Origin"),
        ])
    );
    assert!(!Cors::is_preflight("GET", &request("GET", &asks).fields));
    assert!(!Cors::is_preflight("OPTIONS", &request("OPTIONS", &asks[..1]).fields));
}

#[test]
fn what_is_asked_for_is_allowed_only_where_any_is_and_only_as_tokens() {
    let all = cors(|asked| {
        asked.methods = vec!["*".into()];
        asked.headers = vec!["*".into()];
    });
    let of = |method: &str, headers: &str| {
        let asks = [
            ("Origin", APP),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", headers),
        ];
        let told = told(&all, &request("OPTIONS", &asks), &[]);
        let value = |name: &str| told.iter().find(|pair| pair.0 == name).map(|pair| pair.1.clone());
        (value("Access-Control-Allow-Methods"), value("Access-Control-Allow-Headers"))
    };
    assert_eq!(
        of("PATCH", "x-env,  authorization"),
        (Some("PATCH".into()), Some("x-env, authorization".into()))
    );
    assert_eq!(of("P TCH", "x env"), (None, None));
    assert_eq!(of(&"P".repeat(33), &"x".repeat(2049)), (None, None));
    assert_eq!(of("PUT\u{10a}", "a, \u{10a}X-Canary: 1"), (None, None));
}

#[test]
fn what_varies_already_is_not_said_twice() {
    let cors = cors(|_| {});
    for vary in ["Origin", "Accept, ORIGIN", "*"] {
        assert_eq!(told(&cors, &request("GET", &[]), &[("vary", vary)]), expected(&[("vary", vary)]));
    }
    let after = told(&cors, &request("GET", &[]), &[("Vary", "Accept-Encoding")]);
    assert_eq!(after, expected(&[("Vary", "Accept-Encoding"), ("Vary", "Origin")]));
}

proptest! {
    /// Whatever a visitor asks and a service says: one origin at most is told, one that was configured or any
    /// without credentials, and the head can be written.
    #[test]
    fn nothing_that_a_visitor_sends_is_told_as_an_origin_or_splits_a_head(
        origin in "(https://app\\.example|[!-~]{0,20}|\\PC{0,20})",
        method in "\\PC{0,12}",
        headers in "(\\PC{0,20}|[a-z, -]{0,20})",
        any in any::<bool>(),
        credentials in any::<bool>(),
    ) {
        let cors = cors(|asked| {
            if any {
                asked.origins = vec!["*".into()];
            }
            asked.credentials = credentials && !any;
            asked.methods = vec!["*".into()];
            asked.headers = vec!["*".into()];
        });
        let head = request("OPTIONS", &[
            ("Origin", origin.as_str()),
            ("Access-Control-Request-Method", method.as_str()),
            ("Access-Control-Request-Headers", headers.as_str()),
        ]);
        let mut fields: Fields = SERVICES_OWN.into_iter().collect();
        cors.tell(&cors.grant(&head), &mut fields);
        let allowed: Vec<_> = fields.get_all("access-control-allow-origin").collect();
        let expected: &[&[u8]] = if any { &[b"*"] } else if origin == APP { &[APP.as_bytes()] } else { &[] };
        prop_assert_eq!(&allowed, expected);
        let with = fields.get_all("access-control-allow-credentials").count();
        prop_assert_eq!(with, usize::from(credentials && !any && origin == APP));
        let head = ResponseHead { status: 204, reason: Vec::new(), version: Version::Http11, fields };
        let mut written = Vec::new();
        prop_assert!(write_response_head(&head, &mut written).is_ok());
        prop_assert!(!written.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r'));
    }
}
