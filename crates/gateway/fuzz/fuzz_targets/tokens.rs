#![no_main]
//! What stands in an agent's Authorization field. An even first byte: any text. An odd one: a token of
//! the gateway's own, changed at some places. Nothing but the token itself opens the door, and what a
//! token's list of hosts grants is never more than its patterns say.

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use porthole_gateway::config::{Config, PortRange};
use porthole_gateway::router::normalise_host;
use porthole_gateway::secret::{Secret, Secrets};
use porthole_gateway::tokens::{Claims, HostGrant, NewToken, Tokens, create};

/// The gateway and a token that it made.
static WORLD: LazyLock<(Tokens, String, Timestamp)> = LazyLock::new(|| {
    let secrets = Secrets::fixed(Secret::new("0123456789abcdef0123456789abcdef"));
    let data = std::env::temp_dir().join(format!("porthole-fuzz-tokens-{}", std::process::id()));
    let now = Timestamp::now();
    let new = NewToken { name: "alice".into(), hosts: vec!["alice-*".into()], ..NewToken::default() };
    let (token, _) = create(&secrets, &data, &new, now).expect("a token can be made");
    let tokens = Tokens::load(&Config::in_folder(&data, secrets)).expect("an empty book");
    // It has been read; the fuzzer leaves no folder behind.
    let _ = std::fs::remove_dir_all(&data);
    (tokens, token, now)
});

fuzz_target!(|input: &[u8]| {
    let Some((&first, rest)) = input.split_first() else { return };
    let (tokens, token, now) = &*WORLD;
    assert!(tokens.verify(token, *now).is_ok());
    if first & 1 == 0 {
        let Ok(text) = std::str::from_utf8(rest) else { return };
        assert!(tokens.verify(text, *now).is_err(), "{text}");
        claims(text);
    } else {
        let mut changed = token.clone().into_bytes();
        for edit in rest.chunks_exact(2) {
            let at = usize::from(edit[0]) * changed.len() / 256;
            changed[at] = edit[1];
        }
        let Ok(changed) = String::from_utf8(changed) else { return };
        assert_eq!(tokens.verify(&changed, *now).is_ok(), changed.trim() == token, "{changed}");
    }
});

/// What a signed token may say; the operator writes these, but an old version may have written others.
fn claims(text: &str) {
    let Ok(claims) = serde_json::from_str::<Claims>(text) else { return };
    let again = serde_json::to_string(&claims).expect("claims can be written");
    assert_eq!(serde_json::from_str::<Claims>(&again).expect("and read"), claims);
    let _ = claims.check_times(Timestamp::UNIX_EPOCH);
    if let Some(range) = claims.tcp.as_deref().and_then(|text| text.parse::<PortRange>().ok()) {
        assert!(range.first >= 1 && range.first <= range.last);
        assert_eq!(range.to_string().parse(), Ok(range));
    }
    let Ok(grant) = HostGrant::from_patterns(&claims.hosts) else { return };
    if claims.hosts.is_empty() {
        return;
    }
    // Full hosts only by their own pattern, or below a star's.
    let allowed = |host: &str| grant.allows_host(host, Some("tunnel.example.com"));
    for host in ["example.com", "shop.example.com", "a.shop.example.com", "*.example.com"] {
        let bare = host.strip_prefix("*.").unwrap_or(host);
        let named = claims.hosts.iter().any(|pattern| {
            let pattern = pattern.trim();
            let suffix = pattern.strip_prefix("*.").unwrap_or(pattern);
            normalise_host(suffix).is_ok_and(|suffix| {
                bare == suffix || bare.strip_suffix(&*suffix).is_some_and(|rest| rest.ends_with('.'))
            })
        });
        assert!(!allowed(host) || named, "{host} by {:?}", claims.hosts);
    }
}
