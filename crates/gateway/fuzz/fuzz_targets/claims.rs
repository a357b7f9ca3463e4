#![no_main]
//! The file of claims, as an older or newer version, a full disk or a person may have left it: what is
//! read is written so that it is read again as the same, and the rules hold on it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use porthole_gateway::claims::{Board, Holder, Key, Pulse, Slot, store};

fuzz_target!(|text: &[u8]| {
    if let Ok(key) = std::str::from_utf8(text).unwrap_or_default().parse::<Key>() {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    let Ok(claims) = store::parse(text) else { return };
    let again = store::render(&claims).expect("claims can be written");
    assert_eq!(store::parse(again.as_bytes()).expect("and read"), claims);

    let now = Timestamp::UNIX_EPOCH;
    let mut board = Board::new(claims.iter().cloned(), Duration::from_secs(7 * 86_400));
    let last: BTreeMap<_, _> = claims.into_iter().collect();
    board.forget_lapsed(now);
    for (key, claim) in &last {
        assert_eq!(board.is_claimed(key, now), board.away(now).any(|(away, _)| away == key));
        let stranger = Holder {
            link: 1,
            subject: format!("not {}", claim.subject).into(),
            agent: "x".into(),
            draining: false,
        };
        let slot = Slot::new(key.clone(), &[]);
        let taken = board.take(&slot, stranger, "l", |_| Pulse::NotAsked, now, false).is_ok();
        assert!(!(taken && board.is_claimed(key, now)), "{key} was somebody's");
        board.release(&slot, 1, now);
    }
    assert!(board.snapshot(now).len() <= last.len());
});
