#![no_main]
//! What people write on a command line or in a file. The first character says what it is meant as:
//! refused in one sentence, or understood, and then understood as the same when it is shown and read
//! again.

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use porthole_agent::events::HostHeader;
use porthole_agent::gateway_link;
use porthole_agent::gateway_url::GatewayUrl;
use porthole_agent::mapping::{
    parse_cidr, parse_condition, parse_host, parse_name, parse_path, parse_timeout,
};
use porthole_agent::secrets::{Secret, token_name_pattern, token_subject};
use porthole_agent::target::{Scheme, Target};

fuzz_target!(|text: &str| {
    let Some(first) = text.chars().next() else { return };
    let text = &text[first.len_utf8()..];
    match first as u32 % 10 {
        0 => {
            gateway(text);
            link(text);
        }
        1 => target(text.parse()),
        2 => target(Target::parse_tcp(text)),
        3 => again(text, parse_name),
        4 => {
            again(text, parse_host);
            if let Ok(host) = parse_host(text) {
                let bare = host.strip_prefix("*.").unwrap_or(&host);
                let label = |label: &str| {
                    (1..=63).contains(&label.len())
                        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                };
                assert!(bare.len() <= 253 && bare.split('.').all(label), "{host}");
            }
        }
        5 => {
            if let Ok(Some(path)) = parse_path(text) {
                assert_eq!(parse_path(&path), Ok(Some(path.clone())));
                assert!(path.starts_with('/') && !path.ends_with('/') && !path.contains("//"), "{path}");
            }
        }
        6 => again(text, parse_cidr),
        7 => {
            if let Ok(ms) = parse_timeout(text) {
                assert!((1..=86_400_000).contains(&ms));
                assert_eq!(parse_timeout(&format!("{ms}ms")), Ok(ms));
            }
        }
        8 => {
            if let Ok((name, value)) = parse_condition(text) {
                let shown = value.as_ref().map_or(name.clone(), |value| format!("{name}={value}"));
                assert_eq!(parse_condition(&shown), Ok((name, value)));
            }
            if let Ok(header) = text.parse::<HostHeader>() {
                assert_eq!(header.to_string().parse(), Ok(header));
            }
        }
        _ => {
            let token = Secret::new(text);
            let subject = token_subject(&token);
            assert!(token.expose().is_empty() || !subject.is_empty() || text.contains('.'));
            token_name_pattern(&token);
        }
    }
});

fn gateway(text: &str) {
    let Ok(gateway) = text.parse::<GatewayUrl>() else { return };
    assert!(gateway.port > 0 && !gateway.host.is_empty());
    assert!(gateway.mapping_path.as_deref().is_none_or(|path| path.starts_with('/')));
    for shown in [gateway.origin(), gateway.tunnel(), format!("{}/", gateway.origin())] {
        let again: GatewayUrl = shown.parse().unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert!(again.same_gateway(&gateway), "{gateway:?} {again:?}");
        assert_eq!(again.mapping_path, None, "{shown}");
    }
    let authority = gateway.authority();
    assert!(!authority.contains(|c: char| c.is_control() || c.is_whitespace() || "@/?#".contains(c)));
}

/// A `porthole://connect` link that is understood says the same when it is written anew.
fn link(text: &str) {
    let Ok(Some(link)) = gateway_link::read(text) else { return };
    let mut again = url::Url::parse("porthole://connect").expect("a URL");
    again.query_pairs_mut().append_pair("gateway", &link.gateway);
    if let Some(token) = &link.token {
        again.query_pairs_mut().append_pair("token", token.expose());
    }
    assert_eq!(gateway_link::read(again.as_str()), Ok(Some(link)), "{again}");
}

fn target<E: Debug>(read: Result<Target, E>) {
    let Ok(target) = read else { return };
    assert!(target.port > 0 && !target.host.is_empty());
    let shown = target.to_string();
    let again = if target.scheme == Scheme::Tcp { Target::parse_tcp(&shown) } else { shown.parse() };
    assert_eq!(again.as_ref(), Ok(&target), "{shown}");
    assert!(!shown.contains(|c: char| c.is_control() || c.is_whitespace() || "@?#".contains(c)), "{shown}");
}

fn again<E: Debug + PartialEq>(text: &str, parse: impl Fn(&str) -> Result<String, E>) {
    if let Ok(read) = parse(text) {
        assert_eq!(parse(&read).as_ref(), Ok(&read), "{text}");
    }
}
