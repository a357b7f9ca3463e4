#![no_main]
//! A peer's messages, to both ends. The first byte says which end reads and how long the messages
//! are: whatever comes is taken or refused with a reason, within the bounds, and nothing is left
//! once the link is lost and every handle dropped.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use porthole_http1::{Fields, RequestHead, Version};
use porthole_link::limits::WINDOW_BUDGET;
use porthole_link::mux::{Mux, Role};
use porthole_link::{Item, Open, StreamKind};

fn open(kind: StreamKind) -> Open {
    let head = RequestHead {
        version: Version::Http11,
        method: "GET".into(),
        target: "/".into(),
        fields: Fields::new(),
    };
    Open {
        kind,
        mapping: 1,
        request_id: "r".into(),
        visitor: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        gateway_us: Some(7),
        head: (kind != StreamKind::Tcp).then_some(head),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&first, bytes)) = input.split_first() else { return };
    let mut cx = Context::from_waker(Waker::noop());
    let role = if first & 1 == 0 { Role::Agent } else { Role::Gateway };
    let mut mux = Mux::new(role);
    let mut held = Vec::new();
    if role == Role::Gateway {
        for kind in [StreamKind::Http, StreamKind::Tcp, StreamKind::Upgrade] {
            held.push(mux.open(&open(kind), b"first", false).expect("the first streams fit"));
        }
    }
    let size = match usize::from(first >> 1) {
        0 => bytes.len().max(1),
        n => n * 8,
    };
    for message in bytes.chunks(size) {
        if mux.receive(Bytes::copy_from_slice(message)).is_err() {
            break;
        }
        while let Poll::Ready(Some(accepted)) = mux.poll_accept(&mut cx) {
            held.push(accepted.id);
        }
        for &id in &held {
            let mut items = VecDeque::new();
            if first & 2 == 0 && mux.poll_recv(id, &mut items, 0, &mut cx).is_ready() {
                for item in items {
                    if let Item::Data(data) = item {
                        mux.consumed(id, data.len() as u32);
                    }
                }
            }
            let _ = mux.poll_send(id, &mut Bytes::from_static(&[7; 500]), &mut cx);
        }
        assert!(mux.window_sum() <= WINDOW_BUDGET);
        while mux.next_batch().is_some() {}
    }
    mux.lose();
    for id in held {
        mux.release(id, false);
        mux.release(id, true);
    }
    assert_eq!((mux.streams(), mux.window_sum(), mux.waiting_bytes()), (0, 0, 0));
});
