//! The state machine against a simple model: two ends in memory, batches delivered in order but at
//! random times, random owners on many streams.

mod common;

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;
use std::task::Poll;

use bytes::Bytes;
use common::{Counter, get, ok, tcp};
use porthole_link::limits::{SEND_QUEUE_BYTES, WINDOW_BUDGET, WINDOW_MAX};
use porthole_link::mux::{Mux, Role};
use porthole_link::{Item, ResetCode};
use proptest::prelude::*;

/// What is said of a stream before it is opened: of some, nothing.
fn timing(id: u64) -> Option<u32> {
    (!id.is_multiple_of(3)).then_some(id as u32)
}

/// One thing that one of the owners, or the wire, does. `who` picks an end, `which` a stream.
#[derive(Debug, Clone, Copy)]
enum Step {
    Open {
        tcp: bool,
        data: usize,
        end: bool,
    },
    Accept,
    Interim {
        which: usize,
    },
    Head {
        which: usize,
        data: usize,
        end: bool,
    },
    Send {
        who: bool,
        which: usize,
        data: usize,
    },
    End {
        who: bool,
        which: usize,
    },
    Reset {
        who: bool,
        which: usize,
    },
    Recv {
        who: bool,
        which: usize,
    },
    DropSend {
        who: bool,
        which: usize,
    },
    DropRecv {
        who: bool,
        which: usize,
    },
    /// The end gathers a batch.
    Batch {
        who: bool,
    },
    /// The oldest batch on its way to this end arrives.
    Deliver {
        who: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (who, which) = (any::<bool>(), any::<usize>());
    let size = prop_oneof![0..100usize, 1_000..20_000usize, 60_000..200_000usize];
    prop_oneof![
        2 => (any::<bool>(), 0..16_385usize, any::<bool>())
            .prop_map(|(tcp, data, end)| Step::Open { tcp, data, end }),
        2 => Just(Step::Accept),
        1 => which.prop_map(|which| Step::Interim { which }),
        2 => (which, 0..16_385usize, any::<bool>())
            .prop_map(|(which, data, end)| Step::Head { which, data, end }),
        6 => (who, which, size).prop_map(|(who, which, data)| Step::Send { who, which, data }),
        2 => (who, which).prop_map(|(who, which)| Step::End { who, which }),
        1 => (who, which).prop_map(|(who, which)| Step::Reset { who, which }),
        8 => (who, which).prop_map(|(who, which)| Step::Recv { who, which }),
        1 => (who, which).prop_map(|(who, which)| Step::DropSend { who, which }),
        1 => (who, which).prop_map(|(who, which)| Step::DropRecv { who, which }),
        8 => who.prop_map(|who| Step::Batch { who }),
        8 => who.prop_map(|who| Step::Deliver { who }),
    ]
}

/// What one owner holds of a stream, and what the model expects of it.
#[derive(Debug, Default)]
struct Owner {
    /// Body bytes given to the link, counted from the stream's first.
    sent: usize,
    sent_head: bool,
    /// Bytes offered to `poll_send` and not yet taken: they are offered again when woken.
    offered: usize,
    ended: bool,
    got: usize,
    got_head: bool,
    got_end: bool,
    stopped: bool,
    /// Read and not yet told to the link.
    unread: u32,
    holds_send: bool,
    holds_recv: bool,
    tcp: bool,
    sending: Counter,
    receiving: Counter,
    wakes_sending: Option<usize>,
    wakes_receiving: Option<usize>,
}

/// The bytes from `from` on of the body that goes this way on stream `id`: pieces of one pattern with a
/// period that no frame size divides.
fn body(id: u64, who: bool, from: usize, n: usize) -> Bytes {
    static PATTERN: LazyLock<Bytes> =
        LazyLock::new(|| (0..300_000usize).map(|at| (at % 251) as u8).collect::<Vec<_>>().into());
    let start = (from + id as usize * 13 + usize::from(who) * 101) % 251;
    PATTERN.slice(start..start + n)
}

/// Both ends; index 0 is the gateway, 1 the agent.
struct World {
    ends: [Mux; 2],
    /// Batches on their way to each end.
    wire: [VecDeque<Bytes>; 2],
    owners: [BTreeMap<u64, Owner>; 2],
    quiet: Counter,
    /// Owners finish what they have begun.
    finishing: bool,
}

impl World {
    fn new() -> Self {
        Self {
            ends: [Mux::new(Role::Gateway), Mux::new(Role::Agent)],
            wire: [VecDeque::new(), VecDeque::new()],
            owners: [BTreeMap::new(), BTreeMap::new()],
            quiet: Counter::default(),
            finishing: false,
        }
    }

    /// Wakes whom the ends want woken and checks what always holds.
    fn settle(&mut self) {
        for end in &mut self.ends {
            let mut woken = Vec::new();
            end.wakers(&mut woken);
            for waker in woken {
                waker.wake();
            }
            assert!(end.window_sum() <= WINDOW_BUDGET);
            assert!(end.window_sum() <= end.streams() as u64 * u64::from(WINDOW_MAX));
        }
    }

    fn pick(&self, end: usize, which: usize) -> Option<u64> {
        let owners = &self.owners[end];
        (!owners.is_empty()).then(|| *owners.keys().nth(which % owners.len()).unwrap())
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open { tcp: is_tcp, data, end } => {
                if self.owners[0].len() < 40 {
                    let mut open = if is_tcp { tcp() } else { get("/") };
                    let id = self.ends[0].streams_opened() + 1;
                    open.gateway_us = timing(id);
                    let opened = self.ends[0].open(&open, &body(id, false, 0, data), end).unwrap();
                    assert_eq!(opened, id);
                    let owner = Owner { sent: data, ended: end, sent_head: true, tcp: is_tcp, ..held() };
                    self.owners[0].insert(id, owner);
                }
            }
            Step::Accept => {
                if let Poll::Ready(Some(accepted)) = self.ends[1].poll_accept(&self.quiet.context()) {
                    let is_tcp = accepted.open.head.is_none();
                    assert_eq!(accepted.open.gateway_us, timing(accepted.id));
                    assert_eq!(accepted.data, body(accepted.id, false, 0, accepted.data.len()));
                    let owner = Owner {
                        got: accepted.data.len(),
                        got_end: accepted.ended,
                        got_head: true,
                        tcp: is_tcp,
                        ..held()
                    };
                    assert!(self.owners[1].insert(accepted.id, owner).is_none(), "accepted twice");
                }
            }
            Step::Interim { which } => {
                if let Some(id) = self.pick(1, which) {
                    let owner = self.owners[1].get_mut(&id).unwrap();
                    if owner.holds_send && !owner.tcp && !owner.sent_head && !owner.ended {
                        let sent = self.ends[1].send_head(id, &ok(), porthole_link::frame::FLAG_INTERIM, &[]);
                        owner.stopped |= sent.is_err();
                    }
                }
            }
            Step::Head { which, data, end } => {
                if let Some(id) = self.pick(1, which) {
                    let owner = self.owners[1].get_mut(&id).unwrap();
                    if owner.holds_send && !owner.tcp && !owner.sent_head && !owner.ended {
                        let sent = self.ends[1].send_head(id, &ok(), u8::from(end), &body(id, true, 0, data));
                        match sent {
                            Ok(()) => {
                                owner.sent_head = true;
                                owner.sent = data;
                                owner.ended = end;
                            }
                            Err(_) => owner.stopped = true,
                        }
                    }
                }
            }
            Step::Send { who, which, data } => {
                let end = usize::from(who);
                if let Some(id) = self.pick(end, which) {
                    let owner = self.owners[end].get_mut(&id).unwrap();
                    if owner.holds_send && !owner.ended && (owner.sent_head || owner.tcp) {
                        owner.offered = owner.offered.max(data);
                        self.push(end, id);
                    }
                }
            }
            Step::End { who, which } => {
                let end = usize::from(who);
                if let Some(id) = self.pick(end, which) {
                    let owner = self.owners[end].get_mut(&id).unwrap();
                    if owner.holds_send && !owner.ended && (owner.sent_head || owner.tcp) {
                        match self.ends[end].end(id, None) {
                            Ok(()) => owner.ended = true,
                            Err(_) => owner.stopped = true,
                        }
                        owner.offered = 0;
                    }
                }
            }
            Step::Reset { who, which } => {
                let end = usize::from(who);
                if let Some(id) = self.pick(end, which) {
                    self.ends[end].reset(id, ResetCode::Cancelled);
                    let owner = self.owners[end].get_mut(&id).unwrap();
                    owner.stopped = true;
                    owner.offered = 0;
                }
            }
            Step::Recv { who, which } => {
                if let Some(id) = self.pick(usize::from(who), which) {
                    self.pull(usize::from(who), id);
                }
            }
            Step::DropSend { who, which } => self.release(usize::from(who), which, false),
            Step::DropRecv { who, which } => self.release(usize::from(who), which, true),
            Step::Batch { who } => {
                let end = usize::from(who);
                if let Some(batch) = self.ends[end].next_batch() {
                    self.wire[1 - end].push_back(batch);
                }
            }
            Step::Deliver { who } => {
                let end = usize::from(who);
                if let Some(batch) = self.wire[end].pop_front() {
                    self.ends[end].receive(batch).expect("an honest peer");
                }
            }
        }
        self.settle();
    }

    /// Offers what an owner has to send.
    fn push(&mut self, end: usize, id: u64) {
        let owner = self.owners[end].get_mut(&id).unwrap();
        if !owner.holds_send || owner.ended || owner.offered == 0 {
            owner.offered = 0;
            return;
        }
        let mut data = body(id, end == 1, owner.sent, owner.offered);
        owner.wakes_sending = None;
        match self.ends[end].poll_send(id, &mut data, &owner.sending.context()) {
            Poll::Ready(Ok(())) => {
                let taken = owner.offered - data.len();
                assert!(taken > 0 && taken <= SEND_QUEUE_BYTES);
                owner.sent += taken;
                owner.offered = data.len();
            }
            Poll::Ready(Err(_)) => {
                owner.stopped = true;
                owner.offered = 0;
            }
            Poll::Pending => owner.wakes_sending = Some(owner.sending.count()),
        }
    }

    /// Reads what has arrived for an owner, and checks it.
    fn pull(&mut self, end: usize, id: u64) {
        let owner = self.owners[end].get_mut(&id).unwrap();
        if !owner.holds_recv {
            return;
        }
        let mut items = VecDeque::new();
        owner.wakes_receiving = None;
        let read = std::mem::take(&mut owner.unread);
        let polled = self.ends[end].poll_recv(id, &mut items, read, &owner.receiving.context());
        match polled {
            Poll::Ready(Ok(())) => assert!(!items.is_empty()),
            Poll::Ready(Err(_)) => owner.stopped = true,
            Poll::Pending => owner.wakes_receiving = Some(owner.receiving.count()),
        }
        for item in items {
            assert!(!owner.got_end, "something after the end: {item:?}");
            match item {
                Item::Interim(_) => assert!(!owner.got_head && !owner.tcp),
                Item::Head(_) => {
                    assert!(!owner.got_head && !owner.tcp && end == 0);
                    owner.got_head = true;
                }
                Item::Data(data) => {
                    assert!(owner.got_head || owner.tcp);
                    assert!(!data.is_empty());
                    assert!(data == body(id, end == 0, owner.got, data.len()), "bytes out of order");
                    owner.got += data.len();
                    owner.unread += data.len() as u32;
                }
                Item::End(_) => owner.got_end = true,
            }
        }
    }

    fn release(&mut self, end: usize, which: usize, receiving: bool) {
        let Some(id) = self.pick(end, which) else { return };
        let owner = self.owners[end].get_mut(&id).unwrap();
        let held = if receiving { &mut owner.holds_recv } else { &mut owner.holds_send };
        if std::mem::take(held) {
            self.ends[end].release(id, receiving);
        }
    }

    /// An owner that was woken reads and sends until it has to wait.
    fn drive(&mut self, end: usize, id: u64) {
        let owner = self.owners[end].get_mut(&id).unwrap();
        owner.wakes_sending = None;
        owner.wakes_receiving = None;
        while {
            self.push(end, id);
            self.settle();
            let owner = &self.owners[end][&id];
            owner.offered > 0 && owner.wakes_sending.is_none()
        } {}
        let owner = self.owners[end].get_mut(&id).unwrap();
        if self.finishing && owner.holds_send && owner.offered == 0 && !owner.ended && !owner.stopped {
            if !owner.sent_head && !owner.tcp {
                owner.sent_head = end == 0 || self.ends[end].send_head(id, &ok(), 0, &[]).is_ok();
            }
            owner.ended = self.ends[end].end(id, None).is_ok();
            owner.stopped |= !owner.ended;
        }
        while self.owners[end][&id].reads_on() {
            self.pull(end, id);
            self.settle();
        }
    }

    /// Lets everything move that can, owners acting only when woken. Nothing may be left stuck.
    fn run_dry(&mut self) {
        for _ in 0..100_000 {
            let mut moved = false;
            for end in 0..2 {
                while let Some(batch) = self.ends[end].next_batch() {
                    self.wire[1 - end].push_back(batch);
                    moved = true;
                    self.settle();
                }
                while let Some(batch) = self.wire[end].pop_front() {
                    self.ends[end].receive(batch).expect("an honest peer");
                    moved = true;
                    self.settle();
                }
                let ids: Vec<u64> = self.owners[end].keys().copied().collect();
                for id in ids {
                    if self.owners[end][&id].was_woken() {
                        self.drive(end, id);
                        moved = true;
                    }
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the two ends never come to rest");
    }
}

fn held() -> Owner {
    Owner { holds_send: true, holds_recv: true, ..Owner::default() }
}

impl Owner {
    fn was_woken(&self) -> bool {
        self.wakes_receiving.is_some_and(|seen| seen != self.receiving.count())
            || self.wakes_sending.is_some_and(|seen| seen != self.sending.count())
    }

    /// There may be more to read right now.
    fn reads_on(&self) -> bool {
        let waits = self.wakes_receiving.is_some_and(|seen| seen == self.receiving.count());
        self.holds_recv && !self.got_end && !self.stopped && !waits
    }
}

fn check(steps: Vec<Step>) {
    let mut world = World::new();
    for step in steps {
        world.take(step);
    }
    world.run_dry();
    loop {
        let before = world.owners[1].len();
        world.take(Step::Accept);
        if world.owners[1].len() == before {
            break;
        }
    }
    // Now everybody looks once, and from there on acts only when woken.
    world.finishing = true;
    for end in 0..2 {
        let ids: Vec<u64> = world.owners[end].keys().copied().collect();
        for id in ids {
            world.drive(end, id);
        }
    }
    world.run_dry();
    for end in 0..2 {
        for (id, owner) in &world.owners[end] {
            if owner.holds_recv && !owner.stopped {
                assert!(owner.got_end, "end {end}, stream {id} never ended: {owner:?}");
            }
            if owner.holds_send && !owner.stopped {
                assert!(owner.ended, "end {end}, stream {id} never sent all: {owner:?}");
            }
            if owner.got_end {
                let peer = &world.owners[1 - end][id];
                assert!(peer.ended && owner.got == peer.sent, "end {end}, stream {id}: bytes lost");
            }
        }
        let ids: Vec<u64> = world.owners[end].keys().copied().collect();
        for id in ids {
            let which = world.owners[end].keys().position(|&key| key == id).unwrap();
            world.release(end, which, false);
            world.release(end, which, true);
            world.settle();
        }
    }
    world.run_dry();
    for end in &mut world.ends {
        assert_eq!((end.streams(), end.window_sum(), end.waiting_bytes()), (0, 0, 0));
        assert!(!end.has_output());
        assert!(end.poll_idle(&world.quiet.context()).is_ready());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_owners_do_bodies_arrive_whole_and_streams_are_forgotten(
        steps in prop::collection::vec(step(), 1..400)
    ) {
        check(steps);
    }
}
