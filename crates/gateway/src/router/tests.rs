//! What a visitor's request meets in the table.

use std::sync::Arc;

use porthole_http1::Fields;
use porthole_link::control::Match;
use proptest::prelude::*;

use super::*;

type Table = Router<&'static str>;

fn at(host: &str, path: &str, name: &'static str) -> Entry<&'static str> {
    Entry {
        place: Place::Host { host: host.into(), path: path.into() },
        matches: Vec::new(),
        strip: false,
        target: Target::Live(Arc::new(name)),
    }
}

fn own(path: &str, name: &'static str) -> Entry<&'static str> {
    Entry { place: Place::Own { path: path.into() }, ..at("", "", name) }
}

fn public(id: &str, name: &'static str) -> Entry<&'static str> {
    Entry { place: Place::Pub { id: id.into() }, ..at("", "", name) }
}

fn table(entries: Vec<Entry<&'static str>>) -> Table {
    Router::build(Some("tunnel.example.com"), entries)
}

/// The answer as a short text: `name` or `name-strip`, or what else it is.
fn ask_full(table: &Table, host: &str, target: &str, fields: &Fields) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    match table.route(&RouteRequest { host, path, query, fields }) {
        Route::Own => "own".into(),
        Route::Endpoint { endpoint, strip: 0 } => endpoint.to_string(),
        Route::Endpoint { endpoint, strip } => format!("{endpoint}-{strip}"),
        Route::Away { name } => format!("away {name}"),
        Route::Unknown => "unknown".into(),
        Route::AmbiguousPath => "ambiguous".into(),
    }
}

fn ask(table: &Table, host: &str, target: &str) -> String {
    ask_full(table, host, target, &Fields::new())
}

#[test]
fn a_request_goes_by_its_host() {
    let table = table(vec![
        at("shop.tunnel.example.com", "", "shop"),
        at("*.example.net", "", "wild"),
        at("*.deep.example.net", "", "deeper"),
        at("a.deep.example.net", "", "exact"),
    ]);
    assert_eq!(ask(&table, "shop.tunnel.example.com", "/x"), "shop");
    assert_eq!(ask(&table, "shop.tunnel.example.com", "*"), "shop");
    assert_eq!(ask(&table, "a.deep.example.net", "/"), "exact");
    assert_eq!(ask(&table, "b.deep.example.net", "/"), "deeper");
    assert_eq!(ask(&table, "x.example.net", "/"), "wild");
    assert_eq!(ask(&table, "example.net", "/"), "unknown");
    assert_eq!(ask(&table, "cart.tunnel.example.com", "/"), "unknown");
    assert_eq!(ask(&table, "tunnel.example.com", "/health"), "own");
    assert_eq!(ask(&table, "tunnel.example.com", "/"), "own");
    assert_eq!(ask(&table, "10.0.0.7", "/health"), "own");
    assert_eq!(ask(&table, "gateway", "/health"), "own");
}

#[test]
fn without_a_public_url_any_other_host_is_the_own_one() {
    let table = Router::build(None, vec![at("shop.example.com", "", "shop"), public("m1", "m1")]);
    assert_eq!(ask(&table, "anything.example", "/pub/m1/x"), "m1-7");
    assert_eq!(ask(&table, "shop.example.com", "/pub/m1/x"), "shop");
}

#[test]
fn the_longest_prefix_in_segments_wins() {
    let host = "shop.tunnel.example.com";
    let table = table(vec![at(host, "", "root"), at(host, "/node", "node"), at(host, "/node/deep", "deep")]);
    assert_eq!(ask(&table, host, "/"), "root");
    assert_eq!(ask(&table, host, "/nodes"), "root");
    assert_eq!(ask(&table, host, "/Node"), "root");
    assert_eq!(ask(&table, host, "/node"), "node");
    assert_eq!(ask(&table, host, "/node/"), "node");
    assert_eq!(ask(&table, host, "/node?x=/node/deep"), "node");
    assert_eq!(ask(&table, host, "/node/deep/er"), "deep");
}

#[test]
fn prefixes_are_stripped_on_the_own_host_and_elsewhere_only_when_asked() {
    let host = "shop.tunnel.example.com";
    let table = table(vec![
        own("/node", "node"),
        public("m1", "pub"),
        Entry { strip: true, ..at(host, "/a", "a") },
        at(host, "/b", "b"),
    ]);
    assert_eq!(ask(&table, "tunnel.example.com", "/node/x"), "node-5");
    assert_eq!(ask(&table, "tunnel.example.com", "/pub/m1"), "pub-7");
    assert_eq!(ask(&table, "tunnel.example.com", "/pub/m1/x"), "pub-7");
    assert_eq!(ask(&table, "tunnel.example.com", "/pub/m2/x"), "unknown");
    assert_eq!(ask(&table, host, "/a/x"), "a-2");
    assert_eq!(ask(&table, host, "/b/x"), "b");
}

#[test]
fn a_path_that_would_match_differently_once_normalised_is_refused_where_prefixes_are_in_play() {
    let host = "shop.tunnel.example.com";
    let plain = "plain.tunnel.example.com";
    let table = table(vec![
        at(host, "", "root"),
        at(host, "/admin", "admin"),
        at(plain, "", "plain"),
        own("/node", "node"),
    ]);
    for path in [
        "/x/../admin",
        "/x/%2e%2e/admin",
        "//admin",
        "/%61dmin",
        "/x%2f..%2fadmin",
        "/x\\..\\admin",
        "/admin/../x",
        "/admin%2fx",
        "/admin;v=1/x",
        "/admin/..;/x",
        "/x/..;v=1/admin",
    ] {
        assert_eq!(ask(&table, host, path), "ambiguous", "{path}");
        assert_eq!(ask(&table, plain, path), "plain", "{path}");
    }
    for path in ["/admin/a//b", "/admin/a/../b", "/admin/%2f", "/admin/%20", "/admin/x;v=1"] {
        assert_eq!(ask(&table, host, path), "admin", "{path}");
    }
    assert_eq!(ask(&table, host, "/a%20b/../c"), "root");
    assert_eq!(ask(&table, "tunnel.example.com", "/node/../health"), "ambiguous");
    assert_eq!(ask(&table, "tunnel.example.com", "/x/../node/y"), "ambiguous");
    assert_eq!(ask(&table, "tunnel.example.com", "/x/../y"), "own");
}

#[test]
fn more_conditions_win_and_failing_ones_fall_through() {
    let host = "shop.tunnel.example.com";
    let header = Match::Header { name: "x-env".into(), value: Some("canary".into()) };
    let query = Match::Query { name: "beta".into(), value: None };
    let cookie = Match::Cookie { name: "who".into(), value: Some("ann".into()) };
    let table = table(vec![
        at(host, "", "root"),
        Entry { matches: vec![header.clone()], ..at(host, "", "header") },
        Entry { matches: vec![header, query], ..at(host, "", "both") },
        Entry { matches: vec![cookie], ..at(host, "/c", "cookie") },
    ]);
    let canary: Fields = [("X-Env", "canary")].into_iter().collect();
    assert_eq!(ask_full(&table, host, "/", &canary), "header");
    assert_eq!(ask_full(&table, host, "/?beta", &canary), "both");
    assert_eq!(ask(&table, host, "/?beta"), "root");
    let ann: Fields = [("Cookie", "a=b; who=ann")].into_iter().collect();
    assert_eq!(ask_full(&table, host, "/c/x", &ann), "cookie");
    assert_eq!(ask(&table, host, "/c/x"), "root");
}

#[test]
fn a_name_whose_agent_is_away_is_told_apart_from_an_unknown_one() {
    let host = "shop.tunnel.example.com";
    let away = Entry { target: Target::Away { name: "shop".into() }, ..at(host, "", "") };
    let table = table(vec![away, at(host, "/live", "live")]);
    assert_eq!(ask(&table, host, "/"), "away shop");
    assert_eq!(ask(&table, host, "/live/x"), "live");
}

fn spelling() -> impl Strategy<Value = (bool, bool, Option<u16>)> {
    (any::<bool>(), any::<bool>(), any::<Option<u16>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_spelling_of_a_host_finds_its_route_among_1_99_101_and_10000(
        count in prop::sample::select(vec![1_usize, 99, 101, 10_000]),
        pick in any::<prop::sample::Index>(),
        (upper, dot, port) in spelling(),
    ) {
        let entries = (0..count).map(|n| Entry {
            place: Place::Host { host: format!("name-{n}.tunnel.example.com"), path: String::new() },
            matches: Vec::new(),
            strip: false,
            target: Target::Live(Arc::new(n)),
        });
        let table: Router<usize> = Router::build(Some("tunnel.example.com"), entries);
        let chosen = pick.index(count);
        let mut raw = format!("name-{chosen}.tunnel.example.com");
        if upper { raw = raw.to_ascii_uppercase(); }
        if dot { raw.push('.'); }
        if let Some(port) = port { raw = format!("{raw}:{port}"); }
        let host = normalise_host(&raw).expect("a valid spelling");
        let fields = Fields::new();
        let found = table.route(&RouteRequest { host: &host, path: "/", query: None, fields: &fields });
        prop_assert_eq!(found, Route::Endpoint { endpoint: &Arc::new(chosen), strip: 0 });
        let request = RouteRequest { host: "name-x.tunnel.example.com", path: "/", query: None, fields: &fields };
        prop_assert_eq!(table.route(&request), Route::Unknown);
    }

    #[test]
    fn routing_never_panics(host in ".{0,30}", path in "[/.%a-f0-9\\\\]{0,40}", query in proptest::option::of(".{0,20}")) {
        let table = table(vec![at("a.b", "/a/b", "x"), own("/a", "y"), public("a", "z"), at("*.b", "", "w")]);
        let fields = Fields::new();
        let _ = normalise_host(&host);
        let _ = table.route(&RouteRequest { host: "a.b", path: &path, query: query.as_deref(), fields: &fields });
        let _ = table.route(&RouteRequest { host: "tunnel.example.com", path: &path, query: query.as_deref(), fields: &fields });
    }
}
