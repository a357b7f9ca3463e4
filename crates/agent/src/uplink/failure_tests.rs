use porthole_link::control::Refused;

use super::*;

const DATE: &str = "Sat, 21 Nov 2026 02:00:00 GMT";

fn gateway() -> GatewayUrl {
    "https://tunnel.example.com".parse().unwrap()
}

fn now(shift: i64) -> Timestamp {
    let there: Timestamp = "2026-11-21T02:00:00Z".parse().unwrap();
    Timestamp::from_second(there.as_second() + shift).unwrap()
}

fn answer(status: u16) -> Answer {
    Answer { status, date: Some(DATE.into()), ..Answer::default() }
}

fn explained(answer: Answer) -> Failure {
    explain(&ConnectError::Answer(Box::new(answer)), &gateway(), now(0))
}

#[test]
fn an_ordinary_web_server_is_told_from_a_gateway() {
    for status in [200, 401, 403, 404, 405] {
        let failure = explained(answer(status));
        assert_eq!(failure.code, "not-a-gateway");
        assert!(failure.message.contains("not a Porthole gateway: check the gateway URL"), "{failure:?}");
    }
}

#[test]
fn a_redirect_names_where_it_leads() {
    let failure = explained(Answer { location: Some("https://portal.example/\r\nx".into()), ..answer(302) });
    assert_eq!(failure.code, "gateway-redirects");
    assert!(failure.message.contains("redirects to https://portal.example/x:"), "{}", failure.message);
}

#[test]
fn a_gateway_that_is_down_behind_a_proxy_is_tried_again() {
    for status in [502, 503, 504] {
        let failure = explained(answer(status));
        assert!(failure.retry && failure.code == "gateway-down");
    }
}

#[test]
fn a_refused_token_is_final_and_keeps_the_gateways_sentence() {
    for code in ["token-expired", "token-revoked", "token-invalid", "token-missing"] {
        let failure = explained(Answer {
            code: Some(code.into()),
            message: Some("The gateway says so.".into()),
            ..answer(401)
        });
        assert_eq!(
            failure,
            Failure { code: code.into(), message: "The gateway says so.".into(), retry: false }
        );
        let failure = explained(Answer { code: Some(code.into()), ..answer(401) });
        assert!(!failure.retry && failure.message.contains("token"), "{failure:?}");
    }
}

#[test]
fn a_gateway_that_is_busy_is_tried_again() {
    let failure = explained(Answer { code: Some("draining".into()), ..answer(503) });
    assert!(failure.retry && failure.code == "draining");
}

#[test]
fn a_clock_off_by_a_day_is_named_with_an_expired_token_and_one_off_by_five_minutes_is_not() {
    let expired = Answer { code: Some("token-expired".into()), ..answer(401) };
    let error = ConnectError::Answer(Box::new(expired));
    for (shift, named) in
        [(0, None), (300, None), (-300, None), (301, Some("5 minutes")), (-90_000, Some("25 hours"))]
    {
        let failure = explain(&error, &gateway(), now(shift));
        match named {
            Some(difference) => {
                assert!(failure.message.contains(&format!("differ by {difference}")), "{}", failure.message);
            }
            None => assert!(!failure.message.contains("clock"), "{}", failure.message),
        }
    }
    let revoked =
        ConnectError::Answer(Box::new(Answer { code: Some("token-revoked".into()), ..answer(401) }));
    assert!(!explain(&revoked, &gateway(), now(90_000)).message.contains("clock"));
}

#[test]
fn certificates_are_refused_with_their_reason() {
    let said = |fault: CertificateError| {
        let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(fault));
        explain(&ConnectError::Tls(error), &gateway(), now(0))
    };
    assert!(said(CertificateError::Expired).message.contains("clock"));
    assert!(said(CertificateError::NotValidYet).message.contains("clock"));
    assert!(said(CertificateError::UnknownIssuer).message.contains("--ca-file"));
    assert!(said(CertificateError::NotValidForName).message.contains("another name"));
    assert!(said(CertificateError::Revoked).code == "gateway-certificate");
}

#[test]
fn names_ports_and_networks_are_told_apart() {
    let of = |error| explain(&ConnectError::Dial(error), &gateway(), now(0)).code;
    assert_eq!(of(DialError::Resolve("x".into())), "gateway-unknown-host");
    assert_eq!(of(DialError::Connect(io::ErrorKind::ConnectionRefused.into())), "gateway-down");
    assert_eq!(of(DialError::Connect(io::ErrorKind::NetworkUnreachable.into())), "gateway-unreachable");
    assert_eq!(of(DialError::Timeout(Duration::from_secs(10))), "gateway-timeout");
}

#[test]
fn a_links_refusal_says_whether_to_try_again() {
    let refused = |retry| {
        link_lost(&LinkError::Refused(Refused { code: "replaced".into(), message: "m".into(), retry }))
    };
    assert!(!refused(false).retry);
    assert!(refused(true).retry);
    assert!(link_lost(&LinkError::Closed).retry);
}

#[test]
fn a_wait_that_is_asked_for_is_kept_within_a_minute() {
    let asked = |status, retry_after: &str, code: Option<&str>| {
        let answer =
            Answer { retry_after: Some(retry_after.into()), code: code.map(str::to_owned), ..answer(status) };
        ConnectError::Answer(Box::new(answer)).asked_to_wait(now(0)).map(|wait| wait.as_secs())
    };
    assert_eq!(asked(503, "7", None), Some(7));
    assert_eq!(asked(429, "60", None), Some(60));
    assert_eq!(asked(503, "61", None), Some(60));
    assert_eq!(asked(503, "99999999999999", None), Some(60));
    // A date counts from the answer's own, whatever this computer's clock says.
    assert_eq!(asked(503, "Sat, 21 Nov 2026 02:00:20 GMT", None), Some(20));
    for past_or_odd in ["Sat, 21 Nov 2026 01:59:00 GMT", "-1", "soon", ""] {
        assert_eq!(asked(503, past_or_odd, None), None, "{past_or_odd}");
    }
    // Our own gateway means its visitors, except where it throttles.
    assert_eq!(asked(503, "5", Some("gateway-draining")), None);
    assert_eq!(asked(429, "5", Some("too-many-attempts")), Some(5));
    assert_eq!(asked(502, "5", None), None);
    assert_eq!(ConnectError::Timeout.asked_to_wait(now(0)), None);
}
