//! What a token may use is counted once, over all that it has, and given back.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn allowance(limits: TokenLimits) -> Arc<Allowance> {
    Allowances::default().of(&"t".into(), limits).expect("streams are limited")
}

fn bucket(rate: u64) -> Bucket {
    Bucket::new(rate, Arc::default())
}

#[test]
fn there_are_as_many_streams_as_granted_and_each_is_free_again_when_it_is_over() {
    let limits = TokenLimits { streams: Some(2), ..TokenLimits::default() };
    let allowance = allowance(limits);
    let (first, second) = (allowance.enter(false), allowance.enter(true));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(allowance.enter(false).expect_err("used up").limit, "streams");
    drop(first);
    assert!(allowance.enter(false).is_ok());
    assert_eq!(allowance.told.read().into_iter().find(|(name, _)| *name == "streams"), Some(("streams", 1)));
}

#[test]
fn a_connection_that_finds_no_place_leaves_its_stream_to_others() {
    let limits = TokenLimits { streams: Some(2), connections: Some(1), ..TokenLimits::default() };
    let allowance = allowance(limits);
    let connection = allowance.enter(true).expect("the first");
    assert_eq!(allowance.enter(true).expect_err("the second").limit, "connections");
    let request = allowance.enter(false).expect("requests go on");
    drop((connection, request));
    assert_eq!(allowance.streams.load(Ordering::Relaxed), 0);
    assert_eq!(allowance.connections.load(Ordering::Relaxed), 0);
}

#[test]
fn links_of_one_token_share_and_others_have_their_own() {
    let allowances = Allowances::default();
    let limits = TokenLimits { streams: Some(1), ..TokenLimits::default() };
    let of = |key: &str| allowances.of(&key.into(), limits).expect("limited");
    let (one, same, other) = (of("a"), of("a"), of("b"));
    let share = one.enter(false).expect("the first");
    assert!(same.enter(false).is_err() && other.enter(false).is_ok());
    // The links are gone; a visitor still reads.
    drop((one, same));
    assert!(of("a").enter(false).is_err(), "what is still held counts for the next link");
    drop(share);
    assert!(of("a").enter(false).is_ok());
}

#[test]
fn who_is_gone_takes_no_room() {
    let allowances = Allowances::default();
    let limits = TokenLimits { rate: Some(1_000_000), ..TokenLimits::default() };
    for number in 0..100 {
        drop(allowances.of(&number.to_string().into(), limits));
    }
    assert!(allowances.in_use.lock().expect("no panic").len() <= 1);
}

#[test]
fn without_limits_for_streams_nothing_is_counted() {
    let allowances = Allowances::default();
    let limits = TokenLimits { mappings: Some(1), links: Some(1), ..TokenLimits::default() };
    assert!(allowances.of(&"t".into(), limits).is_none());
}

#[test]
fn the_smaller_limit_counts() {
    let one = TokenLimits { mappings: Some(5), links: Some(1), rate: Some(9), ..TokenLimits::default() };
    let other = TokenLimits { mappings: Some(3), links: Some(2), streams: Some(7), ..TokenLimits::default() };
    let both =
        TokenLimits { mappings: Some(3), links: Some(1), streams: Some(7), connections: None, rate: Some(9) };
    assert_eq!((one.within(other), other.within(one)), (both, both));
    assert_eq!(one.within(TokenLimits::default()), one);
}

#[test]
fn a_rate_is_read_and_shown_with_its_unit() {
    for (text, bytes, shown) in [
        ("10MiB", 10 * 1024 * 1024, "10MiB"),
        ("10 MiB/s", 10 * 1024 * 1024, "10MiB"),
        ("500KB", 500_000, "500KB"),
        ("16384", 16_384, "16KiB"),
        ("1TiB", 1 << 40, "1TiB"),
        ("100000B", 100_000, "100KB"),
        ("16385", 16_385, "16385B"),
    ] {
        assert_eq!(parse_rate(text), Ok(bytes), "{text}");
        assert_eq!(bytes_text(bytes), shown, "{text}");
    }
    for wrong in ["", "0", "16383", "2TiB", "-1", "MiB", "1.5MiB", "10 bytes", "99999999999999999999", "/s"] {
        assert!(parse_rate(wrong).is_err(), "{wrong}");
    }
    assert_eq!((parse_count("1"), parse_count("1000000")), (Ok(1), Ok(1_000_000)));
    for wrong in ["0", "1000001", "-1", "many", ""] {
        assert!(parse_count(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn limits_are_told_in_one_line() {
    let limits = TokenLimits { mappings: Some(5), rate: Some(10 * 1024 * 1024), ..TokenLimits::default() };
    assert_eq!(limits.to_string(), "mappings 5, rate 10MiB/s");
    assert_eq!(TokenLimits::default().to_string(), "");
}

#[test]
fn after_a_rest_a_seconds_worth_passes_at_once_and_then_all_is_waited_for() {
    let bucket = bucket(1_000_000);
    let now = Instant::now();
    assert_eq!(bucket.take(1_000_000, now), Duration::ZERO);
    assert_eq!(bucket.take(500_000, now), Duration::from_millis(500));
    assert_eq!(bucket.take(0, now), Duration::from_millis(500), "a newcomer waits for what was taken");
    assert_eq!(bucket.take(0, now + Duration::from_millis(500)), Duration::ZERO);
    let rested = now + Duration::from_secs(3600);
    assert_eq!(bucket.take(1_000_000, rested), Duration::ZERO);
    assert_eq!(bucket.take(100_000, rested), Duration::from_millis(100), "a long rest saves up no more");
}

proptest! {
    /// Whoever waits as told never has more pass than the rate, a burst and one piece of each stream.
    #[test]
    fn streams_that_wait_as_told_stay_within_the_rate(
        rate in 16_384..100_000_000_u64,
        streams in 1..20_usize,
        pieces in proptest::collection::vec((0..20_usize, 1..65_536_usize), 1..200),
    ) {
        let bucket = bucket(rate);
        let begin = Instant::now();
        let mut free = vec![begin; streams];
        let mut now = begin;
        let mut passed = 0;
        for (stream, bytes) in pieces {
            let stream = stream % streams;
            now = now.max(free[stream]);
            free[stream] = now + bucket.take(bytes, now);
            passed += bytes as u64;
            let allowed = (now - begin + BURST).as_secs_f64() * rate as f64;
            prop_assert!(passed as f64 <= allowed + (streams * 65_536) as f64 + 1.0);
        }
    }
}
