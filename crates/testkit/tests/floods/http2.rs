//! Floods of HTTP/2 frames.

use std::time::Duration;

use porthole_testkit::h2_frames::{
    CONTINUATION, END_STREAM, Frame, Frames, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM, SETTINGS,
    Verdict, WINDOW_UPDATE, block, literal,
};
use porthole_testkit::wait::{PATIENCE, within};
use porthole_testkit::{World, long};
use tokio::net::TcpStream;

use super::{Other, size, withstands, withstands_within, world};

/// Frames after which a flood is to have been ended; far more than any bound of the gateway.
const MANY: usize = 200_000;
/// Frames of a flood in one write.
const BATCH: usize = 100;

async fn connection(world: &World) -> Frames<TcpStream> {
    Frames::clear(world.gateway.address, &[]).await
}

fn request<'a>(host: &'a str, method: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", method), (":scheme", "http"), (":authority", host), (":path", path)]
}

/// Pours what `next` makes of each number until the gateway ends the connection; returns how many
/// numbers that took.
async fn until_ended(what: &str, world: &World, mut next: impl FnMut(u32) -> Vec<Frame>) -> usize {
    let mut connection = connection(world).await;
    for batch in 0..MANY / BATCH {
        let mut bytes = Vec::new();
        for number in batch * BATCH..(batch + 1) * BATCH {
            for frame in next(number as u32) {
                frame.write(&mut bytes);
            }
        }
        let poured = tokio::time::timeout(PATIENCE, connection.pour(&bytes)).await;
        match poured.unwrap_or_else(|_| panic!("{what}: neither read nor ended")) {
            Ok(()) => {}
            Err(_) => {
                let ended = batch * BATCH;
                eprintln!("  {what}: ended before {} (code {:?})", ended + BATCH, connection.goodbye());
                return ended;
            }
        }
    }
    panic!("{what}: {MANY} were taken");
}

#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let world = world().await;
    withstands("rapid reset", world, async |world| {
        let host = world.visitor().host;
        for _ in 0..size(3, 30) {
            let head = |number: u32| Frame::head(2 * number + 1, END_STREAM, &request(&host, "GET", "/hang"));
            let at_once = |number: u32| vec![head(number), Frame::reset(2 * number + 1)];
            until_ended("head and reset at once", world, at_once).await;
        }
        // Reset only once the gateway is known to have looked at them.
        let mut connection = connection(world).await;
        let mut next = 1;
        let ended = within("the end of slower resets", async {
            loop {
                let streams: Vec<u32> = (0..50).map(|number| next + 2 * number).collect();
                next += 100;
                let head = |stream: &u32| Frame::head(*stream, END_STREAM, &request(&host, "GET", "/hang"));
                let mut frames: Vec<Frame> = streams.iter().map(head).collect();
                frames.push(Frame::ping());
                if connection.send(&frames).await.is_err() {
                    return next;
                }
                loop {
                    match connection.next().await {
                        Some(frame) if frame.kind == PING => break,
                        Some(_) => {}
                        None => return next,
                    }
                }
                let resets: Vec<Frame> = streams.iter().map(|stream| Frame::reset(*stream)).collect();
                if connection.send(&resets).await.is_err() {
                    return next;
                }
            }
        });
        let streams = ended.await / 2;
        eprintln!("  resets of requests under way: ended after {streams} (code {:?})", connection.goodbye());
        assert!(streams < 5_000, "{streams} streams were reset");
    })
    .await;
}

#[tokio::test]
async fn resets_that_a_visitor_provokes_end_the_connection() {
    let world = world().await;
    withstands("MadeYouReset", world, async |world| {
        let host = world.visitor().host;
        let get = |stream: u32| Frame::head(stream, END_STREAM, &request(&host, "GET", "/hang"));
        let post = |stream: u32| Frame::head(stream, 0, &request(&host, "POST", "/hang"));
        let short = |stream: u32| {
            let mut fields = request(&host, "POST", "/hang").to_vec();
            fields.push(("content-length", "1"));
            Frame::head(stream, 0, &fields)
        };
        for _ in 0..size(1, 10) {
            let stream = |number: u32| 2 * number + 1;
            until_ended("a window of 0", world, |n| vec![post(stream(n)), Frame::window(stream(n), 0)]).await;
            let overflow = |n| vec![post(stream(n)), Frame::window(stream(n), i32::MAX as u32)];
            until_ended("a window beyond its end", world, overflow).await;
            let itself = |n| vec![post(stream(n)), Frame::priority(stream(n), stream(n))];
            until_ended("a priority on itself", world, itself).await;
            until_ended("data after the end", world, |n| {
                vec![get(stream(n)), Frame::data(stream(n), 0, *b"x")]
            })
            .await;
            let again = |n| vec![get(stream(n)), get(stream(n))];
            until_ended("a head after the end", world, again).await;
            let too_long = |n| vec![short(stream(n)), Frame::data(stream(n), 0, *b"12")];
            until_ended("more than was announced", world, too_long).await;
            let no_trailers = |n| vec![post(stream(n)), Frame::head(stream(n), 0, &[("x", "y")])];
            until_ended("trailers without an end", world, no_trailers).await;
            let refused = |n| vec![Frame::head(stream(n), END_STREAM, &[("te", "gzip")])];
            until_ended("malformed heads", world, refused).await;
        }
    })
    .await;
}

#[tokio::test]
async fn frames_that_carry_nothing_end_the_connection() {
    let world = world().await;
    withstands("empty frames", world, async |world| {
        let host = world.visitor().host;
        for _ in 0..size(1, 10) {
            until_ended("PING", world, |_| vec![Frame::ping()]).await;
            until_ended("SETTINGS", world, |_| vec![Frame::settings(&[])]).await;
            let window = |n: u32| vec![Frame::settings(&[(INITIAL_WINDOW_SIZE, n % 65_536)])];
            until_ended("SETTINGS that move windows", world, window).await;
            until_ended("PRIORITY", world, |n| vec![Frame::priority(2 * n + 3, 0)]).await;
            until_ended("WINDOW_UPDATE", world, |_| vec![Frame::window(0, 1)]).await;
            until_ended("unknown frames", world, |_| vec![Frame::new(0xbb, 0, 0, *b"?")]).await;
            until_ended("acknowledgements", world, |_| vec![Frame::new(PING, 1, 0, [0; 8])]).await;
            let idle = |n: u32| vec![Frame::new(RST_STREAM, 0, 2 * n + 1, [0; 4])];
            until_ended("resets of nothing", world, idle).await;
            let empty = |n: u32| match n {
                0 => vec![Frame::head(1, 0, &request(&host, "POST", "/sink"))],
                _ => vec![Frame::data(1, 0, [])],
            };
            until_ended("empty DATA", world, empty).await;
        }
        let log = world.gateway.process.stderr();
        assert!(!log.contains("h2::"), "the library's words about single frames fill the log");
        // Acknowledged, and the acknowledgements never read: the gateway stops reading, or ends it.
        for frame in [Frame::ping(), Frame::settings(&[])] {
            let mut connection = connection(world).await;
            let frames = vec![frame; BATCH];
            for _ in 0..MANY / BATCH {
                let sent = tokio::time::timeout(Duration::from_secs(1), connection.send(&frames)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    break;
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_header_block_without_end_ends_the_connection() {
    let world = world().await;
    withstands("CONTINUATION", world, async |world| {
        let host = world.visitor().host;
        let list = block(&request(&host, "GET", "/hello"));
        let first = |n: u32, rest: Vec<u8>| match n {
            0 => vec![Frame::new(HEADERS, END_STREAM, 1, list.clone())],
            _ => vec![Frame::new(CONTINUATION, 0, 1, rest)],
        };
        for _ in 0..size(3, 30) {
            until_ended("empty CONTINUATION", world, |n| first(n, Vec::new())).await;
            let byte = |n| first(n, vec![0]);
            until_ended("CONTINUATION of single bytes", world, byte).await;
            let field = |n: u32| {
                let mut more = Vec::new();
                literal(&mut more, format!("x-{n}").as_bytes(), &[b'v'; 16_000]);
                first(n, more)
            };
            until_ended("CONTINUATION of fields", world, field).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_header_list_that_unpacks_to_megabytes_is_refused() {
    let world = world().await;
    withstands("HPACK bomb", world, async |world| {
        let host = world.visitor().host;
        for _ in 0..size(20, 500) {
            let mut connection = connection(world).await;
            // A field that fills the table of 4 KiB, and then a byte for each of its repeats.
            let mut list = block(&request(&host, "GET", "/hello"));
            let mut field = Vec::new();
            literal(&mut field, b"x-bomb", &[b'b'; 4_000]);
            field[0] = 0x40;
            list.extend(field);
            list.resize(16 * 1024, 0xbe);
            let _ = connection.send(&[Frame::new(HEADERS, 0x5, 1, list)]).await;
            let verdict = connection.verdict(1).await;
            assert!(verdict.is_refusal(), "{verdict:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_hundred_and_first_stream_is_refused_and_the_hundred_go_on() {
    let world = world().await;
    withstands("101 streams", world, async |world| {
        let host = world.visitor().host;
        let mut connection = connection(world).await;
        let head = |number: u32| Frame::head(2 * number + 1, END_STREAM, &request(&host, "GET", "/slow?300"));
        // The bound holds from the moment that its announcement was acknowledged.
        let mut known = 0;
        while known < 2 {
            let frame = connection.next().await.expect("settings and their acknowledgement");
            known += usize::from(frame.kind == SETTINGS || frame.kind == WINDOW_UPDATE);
        }
        let frames: Vec<Frame> = (0..101).map(head).collect();
        connection.send(&frames).await.expect("sent");
        const REFUSED_STREAM: u32 = 7;
        assert_eq!(connection.verdict(201).await, Verdict::Reset(REFUSED_STREAM));
        let answered = within("a hundred answers", async {
            let mut answered = 0;
            while answered < 100 {
                let frame = connection.next().await.expect("the connection goes on");
                answered += usize::from(frame.status() == Some(200));
            }
            answered
        });
        assert_eq!(answered.await, 100);
    })
    .await;
}

#[tokio::test]
async fn windows_that_never_open_hold_up_nobody_else() {
    let world = world().await;
    let other = Other::Clear(world.visitor());
    // The link's own bounds: 64 KiB of credit for each stalled stream, and what the agent has ready.
    withstands_within("zero windows", world, other, [192, 320], async |world| {
        let host = world.visitor().host;
        let mut stalled = Vec::new();
        for _ in 0..size(2, 10) {
            let mut connection = Frames::clear(world.gateway.address, &[(INITIAL_WINDOW_SIZE, 0)]).await;
            let head = |number: u32| {
                Frame::head(2 * number + 1, END_STREAM, &request(&host, "GET", "/bytes?500000"))
            };
            let frames: Vec<Frame> = (0..100).map(head).collect();
            connection.send(&frames).await.expect("sent");
            let answered = within("a hundred heads", async {
                let mut answered = 0;
                while answered < 100 {
                    let frame = connection.next().await.expect("the connection goes on");
                    answered += usize::from(frame.status() == Some(200));
                }
            });
            answered.await;
            stalled.push(connection);
        }
        tokio::time::sleep(Duration::from_secs(if long() { 10 } else { 1 })).await;
    })
    .await;
}

#[tokio::test]
async fn bodies_of_single_bytes_that_nobody_reads_are_bounded() {
    let world = world().await;
    let other = Other::Clear(world.visitor());
    // A byte keeps what it was read into, until the link has taken it: up to 50 MiB were seen.
    withstands_within("bytes one by one", world, other, [128, 64], async |world| {
        let host = world.visitor().host;
        for _ in 0..size(2, 10) {
            let mut connection = connection(world).await;
            let heads =
                (0..100).map(|number| Frame::head(2 * number + 1, 0, &request(&host, "POST", "/hang")));
            connection.send(&heads.collect::<Vec<_>>()).await.expect("sent");
            let mut bytes = Vec::new();
            (0..100).for_each(|number| Frame::data(2 * number + 1, 0, *b"x").write(&mut bytes));
            // Ended, or held: 12.5 MiB of windows are open.
            for _ in 0..size(500, 5_000) {
                let poured = tokio::time::timeout(Duration::from_secs(1), connection.pour(&bytes)).await;
                if !matches!(poured, Ok(Ok(()))) {
                    break;
                }
            }
            eprintln!("  single bytes: goodbye {:?}", connection.goodbye());
        }
    })
    .await;
}
