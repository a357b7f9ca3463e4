#![no_main]
//! What a visitor's head says about who it is. The first byte chooses the peer, whether it is trusted
//! and the scheme; the rest is a request head, or, where it is none, an Authorization value.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;
use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use porthole_gateway::forwarded::{apply, request_id};
use porthole_gateway::policy::{Compiled, Decision, PolicyRequest, decide, parse_network};
use porthole_gateway::rescue::Problem;
use porthole_http1::{Event, Fields, Limits, RequestReader, write_request_head};
use porthole_link::control::{BasicAuth, Policy};

const PEERS: [&str; 4] = ["10.0.0.9:4000", "[2001:db8::9]:1", "[::ffff:10.0.0.9]:7", "203.0.113.5:65535"];
const OWN: [&str; 4] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA";

fuzz_target!(|input: &[u8]| {
    let Some((&first, bytes)) = input.split_first() else { return };
    let peer: SocketAddr = PEERS[usize::from(first & 3)].parse().expect("a constant");
    let scheme = if first & 4 == 0 { "http" } else { "https" };
    let mut reader = RequestReader::new(Limits::default());
    let Ok(Some(Event::Head(mut head, _))) = reader.read(&mut BytesMut::from(bytes)) else {
        return authorization(bytes);
    };
    let authority = head.authority().map(str::to_owned);
    let all: IpNet = if peer.is_ipv4() { "0.0.0.0/0" } else { "::/0" }.parse().expect("a constant");
    let private: IpNet = "10.0.0.0/8".parse().expect("a constant");
    let trusted: &[IpNet] = match first >> 3 & 3 {
        0 => &[],
        1 => &[private],
        _ => &[all, private],
    };
    let mut asked = head.fields.clone();
    asked.retain(|name, _| !is_forwarded(name));
    let visitor = apply(&mut head.fields, peer, scheme, authority.as_deref(), trusted);
    for name in OWN {
        let written = head.fields.get_all(name).count();
        // Without a Host there is one only where a trusted proxy told it.
        let told = name == "x-forwarded-host" && visitor.trusted_peer && written == 1;
        assert!(told || written == usize::from(name != "x-forwarded-host" || authority.is_some()), "{name}");
    }
    assert!(head.fields.iter().all(|(name, _)| !is_alias(name)), "{:?}", head.fields);
    let peers_own = peer.ip().to_canonical().to_string();
    let chain = head.fields.get_str("x-forwarded-for").expect("always text");
    assert!(chain.ends_with(&peers_own), "{chain}");
    if !visitor.trusted_peer {
        assert_eq!(visitor.addr.ip(), peer.ip().to_canonical());
        assert_eq!((chain, visitor.scheme), (peers_own.as_str(), scheme));
        assert_eq!(request_id(&head.fields, &visitor), None);
        assert!(!head.fields.contains("forwarded") && !head.fields.contains("x-real-ip"));
        // Said twice it is the same, and what has nothing to do with it stays as it was.
        let once = head.fields.clone();
        apply(&mut head.fields, peer, scheme, authority.as_deref(), trusted);
        assert!(once == head.fields);
    }
    let mut kept = head.fields.clone();
    kept.retain(|name, _| !is_forwarded(name));
    assert!(kept == asked);
    if let Some(id) = request_id(&head.fields, &visitor) {
        assert!((1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    }
    write_request_head(&head, &mut Vec::new()).expect("what was read can be written");
    if let Some(value) = head.fields.get("authorization") {
        authorization(value);
    }
});

fn plain(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

fn is_forwarded(name: &[u8]) -> bool {
    let dashed = plain(name).replace(['_', '.'], "-");
    dashed.starts_with("x-forwarded-") || dashed == "x-real-ip" || plain(name) == "forwarded"
}

fn is_alias(name: &[u8]) -> bool {
    is_forwarded(name) && plain(name).contains(['_', '.'])
}

/// A value is refused, or read as the user and password that it was made of.
fn authorization(value: &[u8]) {
    let guarded =
        Policy { basic_auth: vec![BasicAuth { user: "a".into(), hash: HASH.into() }], ..Policy::default() };
    let label = String::from_utf8_lossy(value);
    let policy = Compiled::new(&guarded, &label).expect("a fixed policy");
    let visitor = "192.0.2.1".parse().expect("a constant");
    let fields = Fields::from_iter([("Authorization", value)]);
    match decide(
        &policy,
        &PolicyRequest { visitor, method: "GET", path: "/", fields: &fields, now: Instant::now() },
    ) {
        Decision::Refuse(Problem::Policy(refusal)) => {
            let challenge = refusal.www_authenticate.into_iter().next().expect("a 401 asks");
            let inside = challenge.strip_prefix("Basic realm=\"").expect("its scheme");
            let inside = inside.strip_suffix("\", charset=\"UTF-8\"").expect("its end");
            assert!(
                inside.bytes().all(|b| (b' '..=b'~').contains(&b) && !b"\"\\".contains(&b)),
                "{inside:?}"
            );
            Fields::from_iter([("WWW-Authenticate", challenge)]);
        }
        Decision::NeedsPassword(credentials, _) => assert!(!credentials.user.contains(':')),
        other => panic!("a password is asked for: {other:?}"),
    }
    if let Some(network) = std::str::from_utf8(value).ok().and_then(parse_network) {
        assert_eq!(parse_network(&network.to_string()), Some(network));
        assert_eq!(network, network.trunc());
    }
}
