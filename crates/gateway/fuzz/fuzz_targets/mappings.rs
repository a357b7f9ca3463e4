#![no_main]
//! What an agent asks for: whatever mapping comes over the link is refused in a sentence, or gets a
//! public URL that a browser reads as the very place it was given, and a claim that survives its file.

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use porthole_gateway::agents::plan::{Plan, Site, check_set, plan};
use porthole_gateway::allowance::TokenLimits;
use porthole_gateway::claims::Key;
use porthole_gateway::config::{PortRange, PublicBase};
use porthole_gateway::policy::{Compiled, Decision, PolicyRequest, decide};
use porthole_gateway::rescue::{Form, answer};
use porthole_gateway::router::{Place, is_reserved, normalise_host};
use porthole_gateway::tokens::Identity;
use porthole_gateway::way_back::WayBack;
use porthole_http1::{
    Fields, RequestHead, ResponseHead, Version, announced_length, write_request_head, write_response_head,
};
use porthole_link::Mapping;
use porthole_link::control::{Cors, Floor};

fuzz_target!(|text: &str| {
    let Ok(mapping) = serde_json::from_str::<Mapping>(text) else { return };
    if check_set(std::slice::from_ref(&mapping)).is_err() {
        return;
    }
    let identity = Identity::shared(Some(PortRange { first: 20000, last: 20009 }), TokenLimits::default());
    let public = PublicBase::parse("https://tunnel.example.com").expect("a constant");
    let floor = Floor::default();
    for single_host in [false, true] {
        let (public, floor) = (Some(&public), &floor);
        let site = Site { public, base: public, single_host, behind_caddy: false, floor };
        match plan(&mapping, &identity, site) {
            Err(refusal) => {
                assert!(!refusal.code.is_empty());
                assert!(!refusal.message.chars().any(char::is_control), "{:?}", refusal.message);
            }
            Ok(Plan::Tcp { wanted, .. }) => {
                assert!(wanted.is_none_or(|port| (20000..=20009).contains(&port)));
            }
            Ok(Plan::Tls { slot, host, public_url, .. }) => {
                assert!(!single_host && host != "tunnel.example.com" && !host.contains('*'));
                assert_eq!(normalise_host(&host).as_deref(), Ok(host.as_str()));
                assert_eq!(public_url, format!("tls://{host}:443"));
                assert_eq!(slot.key.to_string().parse().as_ref(), Ok(&slot.key));
            }
            Ok(Plan::Http { slot, place, public_url, extra, policy }) => {
                judge(&policy, &mapping.policy.private_paths);
                change(&policy, mapping.policy.cors.as_ref());
                agree(&place, &public_url, single_host);
                assert_eq!(slot.key, Key::Place(place.clone()));
                for key in [Some(&slot.key), extra.as_ref().map(|slot| &slot.key)].into_iter().flatten() {
                    assert_eq!(key.to_string().parse().as_ref(), Ok(key));
                }
            }
        }
    }
});

/// Whatever the policy is, it decides, and lets nobody in where nothing is served.
fn judge(policy: &Compiled, private: &[String]) {
    let fields =
        Fields::from_iter([("Authorization", "Basic YTpi"), ("X-API-Key", "k"), ("Content-Length", "100")]);
    let visitor = "192.0.2.1".parse().expect("a constant");
    let ask = |path: &str| {
        let now = Instant::now();
        decide(policy, &PolicyRequest { visitor, method: "POST", path, fields: &fields, now })
    };
    for path in ["/", "*", "/a/../b;c/%61"] {
        match ask(path) {
            Decision::Allow(Some(canned))
            | Decision::NeedsPassword(_, Some(canned))
            | Decision::NeedsKey(_, Some(canned))
            | Decision::NeedsToken(_, Some(canned)) => {
                let head = canned.answer().head;
                write_response_head(&head, &mut Vec::new()).expect("what was taken can be written");
            }
            Decision::Refuse(problem) => {
                let answer = answer(&problem, Form::Page, "id");
                write_response_head(&answer.head, &mut Vec::new()).expect("any refusal can be written");
            }
            Decision::Allow(None)
            | Decision::NeedsPassword(_, None)
            | Decision::NeedsKey(_, None)
            | Decision::NeedsToken(_, None) => {}
        }
    }
    for path in private {
        assert!(matches!(ask(path), Decision::Refuse(_)), "{path}");
    }
}

/// Whatever is changed of a head can be written, is as long as before, and for the same host and connection.
fn change(policy: &Compiled, cors: Option<&Cors>) {
    let fields = [
        ("Host", "a"),
        ("Content-Length", "5"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Env", "1"),
        ("Origin", "https://app.example"),
    ];
    let fields = Fields::from_iter(fields);
    let same = |after: &Fields| {
        assert_eq!(announced_length(after), announced_length(&fields));
        for name in ["host", "x-forwarded-for", "connection", "transfer-encoding", "upgrade"] {
            assert!(after.get_all(name).eq(fields.get_all(name)), "{name}");
        }
    };
    let mut head = RequestHead {
        method: "GET".into(),
        target: "/a/b?c".into(),
        version: Version::Http11,
        fields: fields.clone(),
    };
    let asked = head.clone();
    policy.change_request(&mut head);
    assert!(head.target.starts_with('/') && head.target.ends_with("?c"), "{}", head.target);
    same(&head.fields);
    write_request_head(&head, &mut Vec::new()).expect("a changed request can be written");
    let mut head =
        ResponseHead { status: 200, reason: Vec::new(), version: Version::Http11, fields: fields.clone() };
    WayBack::new(policy, &asked, None).dress(&mut head.fields);
    same(&head.fields);
    let of_any = head.fields.get("access-control-allow-origin") == Some(b"*");
    assert!(!of_any || cors.is_none() || !head.fields.contains("access-control-allow-credentials"));
    write_response_head(&head, &mut Vec::new()).expect("a changed answer can be written");
}

fn agree(place: &Place, public_url: &str, single_host: bool) {
    let url = url::Url::parse(public_url).expect("a public URL is one");
    assert!(url.query().is_none() && url.fragment().is_none() && url.username().is_empty(), "{public_url}");
    let host = url.host_str().expect("it has a host");
    match place {
        Place::Host { host: placed, path } => {
            assert!(!single_host && placed != "tunnel.example.com");
            let bare = placed.strip_prefix("*.").unwrap_or(placed);
            assert_eq!(normalise_host(bare).as_deref(), Ok(bare));
            assert!(path.is_empty() || path.starts_with('/'));
            // A wildcard's URL has a star where visitors write a name.
            if bare == placed {
                assert_eq!(host, placed, "{public_url}");
                assert_eq!(url.path(), if path.is_empty() { "/" } else { path }, "{public_url}");
            }
        }
        Place::Own { path } => {
            assert_eq!((host, url.path()), ("tunnel.example.com", path.as_str()));
            assert!(!is_reserved(path), "{path}");
        }
        Place::Pub { id } => {
            assert_eq!((host, url.path()), ("tunnel.example.com", format!("/pub/{id}/").as_str()));
        }
    }
}
