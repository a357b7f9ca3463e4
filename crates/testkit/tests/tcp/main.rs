//! Raw TCP through the tunnel.

mod programs;
mod server_names;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use porthole_testkit::agent::Home;
use porthole_testkit::service::body;
use porthole_testkit::wait::{until, within};
use porthole_testkit::{Agent, Gateway, LocalService};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Tunnel {
    agent: Agent,
    gateway: Gateway,
    token: String,
    address: SocketAddr,
    url: String,
    service: LocalService,
    _ports: Ports,
}

/// A port of the gateway's that leads to one of this computer's.
struct Lead {
    agent: Agent,
    gateway: Gateway,
    token: String,
    address: SocketAddr,
    url: String,
    ports: Ports,
}

/// Gives back what it gets; says good-bye when the other side has ended its half.
async fn echo() -> LocalService {
    LocalService::raw(|mut socket| async move {
        let (mut read, mut write) = socket.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = write.write_all(b"[end]").await;
        let _ = write.shutdown().await;
    })
    .await
}

/// Ports that are free, and that no other test takes while this lives.
struct Ports {
    range: String,
    /// Of the first port, for UDP, which nobody else wants there: a sign for other tests.
    _sign: UdpSocket,
}

impl Ports {
    fn find() -> Self {
        // Below the ports that the system gives to outgoing connections, and those of `front`: any of a
        // busy machine's could hold the one that a test asks for by number.
        const LOWEST: u16 = 10_000;
        const RANGES: u16 = 90;
        const PORTS: u16 = 100;
        let is_free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        let random = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let begin = random.local_addr().expect("an address").port();
        let mut ranges = (0..RANGES).filter_map(|step| {
            let first = LOWEST + begin.wrapping_add(step) % RANGES * PORTS;
            let sign = UdpSocket::bind(("127.0.0.1", first)).ok()?;
            let last = first + PORTS - 1;
            (first..=last).all(is_free).then(|| Self { range: format!("{first}-{last}"), _sign: sign })
        });
        ranges.next().expect("a range of free ports")
    }
}

async fn tunnel(service: LocalService, more: &[&str]) -> Tunnel {
    let Lead { agent, gateway, token, address, url, ports } = lead_to(service.port(), more).await;
    Tunnel { agent, gateway, token, address, url, service, _ports: ports }
}

async fn lead_to(port: u16, more: &[&str]) -> Lead {
    let ports = Ports::find();
    let gateway = Gateway::start().await;
    let token = gateway.token("tcp", &["--tcp", &ports.range]).await.token;
    let url = gateway.url();
    let port = port.to_string();
    let mut words = vec!["tcp", &port, "--gateway", &url, "--token", &token, "--json"];
    words.extend(more);
    let mut agent = Agent::start(&Home::new(), words);
    let url = agent.ready().await;
    let public: u16 = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    Lead { agent, gateway, token, address: ([127, 0, 0, 1], public).into(), url, ports }
}

#[tokio::test]
async fn bytes_pass_both_ways_and_each_half_closes_on_its_own() {
    let tunnel = tunnel(echo().await, &[]).await;
    assert!(tunnel.url.starts_with("tcp://localhost:"), "{}", tunnel.url);
    let mut socket = TcpStream::connect(tunnel.address).await.expect("the public port accepts");
    socket.write_all(b"hello").await.expect("open");
    let mut echoed = [0; 5];
    within("the echo", socket.read_exact(&mut echoed)).await.expect("open");
    assert_eq!(&echoed, b"hello");
    socket.shutdown().await.expect("half a close");
    let mut rest = Vec::new();
    within("the rest", socket.read_to_end(&mut rest)).await.expect("a clean end");
    assert_eq!(rest, b"[end]");
}

#[tokio::test]
async fn a_service_that_speaks_first_is_heard() {
    let service = LocalService::raw(|mut socket| async move {
        let _ = socket.write_all(b"220 hello\r\n").await;
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest).await;
    });
    let tunnel = tunnel(service.await, &[]).await;
    let mut socket = TcpStream::connect(tunnel.address).await.expect("the public port accepts");
    let mut greeting = [0; 11];
    within("the greeting", socket.read_exact(&mut greeting)).await.expect("open");
    assert_eq!(&greeting, b"220 hello\r\n");
}

#[tokio::test]
async fn a_service_that_asks_for_it_is_told_of_each_visitor_first() {
    let tunnel = tunnel(echo().await, &["--proxy-protocol", "v1"]).await;
    let mut socket = TcpStream::connect(tunnel.address).await.expect("the public port accepts");
    let own = socket.local_addr().expect("an address").port();
    let header = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {own} {}\r\n", tunnel.service.port());
    socket.write_all(b"hello").await.expect("open");
    socket.shutdown().await.expect("half a close");
    let mut all = String::new();
    within("the echo", socket.read_to_string(&mut all)).await.expect("a clean end");
    assert_eq!(all, format!("{header}hello[end]"));
}

#[tokio::test]
async fn fifty_megabytes_each_way_are_whole() {
    let tunnel = tunnel(echo().await, &[]).await;
    let socket = TcpStream::connect(tunnel.address).await.expect("the public port accepts");
    let (mut read, mut write) = socket.into_split();
    let piece = body::pattern(1_000_003);
    let sending = tokio::spawn({
        let piece = piece.clone();
        async move {
            for _ in 0..50 {
                write.write_all(&piece).await.expect("open");
            }
            write.shutdown().await.expect("half a close");
        }
    });
    let mut got = vec![0; piece.len()];
    for number in 0..50 {
        within("a megabyte", read.read_exact(&mut got)).await.expect("open");
        assert!(got == piece, "megabyte {number} is damaged");
    }
    sending.await.expect("all sent");
}

#[tokio::test]
async fn a_local_port_that_refuses_breaks_the_visitors_connection() {
    let service = echo().await;
    let tunnel = tunnel(service, &[]).await;
    let Tunnel { agent: _agent, gateway: _gateway, service, address, .. } = tunnel;
    let port = service.port();
    drop(service);
    until("the service to be gone", || async { TcpStream::connect(("127.0.0.1", port)).await.err() }).await;
    let mut socket = TcpStream::connect(address).await.expect("the public port accepts");
    let mut rest = Vec::new();
    let end = within("the end", socket.read_to_end(&mut rest)).await;
    assert!(end.is_err() || rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn a_wanted_port_is_given_and_kept_over_restarts() {
    let mut first = tunnel(echo().await, &[]).await;
    first.agent.process.signal(rustix::process::Signal::INT);
    first.agent.process.exit_code().await;
    first.agent.restart();
    assert_eq!(first.agent.ready().await, first.url, "the same command gets the same port again");

    let port = first.address.port() + 1;
    let wanted = port.to_string();
    let url = first.gateway.url();
    let target = first.service.port().to_string();
    let words =
        ["tcp", &target, "--remote-port", &wanted, "--gateway", &url, "--token", &first.token, "--json"];
    let mut agent = Agent::start(&Home::new(), words);
    let url = agent.ready().await;
    assert!(url.ends_with(&format!(":{port}")), "{url}");
}

#[tokio::test]
async fn a_port_outside_the_tokens_range_and_a_token_without_ports_are_refused() {
    let gateway = Gateway::start().await;
    let ranged = gateway.token("ranged", &["--tcp", "20000-20009"]).await.token;
    let without = gateway.token("without", &[]).await.token;
    let url = gateway.url();
    for (token, port) in [(&ranged, "20010"), (&ranged, "22"), (&without, "20000")] {
        let outcome = Home::new()
            .run(&["tcp", "5432", "--remote-port", port, "--gateway", &url, "--token", token, "--json"])
            .await;
        assert_eq!(outcome.code, Some(3), "{port}: {outcome:?}");
        assert!(outcome.stdout.contains("port-not-allowed"), "{outcome:?}");
    }
}

#[tokio::test]
async fn the_public_port_closes_with_its_mapping() {
    let mut tunnel = tunnel(echo().await, &[]).await;
    let mut open = TcpStream::connect(tunnel.address).await.expect("the public port accepts");
    open.write_all(b"x").await.expect("open");
    tunnel.agent.process.kill9();
    let mut rest = Vec::new();
    let _ = within("the end of the open connection", open.read_to_end(&mut rest)).await;
    until("the port to close", || async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        TcpStream::connect(tunnel.address).await.err()
    })
    .await;
}

#[tokio::test]
async fn addresses_that_are_not_allowed_reach_no_tcp_service() {
    let tunnel = tunnel(echo().await, &["--allow-ip", "10.0.0.0/8"]).await;
    // The agent itself has looked whether something listens.
    let before = tunnel.service.connections();
    match TcpStream::connect(tunnel.address).await {
        Ok(mut socket) => {
            let _ = socket.write_all(b"hello").await;
            let mut rest = Vec::new();
            let _ = within("the end", socket.read_to_end(&mut rest)).await;
            assert!(rest.is_empty(), "{rest:?}");
        }
        // The gateway's reset may be here before this end has seen that it was connected.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
    assert_eq!(tunnel.service.connections(), before);
}
