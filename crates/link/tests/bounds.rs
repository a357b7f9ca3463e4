//! Both sides of the state machine's bounds, what a peer cannot make it hold, and who goes first.

mod common;

use std::collections::VecDeque;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use common::{Counter, get, ok, tcp};
use porthole_http1::Fields;
use porthole_link::frame::{self, FLAG_END, FLAG_INTERIM, Kind};
use porthole_link::head::Malformed;
use porthole_link::limits::{
    EXPRESS_BYTES, EXPRESS_BYTES_FATAL, HEAD_BYTES, HEAD_FIELDS, HEADS_WAITING_BYTES, INLINE_BYTES,
    INTERIM_HEADS, WINDOW_BUDGET, WINDOW_INITIAL,
};
use porthole_link::mux::{Mux, Role};
use porthole_link::{Item, OpenError, ResetCode, Stopped};
use proptest::prelude::*;

fn message(write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut out = BytesMut::new();
    write(&mut out);
    out.freeze()
}

fn data(stream: u64, n: usize) -> Bytes {
    message(|out| {
        // A frame holds less than a window: several lie in one message.
        for piece in vec![7; n].chunks(60_000) {
            frame::put_header(out, Kind::Data, 0, stream, piece.len());
            out.extend_from_slice(piece);
        }
    })
}

fn received(mux: &mut Mux, id: u64) -> Result<Vec<Item>, Stopped> {
    let counter = Counter::default();
    let mut items = VecDeque::new();
    match mux.poll_recv(id, &mut items, 0, &counter.context()) {
        Poll::Ready(Ok(())) | Poll::Pending => Ok(items.into()),
        Poll::Ready(Err(stopped)) => Err(stopped),
    }
}

fn accept(mux: &mut Mux) -> Option<porthole_link::mux::Accepted> {
    let counter = Counter::default();
    match mux.poll_accept(&counter.context()) {
        Poll::Ready(accepted) => accepted,
        Poll::Pending => None,
    }
}

/// The frames of everything an end has to send.
fn frames(mux: &mut Mux) -> Vec<frame::Frame> {
    let mut all = Vec::new();
    while let Some(mut batch) = mux.next_batch() {
        while let Some(frame) = frame::take(&mut batch).unwrap() {
            all.push(frame);
        }
    }
    all
}

fn carry(from: &mut Mux, to: &mut Mux) -> Result<(), Malformed> {
    while let Some(batch) = from.next_batch() {
        to.receive(batch)?;
    }
    Ok(())
}

fn gateway_with_stream() -> (Mux, u64) {
    let mut gateway = Mux::new(Role::Gateway);
    let id = gateway.open(&get("/"), &[], true).unwrap();
    while gateway.next_batch().is_some() {}
    (gateway, id)
}

#[test]
fn the_stream_after_the_budget_is_refused_by_either_end_and_room_comes_back() {
    let most = WINDOW_BUDGET / u64::from(WINDOW_INITIAL);
    assert_eq!(most, 2048);
    let (mut gateway, mut agent) = (Mux::new(Role::Gateway), Mux::new(Role::Agent));
    for _ in 0..most {
        gateway.open(&tcp(), &[], false).unwrap();
    }
    assert_eq!(gateway.open(&tcp(), &[], false), Err(OpenError::Busy));
    carry(&mut gateway, &mut agent).unwrap();
    assert_eq!(agent.window_sum(), WINDOW_BUDGET);
    agent.receive(message(|out| frame::put_open(out, most + 1, &tcp(), &[], false))).unwrap();
    let answer = frames(&mut agent).pop().unwrap();
    assert_eq!((answer.kind, answer.stream), (Kind::Reset, most + 1));
    assert_eq!(frame::read_reset(answer.payload).unwrap(), ResetCode::Busy);

    gateway.release(1, true);
    gateway.release(1, false);
    gateway.open(&tcp(), &[], false).unwrap();
}

#[test]
fn large_heads_of_requests_count_twice_in_the_agents_budget_until_their_streams_are_over() {
    let mut agent = Mux::new(Role::Agent);
    let open = |length: usize| {
        let mut open = get("/");
        open.head.as_mut().unwrap().fields.push("X-Large", "x".repeat(length));
        open
    };
    // Small ones cost nothing but their stream's window.
    agent.receive(message(|out| frame::put_open(out, 1, &open(3 * 1024), &[], true))).unwrap();
    assert_eq!(agent.window_sum(), u64::from(WINDOW_INITIAL));
    let large = open(100 * 1024);
    let taken = |agent: &mut Mux| agent.poll_accept(&Counter::default().context()).is_ready();
    assert!(taken(&mut agent));
    let refused = (2..1_000).find(|&id| {
        agent.receive(message(|out| frame::put_open(out, id, &large, &[], true))).unwrap();
        // Taken at once: what waits to be taken has a bound of its own.
        !taken(&mut agent)
    });
    let refused = refused.expect("far fewer than 2,048");
    assert!((400..600).contains(&refused), "{refused}");
    assert!(agent.window_sum() <= WINDOW_BUDGET);
    for id in 1..refused {
        agent.reset(id, ResetCode::Cancelled);
        agent.release(id, true);
        agent.release(id, false);
    }
    assert_eq!((agent.streams(), agent.window_sum()), (0, 0));
}

#[test]
fn a_stream_that_the_peer_reset_is_forgotten_whichever_half_is_dropped_last() {
    for receiving_last in [true, false] {
        let (mut gateway, id) = gateway_with_stream();
        gateway.receive(message(|out| frame::put_reset(out, id, ResetCode::Refused))).unwrap();
        gateway.release(id, !receiving_last);
        gateway.release(id, receiving_last);
        assert_eq!((gateway.streams(), gateway.window_sum()), (0, 0));
    }
}

#[test]
fn a_stream_that_its_owner_reset_is_forgotten_whichever_half_is_dropped_last() {
    for receiving_last in [true, false] {
        let (mut gateway, id) = gateway_with_stream();
        gateway.reset(id, ResetCode::Cancelled);
        gateway.release(id, !receiving_last);
        gateway.release(id, receiving_last);
        assert_eq!((gateway.streams(), gateway.window_sum()), (0, 0));
    }
}

#[test]
fn a_lost_link_forgets_streams_that_nobody_took() {
    let mut agent = Mux::new(Role::Agent);
    agent.receive(message(|out| frame::put_open(out, 1, &get("/"), &[], true))).unwrap();
    agent.receive(message(|out| frame::put_open(out, 2, &get("/"), &[], true))).unwrap();
    let held = accept(&mut agent).unwrap();
    agent.lose();
    assert_eq!(agent.streams(), 1);
    agent.release(held.id, true);
    agent.release(held.id, false);
    assert_eq!((agent.streams(), agent.window_sum()), (0, 0));
}

#[test]
fn exactly_the_credit_may_be_used() {
    let mut agent = Mux::new(Role::Agent);
    agent.receive(message(|out| frame::put_open(out, 1, &tcp(), &[], false))).unwrap();
    agent.receive(data(1, WINDOW_INITIAL as usize)).unwrap();
    assert_eq!(agent.receive(data(1, 1)), Err(Malformed("more data than credit")));
}

#[test]
fn credit_is_renewed_at_a_quarter_and_the_window_grows_for_a_reader_that_keeps_up() {
    let mut agent = Mux::new(Role::Agent);
    agent.receive(message(|out| frame::put_open(out, 1, &tcp(), &[], false))).unwrap();
    let quarter = WINDOW_INITIAL / 4;
    agent.receive(data(1, quarter as usize)).unwrap();
    received(&mut agent, 1).unwrap();
    agent.consumed(1, quarter - 1);
    assert!(frames(&mut agent).is_empty());
    agent.consumed(1, 1);
    let window = frames(&mut agent).pop().unwrap();
    assert_eq!(frame::read_window(window.payload).unwrap(), quarter);

    let most = WINDOW_INITIAL / 2 + 1;
    agent.receive(data(1, most as usize)).unwrap();
    received(&mut agent, 1).unwrap();
    agent.consumed(1, most);
    let window = frames(&mut agent).pop().unwrap();
    assert_eq!(frame::read_window(window.payload).unwrap(), most + WINDOW_INITIAL);
    assert_eq!(agent.window_sum(), 2 * u64::from(WINDOW_INITIAL));
}

#[test]
fn interim_heads_are_bounded_where_they_are_read_and_left_out_where_they_are_sent() {
    let (mut gateway, id) = gateway_with_stream();
    for _ in 0..INTERIM_HEADS {
        gateway.receive(message(|out| frame::put_head(out, id, &ok(), FLAG_INTERIM, &[]))).unwrap();
    }
    let one_more = gateway.receive(message(|out| frame::put_head(out, id, &ok(), FLAG_INTERIM, &[])));
    assert_eq!(one_more, Err(Malformed("too many interim heads")));

    let mut agent = Mux::new(Role::Agent);
    agent.receive(message(|out| frame::put_open(out, 1, &get("/"), &[], true))).unwrap();
    for _ in 0..=INTERIM_HEADS {
        agent.send_head(1, &ok(), FLAG_INTERIM, &[]).unwrap();
    }
    agent.send_head(1, &ok(), FLAG_END, &[]).unwrap();
    assert_eq!(frames(&mut agent).len(), INTERIM_HEADS as usize + 1);
}

#[test]
fn heads_and_first_bytes_beyond_their_bounds_do_not_leave() {
    let fields = |n: usize| (0..n).map(|_| ("a", "b")).collect::<Fields>();
    let mut gateway = Mux::new(Role::Gateway);
    let mut open = get("/");
    open.head.as_mut().unwrap().fields = fields(HEAD_FIELDS);
    gateway.open(&open, &vec![0; INLINE_BYTES], true).unwrap();
    assert_eq!(gateway.open(&open, &vec![0; INLINE_BYTES + 1], true), Err(OpenError::TooLarge));
    open.head.as_mut().unwrap().fields = fields(HEAD_FIELDS + 1);
    assert_eq!(gateway.open(&open, &[], true), Err(OpenError::TooLarge));
    let used = porthole_link::head::request_bytes(get("").head.as_ref().unwrap());
    gateway.open(&get(&"x".repeat(HEAD_BYTES - used)), &[], true).unwrap();
    assert_eq!(gateway.open(&get(&"x".repeat(HEAD_BYTES - used + 1)), &[], true), Err(OpenError::TooLarge));
    let mut agent = Mux::new(Role::Agent);
    carry(&mut gateway, &mut agent).expect("what the bounds let through, the peer takes");

    let mut head = ok();
    head.fields = fields(HEAD_FIELDS + 1);
    assert_eq!(agent.send_head(1, &head, 0, &[]), Err(Stopped(ResetCode::BadAnswer)));
    head.fields = fields(HEAD_FIELDS);
    agent.send_head(2, &head, 0, &vec![0; INLINE_BYTES]).unwrap();
    carry(&mut agent, &mut gateway).unwrap();
}

#[test]
fn a_request_id_that_the_peer_would_not_take_is_cut_to_what_it_takes() {
    let (mut gateway, mut agent) = (Mux::new(Role::Gateway), Mux::new(Role::Agent));
    let mut open = get("/");
    open.request_id = format!("a b\u{e9}{}", "x".repeat(100));
    gateway.open(&open, &[], true).unwrap();
    carry(&mut gateway, &mut agent).unwrap();
    assert_eq!(accept(&mut agent).unwrap().open.request_id, format!("ab{}", "x".repeat(62)));
}

#[test]
fn a_thousand_answers_at_once_do_not_end_the_link() {
    let (mut gateway, mut agent) = (Mux::new(Role::Gateway), Mux::new(Role::Agent));
    for _ in 0..2048 {
        gateway.open(&get("/"), &[], true).unwrap();
    }
    carry(&mut gateway, &mut agent).unwrap();
    for id in 1..=2048 {
        agent.send_head(id, &ok(), FLAG_END, &vec![id as u8; INLINE_BYTES]).unwrap();
    }
    agent.receive(Bytes::new()).expect("nothing is wrong with so many answers");
    carry(&mut agent, &mut gateway).unwrap();
    for id in 1..=2048 {
        let items = received(&mut gateway, id).unwrap();
        assert!(matches!(items.first(), Some(Item::Head(_))));
        assert!(matches!(items.last(), Some(Item::End(None))));
        let body: usize = items.iter().map(|item| if let Item::Data(d) = item { d.len() } else { 0 }).sum();
        assert_eq!(body, INLINE_BYTES);
    }
}

#[test]
fn data_never_overtakes_the_head_of_its_stream() {
    let (mut gateway, mut agent) = (Mux::new(Role::Gateway), Mux::new(Role::Agent));
    let large = get(&"x".repeat(60_000));
    for id in 1..6 {
        gateway.open(&large, &[], false).unwrap();
        let sent = gateway.poll_send(id, &mut Bytes::from_static(b"body"), &Counter::default().context());
        assert_eq!(sent, Poll::Ready(Ok(())));
        gateway.end(id, None).unwrap();
    }
    carry(&mut gateway, &mut agent).expect("data comes after its open");
    for id in 1..6 {
        assert_eq!(received(&mut agent, id).unwrap().len(), 2);
    }
}

#[test]
fn data_before_the_head_resets_its_stream_and_only_that() {
    let (mut gateway, id) = gateway_with_stream();
    gateway.receive(data(id, 10)).unwrap();
    assert_eq!(received(&mut gateway, id), Err(Stopped(ResetCode::Protocol)));
    let id = gateway.open(&get("/"), &[], true).unwrap();
    gateway.receive(message(|out| frame::put_header(out, Kind::End, 0, id, 0))).unwrap();
    assert_eq!(received(&mut gateway, id).unwrap_err(), Stopped(ResetCode::Protocol));
    let id = gateway.open(&tcp(), &[], false).unwrap();
    gateway.receive(data(id, 10)).unwrap();
    assert_eq!(received(&mut gateway, id).unwrap().len(), 1);
}

#[test]
fn frames_for_streams_never_opened_end_the_link_and_for_forgotten_ones_do_not() {
    let (mut gateway, id) = gateway_with_stream();
    gateway.release(id, true);
    gateway.release(id, false);
    gateway.receive(data(id, 100_000)).unwrap();
    assert_eq!(gateway.waiting_bytes(), frame::HEADER_BYTES + 2, "the reset alone waits");
    assert!(gateway.receive(data(id + 1, 1)).is_err());
    assert!(gateway.receive(data(0, 1)).is_err());
    let open = message(|out| frame::put_open(out, 9, &tcp(), &[], false));
    assert!(gateway.receive(open.clone()).is_err(), "an agent opens nothing");
    let mut agent = Mux::new(Role::Agent);
    agent.receive(open.clone()).unwrap();
    assert_eq!(agent.receive(open), Err(Malformed("a stream id used again")));
}

#[test]
fn one_byte_frames_cost_bytes_and_empty_ones_nothing() {
    let mut agent = Mux::new(Role::Agent);
    agent.receive(message(|out| frame::put_open(out, 1, &tcp(), &[], false))).unwrap();
    for _ in 0..30_000 {
        agent.receive(data(1, 1)).unwrap();
        agent.receive(message(|out| frame::put_header(out, Kind::Data, 0, 1, 0))).unwrap();
    }
    let items = received(&mut agent, 1).unwrap();
    assert!(items.len() < 20, "{} items", items.len());
}

#[test]
fn windows_and_resets_cost_nothing_and_refused_opens_are_bounded() {
    let (mut gateway, id) = gateway_with_stream();
    for _ in 0..100_000 {
        gateway.receive(message(|out| frame::put_window(out, id, 1))).unwrap();
        gateway.receive(message(|out| frame::put_reset(out, id, ResetCode::Cancelled))).unwrap();
    }
    assert_eq!(gateway.waiting_bytes(), 0);

    // Opens that are refused are answered, and nobody reads the answers.
    let mut agent = Mux::new(Role::Agent);
    let mut id = 0;
    let refusal = loop {
        let batch = message(|out| {
            for _ in 0..10_000 {
                id += 1;
                frame::put_open(out, id, &tcp(), &[], false);
            }
        });
        if let Err(refusal) = agent.receive(batch) {
            break refusal;
        }
    };
    assert_eq!(refusal, Malformed("the peer provokes answers that it does not read"));
    assert!(agent.waiting_bytes() < EXPRESS_BYTES_FATAL + 1024 * 1024);
}

#[test]
fn a_gateway_opens_nothing_more_when_its_agent_does_not_read() {
    let mut gateway = Mux::new(Role::Gateway);
    let large = get(&"x".repeat(60_000));
    let refused = (0..2048).map(|_| gateway.open(&large, &[], true)).find_map(Result::err);
    assert_eq!(refused, Some(OpenError::Busy));
    assert!(gateway.waiting_bytes() <= EXPRESS_BYTES + 61_000);
}

#[test]
fn heads_that_nobody_reads_are_bounded_over_the_link() {
    let mut gateway = Mux::new(Role::Gateway);
    let mut head = ok();
    head.fields = Fields::from_iter([("x", "y".repeat(100_000))]);
    for _ in 0..1000 {
        let id = gateway.open(&get("/"), &[], true).unwrap();
        while gateway.next_batch().is_some() {}
        gateway.receive(message(|out| frame::put_head(out, id, &head, FLAG_INTERIM, &[]))).unwrap();
        gateway.receive(message(|out| frame::put_head(out, id, &head, 0, &[]))).unwrap();
    }
    assert!(gateway.waiting_bytes() <= HEADS_WAITING_BYTES + 64 * 1024);
    assert_eq!(received(&mut gateway, 1).unwrap().len(), 2);
    assert_eq!(received(&mut gateway, 1000), Err(Stopped(ResetCode::Busy)));
    let mut agent = Mux::new(Role::Agent);
    let large = get(&"x".repeat(100_000));
    for id in 1..1000 {
        agent.receive(message(|out| frame::put_open(out, id, &large, &[], true))).unwrap();
    }
    assert!(agent.waiting_bytes() <= HEADS_WAITING_BYTES + 64 * 1024);
    while let Some(accepted) = accept(&mut agent) {
        agent.release(accepted.id, true);
        agent.release(accepted.id, false);
    }
    assert_eq!(agent.streams(), 0);
}

/// An agent whose stream 1 has a full queue and credit without end.
fn agent_with_bulk() -> Mux {
    let mut agent = Mux::new(Role::Agent);
    agent.receive(message(|out| frame::put_open(out, 1, &tcp(), &[], false))).unwrap();
    agent.receive(message(|out| frame::put_window(out, 1, 15 * 1024 * 1024))).unwrap();
    for _ in 0..4 {
        refill(&mut agent);
        agent.next_batch();
    }
    refill(&mut agent);
    agent
}

fn refill(agent: &mut Mux) {
    let mut bulk = Bytes::from(vec![1; 1024 * 1024]);
    let _ = agent.poll_send(1, &mut bulk, &Counter::default().context());
}

fn bytes_of(batch: &mut Bytes, stream: u64) -> usize {
    let mut sum = 0;
    while let Some(frame) = frame::take(batch).unwrap() {
        sum += if frame.stream == stream { frame.payload.len() } else { 0 };
    }
    sum
}

#[test]
fn a_small_answer_leaves_in_the_next_batch_beside_bulk() {
    let mut agent = agent_with_bulk();
    for id in 2..50 {
        refill(&mut agent);
        agent.receive(message(|out| frame::put_open(out, id, &tcp(), &[], false))).unwrap();
        let sent = agent.poll_send(id, &mut Bytes::from_static(b"small"), &Counter::default().context());
        assert_eq!(sent, Poll::Ready(Ok(())));
        assert_eq!(bytes_of(&mut agent.next_batch().unwrap(), id), 5);
    }
}

#[test]
fn a_steady_flow_of_answers_does_not_starve_bulk() {
    let mut agent = agent_with_bulk();
    let mut id = 1;
    for _ in 0..20 {
        refill(&mut agent);
        for _ in 0..8 {
            id += 1;
            agent.receive(message(|out| frame::put_open(out, id, &get("/"), &[], true))).unwrap();
            agent.send_head(id, &ok(), FLAG_END, &[0; INLINE_BYTES]).unwrap();
        }
        assert!(bytes_of(&mut agent.next_batch().unwrap(), 1) >= 30_000);
    }
}

#[test]
fn pieces_of_one_byte_are_sent_together() {
    let mut agent = Mux::new(Role::Agent);
    agent.receive(message(|out| frame::put_open(out, 1, &tcp(), &[], false))).unwrap();
    for _ in 0..10_000 {
        let _ = agent.poll_send(1, &mut Bytes::from_static(b"x"), &Counter::default().context());
    }
    let frames = frames(&mut agent);
    assert_eq!(frames.iter().map(|frame| frame.payload.len()).sum::<usize>(), 10_000);
    assert!(frames.len() < 40, "{} frames", frames.len());
}

#[test]
fn streams_reset_before_their_turn_leave_nothing_behind() {
    let mut agent = Mux::new(Role::Agent);
    for id in 1..100_000 {
        agent.receive(message(|out| frame::put_open(out, id, &tcp(), &[], false))).unwrap();
        accept(&mut agent).unwrap();
        let _ = agent.poll_send(id, &mut Bytes::from_static(b"x"), &Counter::default().context());
        agent.receive(message(|out| frame::put_reset(out, id, ResetCode::Cancelled))).unwrap();
        agent.release(id, true);
        agent.release(id, false);
    }
    assert_eq!((agent.streams(), agent.waiting_bytes()), (0, 0));
    assert!(agent.lines() < 200, "{} stale ids", agent.lines());
    assert!(agent.next_batch().is_none());
}

/// Messages made of frames that are right, of frames with any bytes inside, and of any bytes.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let frame = (0..9u8, 0..4u8, 0..6u64, prop::collection::vec(any::<u8>(), 0..80)).prop_map(
        |(kind, flags, stream, payload)| {
            let mut out = vec![0, 0, payload.len() as u8, kind, flags];
            out.extend_from_slice(&stream.to_be_bytes()[2..]);
            out.extend(payload);
            out
        },
    );
    let right = (1..6u64, any::<bool>(), 0..200usize).prop_map(|(stream, http, n)| {
        let mut out = BytesMut::new();
        if http {
            frame::put_open(&mut out, stream, &get("/x"), &vec![1; n], false);
        } else {
            frame::put_head(&mut out, stream, &ok(), 0, &vec![1; n]);
        }
        out.to_vec()
    });
    let piece = prop_oneof![3 => frame, 3 => right, 1 => prop::collection::vec(any::<u8>(), 0..60)];
    (prop::collection::vec(piece, 1..12), prop::option::of((any::<usize>(), any::<u8>()))).prop_map(
        |(pieces, change)| {
            let mut message = pieces.concat();
            if let Some((at, byte)) = change
                && !message.is_empty()
            {
                let at = at % message.len();
                message[at] = byte;
            }
            message
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_peer_sends_is_taken_or_refused_with_a_reason(
        messages in prop::collection::vec(hostile(), 1..8)
    ) {
        for role in [Role::Gateway, Role::Agent] {
            let mut mux = Mux::new(role);
            if role == Role::Gateway {
                for _ in 0..2 {
                    mux.open(&get("/"), &[], true).unwrap();
                    mux.open(&tcp(), &[], false).unwrap();
                }
            }
            for message in &messages {
                if mux.receive(message.clone().into()).is_err() {
                    mux.lose();
                    break;
                }
                while mux.next_batch().is_some() {}
            }
            for id in 1..6 {
                let _ = received(&mut mux, id);
            }
        }
    }
}
