//! What a gateway asks of all mappings' visitors holds whatever a mapping asks for.

use porthole_link::control::{CannedAnswer, Floor, Maintenance, RateLimit};

use super::*;

const ONCE: RateLimit = RateLimit { requests: 1, seconds: 3600 };

fn under(policy: &Policy, floor: &Floor) -> Compiled {
    Compiled::new(policy, "shop").expect("a policy").under(floor).expect("a floor")
}

/// Some of these, in any order.
fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let some = proptest::sample::subsequence(of, 0..=of.len());
    some.prop_map(|list| list.into_iter().map(str::to_owned).collect())
}

const NETWORKS: &[&str] = &["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "::/0", "0.0.0.0/0"];
const METHODS: &[&str] = &["GET", "POST", "DELETE"];
const PATHS: &[&str] = &["/", "/a", "/a/b", "/.git"];
const VISITORS: &[&str] = &["10.0.0.1", "10.1.0.1", "192.0.2.9", "2001:db8::1"];

fn floors() -> impl Strategy<Value = Floor> {
    let lists = (some(NETWORKS), some(NETWORKS), some(METHODS), some(&PATHS[1..]));
    (lists, proptest::option::of(0..200_u64)).prop_map(
        |((allow_ip, deny_ip, allow_methods, private_paths), max_body)| Floor {
            allow_ip,
            deny_ip,
            allow_methods,
            private_paths,
            max_body,
            ..Floor::default()
        },
    )
}

fn policies() -> impl Strategy<Value = Policy> {
    let asked = (floors(), some(PATHS), any::<bool>(), any::<bool>(), proptest::bool::weighted(0.1));
    asked.prop_map(|(floor, public_paths, guarded, answers, down)| Policy {
        public_paths,
        basic_auth: if guarded {
            vec![BasicAuth { user: "ann".into(), hash: hash("x") }]
        } else {
            Vec::new()
        },
        answers: if answers {
            vec![CannedAnswer {
                path: "/a".into(),
                status: 302,
                location: Some("/b".into()),
                ..CannedAnswer::default()
            }]
        } else {
            Vec::new()
        },
        maintenance: down.then_some(Maintenance { message: None, retry_after: 1 }),
        ..floor.policy()
    })
}

proptest! {
    #[test]
    fn whoever_is_let_in_is_let_in_by_the_floor_and_by_the_mapping_and_nobody_else_is(
        policy in policies(),
        floor in floors(),
        visitor in proptest::sample::select(VISITORS),
        method in proptest::sample::select(METHODS),
        path in proptest::sample::select(&["/", "/a", "/a/b/c", "/A", "/.git/config", "/x/../a", "/a%2fb"][..]),
        length in 0..300_u64,
    ) {
        let fields = Fields::from_iter([("Content-Length", length.to_string())]);
        let lets_in = |policy: &Compiled| {
            let asked = PolicyRequest { visitor: ip(visitor), method, path, fields: &fields, now: Instant::now() };
            // A password that is asked for is no refusal yet; without one it is the mapping's to ask.
            let decided = decide(policy, &asked);
            !matches!(decided, Decision::Refuse(problem) if problem.status() != 401)
        };
        let both = lets_in(&under(&policy, &floor));
        let floor_alone = lets_in(&under(&Policy::default(), &floor));
        let mapping_alone = lets_in(&under(&policy, &Floor::default()));
        prop_assert_eq!(both, floor_alone && mapping_alone);
    }

    #[test]
    fn a_body_has_the_smaller_of_both_bounds(own in proptest::option::of(0..9_u64), floor in proptest::option::of(0..9_u64)) {
        let policy = Policy { max_body: own, ..Policy::default() };
        let most = under(&policy, &Floor { max_body: floor, ..Floor::default() }).max_body();
        prop_assert_eq!(most, own.unwrap_or(u64::MAX).min(floor.unwrap_or(u64::MAX)));
    }
}

#[test]
fn a_floor_that_asks_for_nothing_costs_nothing() {
    assert!(under(&Policy::default(), &Floor::default()).is_open());
    let only_passwords = Floor { require_auth: true, ..Floor::default() };
    assert!(under(&Policy::default(), &only_passwords).is_open(), "that is asked of the mapping once");
}

#[test]
fn both_rates_count_and_each_mapping_has_a_floors_rate_for_itself() {
    let floor = Floor { visitor_rate_limit: Some(ONCE), ..Floor::default() };
    let generous = Policy { rate_limit: Some(RateLimit { requests: 1000, seconds: 1 }), ..Policy::default() };
    let (shop, cart) = (under(&generous, &floor), under(&Policy::default(), &floor));
    assert_eq!((status(&shop, "10.0.0.1"), status(&shop, "10.0.0.1")), (None, Some(429)));
    assert_eq!((status(&shop, "10.0.0.2"), status(&cart, "10.0.0.1")), (None, None));
    assert!(cart.count(ip("10.0.0.1"), Instant::now()).is_err(), "connections count as requests do");
    let mut edited = under(&Policy::default(), &floor);
    edited.go_on_from(&shop);
    assert_eq!(status(&edited, "10.0.0.1"), Some(429), "an edit of the mapping forgets nothing");
}

#[test]
fn both_bounds_on_visitors_at_once_count_and_what_is_refused_by_one_takes_no_place_of_the_other() {
    let floor = Floor { max_concurrent: Some(2), ..Floor::default() };
    let strict = under(&Policy { max_concurrent: Some(1), ..Policy::default() }, &floor);
    let first = strict.enter().expect("a place");
    for _ in 0..3 {
        assert_eq!(strict.enter().expect_err("one of its own").status, 503);
    }
    let mut loose = under(&Policy { max_concurrent: Some(9), ..Policy::default() }, &floor);
    loose.go_on_from(&strict);
    let second = loose.enter().expect("the refused ones left the floor's places");
    assert!(loose.enter().is_err());
    drop((first, second));
    assert!(loose.enter().is_ok());
}
