//! Whatever Caddy has, the calls bring it to what is wanted and leave alone what is not ours.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::plan::{Call, Wanted, plan};
use super::route::Ours;
use super::seen::{Route, Seen, Server};
use crate::agents::Site;

fn ours() -> Ours {
    Ours { own: "t.example".into(), dial: "127.0.0.1:8080".parse().unwrap(), keeps_streams: true }
}

fn site(host: &str, path: &str) -> Site {
    Site { host: host.into(), path: path.into() }
}

fn wanted(live: &[Site], away: &[Site]) -> Wanted {
    let set = |sites: &[Site]| sites.iter().cloned().collect();
    Wanted { ours: ours(), port: 443, secure: true, live: set(live), away: set(away) }
}

fn server(listen: &[&str], routes: &[Value]) -> Server {
    Server {
        listen: listen.iter().map(|&listen| listen.to_owned()).collect(),
        routes: routes.iter().map(Route::of).collect(),
    }
}

fn seen(servers: &[(&str, Server)]) -> Seen {
    Seen { servers: servers.iter().map(|(name, server)| ((*name).to_owned(), server.clone())).collect() }
}

/// The names of the calls, and of what they are about.
fn told(calls: &[Call]) -> Vec<String> {
    let ids = |routes: &Value| {
        let ids = routes.as_array().into_iter().flatten().map(|route| route["@id"].as_str().unwrap_or("?"));
        ids.collect::<Vec<_>>().join(" ")
    };
    let tell = |call: &Call| match call {
        Call::Make { name, body } => format!("make {name}: {}", ids(&body["routes"])),
        Call::Append { server, routes } => format!("append {server}: {}", ids(&json!(routes))),
        Call::Replace { id, .. } => format!("replace {id}"),
        Call::Remove { id } => format!("remove {id}"),
    };
    calls.iter().map(tell).collect()
}

#[test]
fn a_caddy_with_nothing_is_given_a_server() {
    let shop = site("shop.t.example", "");
    let calls = plan(&wanted(std::slice::from_ref(&shop), &[]), &Seen::default());
    assert_eq!(
        told(&calls),
        ["make porthole-443: porthole:t.example:shop.t.example porthole:t.example:t.example"]
    );
    let Call::Make { body, .. } = &calls[0] else { panic!("{calls:?}") };
    assert_eq!((&body["listen"], &body["automatic_https"]), (&json!([":443"]), &Value::Null));
    assert_eq!(body["@id"], "porthole:t.example");
    let clear = Wanted { secure: false, port: 8000, ..wanted(&[], &[]) };
    let Some(Call::Make { name, body }) = plan(&clear, &Seen::default()).pop() else { panic!("one call") };
    assert_eq!((name.as_str(), &body["automatic_https"]), ("porthole-8000", &json!({ "disable": true })));
}

#[test]
fn routes_go_behind_those_of_the_server_that_has_the_port() {
    let hand_made = server(&[":80", "tcp/0.0.0.0:443"], &[json!({ "handle": [] })]);
    let calls = plan(&wanted(&[site("a.b", "/x")], &[]), &seen(&[("srv0", hand_made)]));
    assert_eq!(
        told(&calls),
        ["append srv0: porthole:t.example:a.b:b3d1db318671a024 porthole:t.example:t.example"]
    );
    let Call::Append { routes, .. } = &calls[0] else { panic!("{calls:?}") };
    assert_eq!(routes[0]["match"], json!([{ "host": ["a.b"], "path": ["/x", "/x/*"] }]));
    assert_eq!(routes[0]["handle"][0]["upstreams"], json!([{ "dial": "127.0.0.1:8080" }]));
}

#[test]
fn a_port_is_found_in_every_way_that_caddy_writes_it() {
    let serves = |listen: &str| seen(&[("s", server(&[listen], &[]))]).serving(443).is_some();
    for listen in
        [":443", "0.0.0.0:443", "[::]:443", "tcp/:443", "tcp6/[::1]:443", ":440-450", "localhost:443"]
    {
        assert!(serves(listen), "{listen}");
    }
    for listen in [":4430", ":44", "udp/:443", "unix//run/443", ":444-450", ":", "443", ""] {
        assert!(!serves(listen), "{listen}");
    }
}

#[test]
fn a_mapping_that_is_away_keeps_its_route_and_gets_none() {
    let (held, never) = (site("held.t.example", ""), site("never.t.example", ""));
    let caddy = seen(&[("s", server(&[":443"], &[ours().route(&held), ours().route(&ours().home())]))]);
    assert!(plan(&wanted(&[], &[held.clone(), never]), &caddy).is_empty());
    assert_eq!(told(&plan(&wanted(&[], &[]), &caddy)), ["remove porthole:t.example:held.t.example"]);
}

/// A route as it might stand there: somebody's own, another gateway's, or ours, perhaps not as it is now.
fn route() -> impl Strategy<Value = Value> {
    let mine = (0..SITES.len(), any::<bool>()).prop_map(|(at, is_old)| {
        let site = site(SITES[at].0, SITES[at].1);
        let route = ours().route(&site);
        if is_old { json!({ "@id": route["@id"], "handle": [] }) } else { route }
    });
    let others = prop_oneof![
        Just(json!({ "match": [{ "host": ["hand.made"] }], "handle": [] })),
        Just(json!({ "@id": "by-hand", "handle": [] })),
        Just(json!({ "@id": "porthole:other.example:shop.other.example", "handle": [] })),
        Just(json!({ "@id": "porthole:t.example", "handle": [] })),
    ];
    prop_oneof![mine, others]
}

const SITES: [(&str, &str); 6] = [
    ("t.example", ""),
    ("shop.t.example", ""),
    ("shop.t.example", "/a"),
    ("shop.t.example", "/a/b"),
    ("*.example", ""),
    ("other.org", "/b"),
];

fn any_seen() -> impl Strategy<Value = Seen> {
    let listen = prop::collection::vec(prop_oneof![Just(":443"), Just(":80"), Just("udp/:443")], 0..3);
    let server =
        (listen, prop::collection::vec(route(), 0..6)).prop_map(|(listen, routes)| server(&listen, &routes));
    let name = prop_oneof![Just("srv0"), Just("srv1"), Just("porthole-443")];
    prop::collection::vec((name, server), 0..3).prop_map(|servers| seen(&servers))
}

fn not_ours(seen: &Seen) -> Vec<(String, Vec<Route>)> {
    let is_ours = |route: &Route| route.id.as_ref().is_some_and(|id| id.starts_with(&ours().prefix()));
    let rest = |server: &Server| server.routes.iter().filter(|route| !is_ours(route)).cloned().collect();
    seen.servers.iter().map(|(name, server)| (name.clone(), rest(server))).collect()
}

proptest! {
    #[test]
    fn the_calls_lead_there_and_touch_nothing_else(
        mut caddy in any_seen(), states in prop::collection::vec(0..3u8, SITES.len())
    ) {
        let chosen = |state: u8| -> Vec<Site> {
            let all = SITES.iter().zip(&states).skip(1).filter(|(_, s)| **s == state);
            all.map(|((host, path), _)| site(host, path)).collect()
        };
        let (live, away) = (chosen(1), chosen(2));
        let wanted = wanted(&live, &away);
        let before = caddy.clone();
        // Ids that stand there twice take a second look.
        let mut looks = 0;
        loop {
            let calls = plan(&wanted, &caddy);
            if calls.is_empty() {
                break;
            }
            looks += 1;
            prop_assert!(looks <= 6, "{calls:?}");
            for call in &calls {
                caddy.apply(call);
            }
        }
        let serving = caddy.serving(443).map(str::to_owned);
        let mut needed: BTreeSet<String> = live.iter().map(|site| ours().id(site)).collect();
        needed.insert(ours().id(&ours().home()));
        let may: BTreeSet<String> = away.iter().map(|site| ours().id(site)).collect();
        let mut found = BTreeSet::new();
        for (name, server) in &caddy.servers {
            for route in &server.routes {
                let Some(id) = route.id.clone().filter(|id| id.starts_with(&ours().prefix())) else { continue };
                prop_assert_eq!(Some(name), serving.as_ref());
                prop_assert!(needed.contains(&id) || may.contains(&id), "{}", id);
                prop_assert!(found.insert(id), "twice");
            }
        }
        prop_assert!(needed.is_subset(&found));
        for site in live.iter().chain(&away).chain([&ours().home()]) {
            let route = ours().route(site);
            let stands = caddy.servers.values().flat_map(|server| &server.routes);
            for stands in stands.filter(|stands| stands.body["@id"] == route["@id"]) {
                prop_assert_eq!(&stands.body, &route);
            }
        }
        let (before, after) = (not_ours(&before), not_ours(&caddy));
        for (name, rest) in &before {
            prop_assert_eq!(Some(rest), after.iter().find(|(other, _)| other == name).map(|(_, rest)| rest));
        }
        prop_assert!(after.len() <= before.len() + 1);
    }
}
