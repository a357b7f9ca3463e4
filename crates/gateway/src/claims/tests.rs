//! Whose a name is.

use proptest::prelude::*;

use super::*;

const LAPSE: Duration = Duration::from_secs(7 * 86_400);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn host(name: &str, path: &str) -> Key {
    Key::Place(Place::Host { host: name.into(), path: path.into() })
}

fn slot(name: &str) -> Slot {
    Slot::new(host(name, ""), &[])
}

fn holder(link: LinkId, subject: &str, agent: &str) -> Holder {
    Holder { link, subject: subject.into(), agent: agent.into(), draining: false }
}

fn board() -> Board {
    Board::new([], LAPSE)
}

fn take(
    board: &mut Board,
    slot: &Slot,
    holder: Holder,
    pulse: Pulse,
    now: Timestamp,
) -> Result<(), ClaimRefusal> {
    board.take(slot, holder, "label", |_| pulse, now, true)
}

#[test]
fn a_name_belongs_to_the_subject_that_claimed_it_until_it_lapses() {
    let mut board = board();
    let shop = slot("shop");
    take(&mut board, &shop, holder(1, "alice", "a"), Pulse::NotAsked, at(0)).expect("free");
    board.release(&shop, 1, at(100));
    let bob = |board: &mut Board, now| take(board, &shop, holder(2, "bob", "b"), Pulse::NotAsked, now);
    assert_eq!(bob(&mut board, at(200)), Err(ClaimRefusal::HeldByOther));
    assert_eq!(board.away(at(200)).count(), 1);
    assert_eq!(bob(&mut board, at(100 + 7 * 86_400)), Err(ClaimRefusal::HeldByOther));
    assert_eq!(board.away(at(101 + 7 * 86_400)).count(), 0);
    assert_eq!(bob(&mut board, at(101 + 7 * 86_400)), Ok(()));
}

#[test]
fn a_host_is_shared_by_whoever_else_keeps_a_path_of_it() {
    let mut board = board();
    let path = Slot::new(host("shop.example", "/x"), &[]);
    take(&mut board, &path, holder(1, "alice", "a"), Pulse::NotAsked, at(0)).expect("free");
    let shared = |host: &str, by: &str, seconds| board.is_shared(host, &by.into(), at(seconds));
    assert!(shared("shop.example", "bob", 0) && !shared("shop.example", "alice", 0));
    for other in ["shop.exampl", "shop.example2", "a.shop.example", ""] {
        assert!(!shared(other, "bob", 0), "{other}");
    }
    board.release(&path, 1, at(0));
    assert!(!board.is_shared("shop.example", &"bob".into(), at(1 + 7 * 86_400)), "it lapsed");
}

#[test]
fn a_name_in_use_never_lapses() {
    let mut board = board();
    let shop = slot("shop");
    take(&mut board, &shop, holder(1, "alice", "a"), Pulse::NotAsked, at(0)).expect("free");
    let late = at(30 * 86_400);
    assert_eq!(board.forget_lapsed(late), 0);
    assert_eq!(
        take(&mut board, &shop, holder(2, "bob", "b"), Pulse::Silent, late),
        Err(ClaimRefusal::HeldByOther)
    );
    assert_eq!(board.snapshot(late)[0].1.last_used, late);
}

#[test]
fn another_agent_of_the_same_subject_takes_over_only_from_a_silent_or_leaving_one() {
    let mut board = board();
    let shop = slot("shop");
    take(&mut board, &shop, holder(1, "alice", "a"), Pulse::NotAsked, at(0)).expect("free");
    let second = || holder(2, "alice", "b");
    assert_eq!(
        board.ask(
            &shop,
            Claimant { subject: &"alice".into(), agent: &"b".into() },
            |_| Pulse::NotAsked,
            at(1)
        ),
        Verdict::Ask(1)
    );
    assert_eq!(take(&mut board, &shop, second(), Pulse::Answered, at(1)), Err(ClaimRefusal::HeldByOwn));
    assert_eq!(take(&mut board, &shop, second(), Pulse::Silent, at(1)), Ok(()));
    board.release(&shop, 1, at(2));
    assert!(board.is_live(&shop.key), "the old link's end takes nothing from the new one");
    board.drain(2, [shop.clone()]);
    assert_eq!(take(&mut board, &shop, holder(3, "alice", "c"), Pulse::NotAsked, at(3)), Ok(()));
}

#[test]
fn the_same_agent_takes_its_own_name_at_once() {
    let mut board = board();
    let shop = slot("shop");
    take(&mut board, &shop, holder(1, "alice", "a"), Pulse::NotAsked, at(0)).expect("free");
    assert_eq!(take(&mut board, &shop, holder(2, "alice", "a"), Pulse::NotAsked, at(0)), Ok(()));
}

#[test]
fn whoever_holds_a_host_holds_the_paths_below_it() {
    let mut board = board();
    let of = |path: &str| Slot::new(host("shop", path), &[]);
    take(&mut board, &of("/a"), holder(1, "alice", "a"), Pulse::NotAsked, at(0)).expect("free");
    let bob =
        |board: &mut Board, path: &str| take(board, &of(path), holder(2, "bob", "b"), Pulse::NotAsked, at(0));
    assert_eq!(bob(&mut board, "/a"), Err(ClaimRefusal::HeldByOther));
    assert_eq!(bob(&mut board, "/a/b"), Err(ClaimRefusal::HeldByOther));
    assert_eq!(bob(&mut board, "/ab"), Ok(()));
    take(&mut board, &of(""), holder(3, "carol", "c"), Pulse::NotAsked, at(0)).expect("the root is free");
    assert_eq!(bob(&mut board, "/x"), Err(ClaimRefusal::HeldByOther));
    assert_eq!(bob(&mut board, "/ab"), Err(ClaimRefusal::HeldByOther));
}

#[test]
fn several_agents_share_a_host_by_path_or_condition() {
    use porthole_link::control::Match;
    let mut board = board();
    let header = Match::Header { name: "X-Env".into(), value: None };
    let lower = Match::Header { name: "x-env".into(), value: None };
    assert_eq!(
        Slot::new(host("shop", ""), std::slice::from_ref(&header)),
        Slot::new(host("shop", ""), &[lower])
    );
    for (slot, agent) in [
        (slot("shop"), "a"),
        (Slot::new(host("shop", "/x"), &[]), "b"),
        (Slot::new(host("shop", ""), &[header]), "c"),
    ] {
        let link = LinkId::from(agent.as_bytes()[0]);
        assert_eq!(take(&mut board, &slot, holder(link, "alice", agent), Pulse::Answered, at(0)), Ok(()));
    }
    assert_eq!(board.live().count(), 3);
}

#[test]
fn a_subject_may_hold_10000_claims_and_no_more() {
    let claims = (0..MAX_CLAIMS_PER_SUBJECT - 1).map(|n| {
        (host(&format!("h{n}"), ""), Claim { subject: "alice".into(), label: "x".into(), last_used: at(0) })
    });
    let mut board = Board::new(claims, LAPSE);
    assert_eq!(take(&mut board, &slot("one"), holder(1, "alice", "a"), Pulse::NotAsked, at(0)), Ok(()));
    assert_eq!(
        take(&mut board, &slot("two"), holder(1, "alice", "a"), Pulse::NotAsked, at(0)),
        Err(ClaimRefusal::TooMany)
    );
    assert_eq!(take(&mut board, &slot("h7"), holder(1, "alice", "a"), Pulse::NotAsked, at(0)), Ok(()));
    assert_eq!(take(&mut board, &slot("two"), holder(2, "bob", "b"), Pulse::NotAsked, at(0)), Ok(()));
}

#[test]
fn claims_survive_in_their_file() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(store::load(folder.path()).expect("none yet").is_empty());
    let claim = Claim { subject: "alice".into(), label: "x".into(), last_used: at(0) };
    let keys = [
        host("shop.example.com", "/a/b"),
        host("*.example.com", ""),
        Key::Tcp(20000),
        Key::Place(Place::Own { path: "/n".into() }),
        Key::Place(Place::Pub { id: "i".into() }),
    ];
    let claims: Vec<_> = keys.into_iter().map(|key| (key, claim.clone())).collect();
    store::save(folder.path(), &claims).expect("saved");
    assert_eq!(store::load(folder.path()).expect("read"), claims);
}

#[derive(Debug, Clone)]
enum Step {
    Take { link: LinkId, subject: usize, agent: usize, slot: usize, pulse: usize },
    Release { link: LinkId, slot: usize },
    Drain { link: LinkId },
    Wait { days: i64 },
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u64, 0..3_usize, 0..3_usize, 0..6_usize, 0..3_usize)
            .prop_map(|(link, subject, agent, slot, pulse)| Step::Take { link, subject, agent, slot, pulse }),
        2 => (0..6_u64, 0..6_usize).prop_map(|(link, slot)| Step::Release { link, slot }),
        1 => (0..6_u64).prop_map(|link| Step::Drain { link }),
        1 => (0..5_i64).prop_map(|days| Step::Wait { days }),
        1 => Just(Step::Forget),
    ]
}

proptest! {
    #[test]
    fn a_slot_is_only_ever_taken_by_the_rules(steps in proptest::collection::vec(step(), 1..60)) {
        let slots = [slot("a"), slot("b"), Slot::new(host("a", "/x"), &[]), Slot::new(host("b", "/x"), &[]), Slot::new(Key::Tcp(1), &[]), slot("c")];
        let pulses = [Pulse::NotAsked, Pulse::Answered, Pulse::Silent];
        let mut board = board();
        let mut seconds = 0;
        for step in steps {
            match step {
                Step::Take { link, subject, agent, slot, pulse } => {
                    let who = holder(link, &format!("s{subject}"), &format!("s{subject}a{agent}"));
                    let before = board.holder(&slots[slot]).cloned();
                    let taken = take(&mut board, &slots[slot], who.clone(), pulses[pulse], at(seconds));
                    match (&before, taken) {
                        (Some(old), Ok(())) => {
                            prop_assert_eq!(&old.subject, &who.subject);
                            prop_assert!(old.agent == who.agent || old.draining || pulses[pulse] == Pulse::Silent);
                        }
                        (_, Err(_)) => prop_assert_eq!(board.holder(&slots[slot]).cloned(), before),
                        (None, Ok(())) => {}
                    }
                }
                Step::Release { link, slot } => {
                    let others = board.holder(&slots[slot]).cloned().filter(|h| h.link != link);
                    board.release(&slots[slot], link, at(seconds));
                    prop_assert_eq!(board.holder(&slots[slot]).cloned(), others);
                }
                Step::Drain { link } => board.drain(link, slots.clone()),
                Step::Wait { days } => seconds += days * 86_400,
                Step::Forget => { board.forget_lapsed(at(seconds)); }
            }
            for (slot, holder) in board.live() {
                let claim = board.snapshot(at(seconds)).into_iter().find(|(key, _)| *key == slot.key);
                prop_assert_eq!(claim.map(|(_, claim)| claim.subject), Some(holder.subject.clone()), "whoever serves a name owns it");
            }
        }
    }

    #[test]
    fn a_key_reads_back_as_it_was_written(host in "[a-z*.]{1,20}", path in "(/[a-z]{1,5}){0,3}", port in 1_u16..) {
        for key in [Key::Place(Place::Host { host: host.clone(), path: path.clone() }), Key::Tcp(port), Key::Place(Place::Own { path })] {
            prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        }
    }
}
