//! Visitors whose proxy says who they are before their first byte.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Raw, World, request, saying, within};
use crate::tls;

const LINE: &str = "PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n";
const BYTES: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x09\xc0\x00\x02\x01\x12\x67\x01\xbb";

/// A gateway that lets in proxies on this computer alone; its answers say for whom.
async fn world() -> World {
    let set = |config: &mut porthole_gateway::Config| {
        config.proxy_protocol = true;
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    };
    let told = saying(|incoming| {
        let head = incoming.open.head.as_ref().unwrap();
        let field = |name| head.fields.get_str(name).unwrap_or("-").to_owned();
        format!("{} via {} {}", incoming.open.visitor, field("x-forwarded-for"), field("x-forwarded-proto"))
    });
    World::with(set, told).await
}

#[tokio::test]
async fn the_visitor_is_who_the_header_names_however_it_arrives() {
    let world = world().await;
    let get = request("GET", "/", "X-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n");
    for header in [LINE.as_bytes(), BYTES] {
        let reply = world.say([header, get.as_bytes()].concat()).await;
        // A visitor is not believed about others, though its proxy is.
        assert!(reply.ends_with("203.0.113.9:4711 via 203.0.113.9 http"), "{reply}");
        for cut in [1, 11, header.len() - 1, header.len()] {
            let mut raw = world.raw().await;
            raw.0.set_nodelay(true).unwrap();
            raw.send(&header[..cut]).await;
            tokio::task::yield_now().await;
            raw.send(&header[cut..]).await;
            raw.send(&get).await;
            assert!(raw.rest().await.ends_with("203.0.113.9:4711 via 203.0.113.9 http"), "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn a_connection_of_the_proxys_own_is_its_own() {
    let world = world().await;
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
    for header in [&b"PROXY UNKNOWN\r\n"[..], local] {
        let health = "GET /health HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n";
        let reply = world.say([header, health.as_bytes()].concat()).await;
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
        let shop = request("GET", "/", "Connection: close\r\n");
        let reply = world.say([header, shop.as_bytes()].concat()).await;
        assert!(reply.contains("127.0.0.1:") && reply.ends_with("via 127.0.0.1 http"), "{reply}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_further_out_is_believed_as_behind_a_balancer() {
    let world = world().await;
    let get = request("GET", "/", "X-Forwarded-For: 198.51.100.7\r\nConnection: close\r\n");
    let reply = world.say(format!("PROXY TCP4 127.0.0.1 192.0.2.1 4711 443\r\n{get}")).await;
    assert!(reply.ends_with("198.51.100.7:0 via 198.51.100.7, 127.0.0.1 http"), "{reply}");
}

#[tokio::test]
async fn without_a_valid_header_nothing_is_read_and_nothing_answered() {
    let world = world().await;
    let get = request("GET", "/", "Connection: close\r\n");
    let mut version = BYTES.to_vec();
    version[12] = 0x31;
    for begin in [b"".as_slice(), b"PROXY TCP4 203.0.113.9\r\n", b"PROXY TCP9 1 2 3 4\r\n", &version] {
        assert_eq!(world.say([begin, get.as_bytes()].concat()).await, "", "{}", begin.escape_ascii());
    }
    assert_eq!(world.opened(), 0);
}

/// Another address of this computer's, which Linux has without being told.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn whoever_is_no_trusted_proxy_is_refused_with_and_without_a_header() {
    let world = world().await;
    let get = request("GET", "/", "Connection: close\r\n");
    for begin in ["", LINE] {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut raw = Raw(within(socket.connect(world.addr)).await.unwrap());
        // The refusal may be here before all of this is written.
        let _ = raw.0.write_all(format!("{begin}{get}").as_bytes()).await;
        assert_eq!(raw.rest().await, "");
    }
    assert_eq!(world.opened(), 0);
}

#[tokio::test]
async fn the_header_stands_before_tls() {
    let (world, folder) = (world().await, tempfile::tempdir().unwrap());
    let (addr, roots) = tls::listen(&world, folder.path()).await;
    for header in [LINE.as_bytes(), BYTES] {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        socket.write_all(header).await.unwrap();
        let mut io = tls::over(socket, roots.clone(), &["http/1.1"]).await;
        io.write_all(request("GET", "/", "Connection: close\r\n").as_bytes()).await.unwrap();
        let mut reply = String::new();
        within(io.read_to_string(&mut reply)).await.unwrap();
        assert!(reply.ends_with("203.0.113.9:4711 via 203.0.113.9 https"), "{reply}");
    }
}
