//! Scripts of names, certificates and times.

use super::*;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn wanted(name: &str, subject: &str) -> Wanted {
    Wanted { name: name.to_owned(), subject: Some(subject.into()) }
}

fn certificate(from: Timestamp, to: Timestamp) -> Certificate {
    let pair = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let text = pair.signing_key.serialize_pem() + &pair.cert.pem();
    let read = Certificate::from_pem("a.example", text.as_bytes()).unwrap();
    Certificate { not_before: from, not_after: to, ..read }
}

#[derive(Default)]
struct World {
    ledger: Ledger,
    held: HashMap<String, Certificate>,
    under_way: BTreeSet<String>,
}

impl World {
    fn next(&self, wanted: &[Wanted], now: Timestamp) -> Next {
        self.ledger.next(wanted, &self.held, &self.under_way, now)
    }

    /// Orders all that may be ordered at one moment, each done at once; returns their names.
    fn order_all(&mut self, all: &[Wanted], now: Timestamp) -> Vec<String> {
        let mut ordered = Vec::new();
        let fresh = certificate(now, now + DAY * 90);
        while let Next::Order { wanted, renewal } = self.next(all, now) {
            self.ledger.begin(&wanted, renewal, now);
            self.ledger.succeeded(&wanted.name);
            self.held.insert(wanted.name.clone(), fresh.clone());
            ordered.push(wanted.name);
        }
        ordered
    }
}

#[test]
fn a_name_without_a_certificate_is_ordered_at_once_and_one_with_a_good_one_is_not() {
    let (mut world, now) = (World::default(), start());
    let all = [wanted("a.example", "alice")];
    assert_eq!(world.next(&all, now), Next::Order { wanted: all[0].clone(), renewal: false });
    assert_eq!(world.next(&[], now), Next::Wait { until: None });
    world.under_way.insert("a.example".to_owned());
    assert_eq!(world.next(&all, now), Next::Wait { until: None });
    world.under_way.clear();
    world.held.insert("a.example".to_owned(), certificate(now, now + DAY * 90));
    assert!(matches!(world.next(&all, now), Next::Wait { until: Some(_) }));
}

#[test]
fn a_certificate_is_renewed_when_a_third_of_its_lifetime_is_left_or_a_little_before() {
    let (mut world, now) = (World::default(), start());
    let mut times = BTreeSet::new();
    for name in ["a.example", "b.example", "c.example", "d.example"] {
        world.held.insert(name.to_owned(), certificate(now, now + DAY * 90));
        let all = [wanted(name, "alice")];
        let Next::Wait { until: Some(at) } = world.next(&all, now) else { panic!("too early") };
        assert!((now + DAY * 57..=now + DAY * 60).contains(&at), "{at}");
        let just_before = at - SignedDuration::from_secs(1);
        assert!(matches!(world.next(&all, just_before), Next::Wait { .. }));
        assert_eq!(world.next(&all, at), Next::Order { wanted: all[0].clone(), renewal: true });
        times.insert(at);
    }
    assert_eq!(times.len(), 4, "four certificates that came together are renewed apart");
}

#[test]
fn a_certificate_that_has_expired_is_ordered_like_a_new_one() {
    let (mut world, now) = (World::default(), start());
    world.held.insert("a.example".to_owned(), certificate(now - DAY * 90, now));
    let all = [wanted("a.example", "alice")];
    assert_eq!(world.next(&all, now), Next::Order { wanted: all[0].clone(), renewal: false });
}

#[test]
fn a_failing_name_is_retried_ever_later_and_holds_nobody_up() {
    let (mut world, mut now) = (World::default(), start());
    let all = [wanted("bad.example", "alice"), wanted("good.example", "alice")];
    let first = now;
    let mut waits = Vec::new();
    for _ in 0..12 {
        world.ledger.failed("bad.example", now);
        let Next::Order { wanted, .. } = world.next(&all, now) else { panic!("the other one is free") };
        assert_eq!(wanted.name, "good.example");
        let Next::Wait { until: Some(until) } = world.next(&all[..1], now) else { panic!("too early") };
        waits.push(until.duration_since(now).as_secs());
        now = until;
    }
    assert_eq!(waits[..4], [300, 600, 1200, 2400]);
    assert_eq!(waits.last(), Some(&43_200));
    let in_the_first_hour = waits.iter().scan(0, |at, wait| {
        let begun = *at;
        *at += wait;
        Some(begun)
    });
    assert!(in_the_first_hour.filter(|begun| *begun < 3600).count() < 5, "since {first}");
    world.ledger.succeeded("bad.example");
    assert_eq!(world.ledger.failing(), 0);
    assert!(matches!(world.next(&all[..1], now), Next::Order { .. }));
}

#[test]
fn a_thousand_new_names_of_one_subject_are_ordered_six_an_hour_and_anothers_go_on() {
    let (mut world, now) = (World::default(), start());
    let mut all: Vec<Wanted> = (0..1000).map(|n| wanted(&format!("{n}.example"), "mallory")).collect();
    all.push(wanted("shop.example", "alice"));
    let ordered = world.order_all(&all, now);
    assert_eq!(ordered.len(), ORDERS_OF_SUBJECT_PER_HOUR + 1);
    assert_eq!(ordered.last().map(String::as_str), Some("shop.example"));
    let Next::Wait { until: Some(until) } = world.next(&all, now) else { panic!("more") };
    assert_eq!(until, now + HOUR);
    assert!(world.order_all(&all, until - SignedDuration::from_secs(1)).is_empty());
    assert_eq!(world.order_all(&all, until).len(), ORDERS_OF_SUBJECT_PER_HOUR);
}

#[test]
fn many_subjects_share_what_the_gateway_may_order_in_an_hour_and_its_own_host_is_not_held_up() {
    let (mut world, now) = (World::default(), start());
    let all: Vec<Wanted> = (0..100).map(|n| wanted(&format!("{n}.example"), &format!("{n}"))).collect();
    assert_eq!(world.order_all(&all, now).len(), ORDERS_PER_HOUR);
    let own = Wanted { name: "tunnel.example".to_owned(), subject: None };
    assert_eq!(world.next(std::slice::from_ref(&own), now), Next::Order { wanted: own, renewal: false });
}

#[test]
fn new_names_leave_room_for_renewals() {
    let (mut world, now) = (World::default(), start());
    let new: Vec<Wanted> = (0..100).map(|n| wanted(&format!("{n}.example"), &format!("{n}"))).collect();
    world.order_all(&new, now);
    world.held.insert("old.example".to_owned(), certificate(now - DAY * 80, now + DAY * 10));
    let old = wanted("old.example", "alice");
    assert_eq!(world.next(std::slice::from_ref(&old), now), Next::Order { wanted: old, renewal: true });
}

#[test]
fn an_authority_that_is_away_is_asked_ever_later_and_one_that_says_when_is_asked_then() {
    let (mut world, mut now) = (World::default(), start());
    let all = [wanted("a.example", "alice")];
    let mut waits = Vec::new();
    for _ in 0..12 {
        world.ledger.away(now);
        let Next::Wait { until: Some(until) } = world.next(&all, now) else { panic!("too early") };
        waits.push(until.duration_since(now).as_secs());
        now = until;
        assert!(matches!(world.next(&all, now), Next::Order { .. }));
    }
    assert_eq!(waits[..3], [2, 4, 8]);
    assert_eq!(waits.last(), Some(&900));
    world.ledger.held_off(Duration::from_secs(3600), now);
    assert_eq!(world.next(&all, now), Next::Wait { until: Some(now + HOUR) });
    world.ledger.held_off(Duration::MAX, now);
    assert_eq!(world.next(&all, now), Next::Wait { until: Some(now + DAY) });
}

#[test]
fn times_of_a_clock_that_was_wrong_hold_nothing_up() {
    let (mut world, now) = (World::default(), start());
    let all = [wanted("a.example", "alice")];
    let years_later = now + DAY * 3650;
    world.ledger.begin(&all[0], false, years_later);
    world.ledger.failed("a.example", years_later);
    world.ledger.away(years_later);
    assert!(matches!(world.next(&all, now), Next::Order { .. }));
}

#[test]
fn what_is_remembered_survives_a_restart_and_is_bounded() {
    let (mut world, now) = (World::default(), start());
    for n in 0..FAILED_NAMES + 2 {
        world.ledger.failed(&format!("{n}.example"), now);
    }
    assert_eq!(world.ledger.failing(), FAILED_NAMES);
    world.ledger.begin(&wanted("a.example", "alice"), false, now);
    world.ledger.away(now);
    let text = serde_json::to_string(&world.ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), world.ledger);
    world.ledger.begin(&wanted("b.example", "alice"), false, now + DAY * 30);
    assert_eq!((world.ledger.begun.len(), world.ledger.failing()), (1, 0), "what is long over is forgotten");
}
