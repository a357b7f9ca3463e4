//! Programs that stop or die in the middle of an answer.

use std::time::Duration;

use porthole_testkit::process::command;
use porthole_testkit::service::read_head;
use porthole_testkit::visitor::Raw;
use porthole_testkit::wait::{until, within};
use porthole_testkit::{Process, World, long};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::sized;

/// Bytes of the answer that is cut short: more than all buffers on its way hold.
const BYTES: u64 = 64 * 1024 * 1024;

/// Begins a download and reads its first part.
async fn begin(world: &World, path: &str) -> Raw {
    let visitor = world.visitor();
    let mut raw = visitor.raw().await;
    raw.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", visitor.host)).await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    raw.bytes(100_000).await;
    raw
}

#[tokio::test]
async fn an_agent_killed_in_mid_transfer_never_gives_a_visitor_a_clean_end() {
    for path in [format!("/bytes?{BYTES}"), format!("/chunked?{BYTES}")] {
        let mut world = World::new().await;
        let mut raw = begin(&world, &path).await;
        world.agent.process.kill9();
        let (rest, _) = raw.rest().await;
        let got = rest.len() as u64 + 100_000;
        assert!(got < BYTES, "{path}: all of it came although the agent died");
        assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "{path}: a clean end after {got} bytes");
        world.agent.restart();
        let visitor = world.visitor();
        let answers = async || (visitor.get("/hello").await.status == 200).then_some(());
        until("the next agent answers", answers).await;
    }
}

#[tokio::test]
async fn a_gateway_killed_in_mid_transfer_never_gives_a_visitor_a_clean_end() {
    let mut world = World::new().await;
    let mut raw = begin(&world, &format!("/chunked?{BYTES}")).await;
    world.gateway.process.kill9();
    let (rest, _) = raw.rest().await;
    assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "a clean end after {} bytes", rest.len());
}

/// A local service as a program of its own, which can be stopped like any other: it sends half of an
/// answer, and the other half once it is told to.
const SERVICE: &str = r#"
import http.server, time
class Slow(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "20")
        self.end_headers()
        for _ in range(20):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05 if self.path == "/slow" else 0)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
print("listening", server.server_port, flush=True)
server.serve_forever()
"#;

async fn slow_service() -> (Process, u16) {
    let python = std::env::var_os("PATH")
        .and_then(|path| {
            std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|p| p.is_file())
        })
        .expect("python3 is there");
    let mut command = command(&python);
    command.args(["-c", SERVICE]);
    let mut service = Process::start("a local service", command);
    let port = service.line("its port", |line| line.strip_prefix("listening ")?.parse().ok()).await;
    (service, port)
}

#[tokio::test]
async fn a_service_frozen_in_mid_answer_goes_on_where_it_stood_and_a_killed_one_is_a_broken_transfer() {
    if !porthole_testkit::has_program("python3") {
        return;
    }
    let (mut service, port) = slow_service().await;
    let world = World::new().await;
    let mut agent =
        world.start_agent(&porthole_testkit::agent::Home::new(), &port.to_string(), &["--name", "slow"]);
    agent.ready().await;
    let visitor = world.gateway.visitor("slow");
    let begin = async || {
        let mut raw = visitor.raw().await;
        raw.send(format!("GET /slow HTTP/1.1\r\nHost: {}\r\n\r\n", visitor.host)).await;
        assert!(raw.head().await.starts_with("HTTP/1.1 200"));
        raw.bytes(2).await;
        raw
    };
    let mut raw = begin().await;
    service.signal(Signal::STOP);
    // Frozen for longer than it would have needed; another service's visitors notice nothing.
    tokio::time::sleep(sized(Duration::from_millis(1200), Duration::from_secs(12))).await;
    for _ in 0..10 {
        assert_eq!(world.get("/hello").await.status, 200);
    }
    service.signal(Signal::CONT);
    assert_eq!(raw.bytes(18).await, [b'x'; 18]);

    let mut raw = begin().await;
    service.signal(Signal::STOP);
    service.kill9();
    let (rest, _) = raw.rest().await;
    assert!(rest.len() < 18, "an answer came whole although its service died");
    let reply = within("an answer", visitor.get("/")).await;
    assert_eq!((reply.status, reply.error_code()), (502, Some("service-down")));
}

#[tokio::test]
async fn after_a_101_a_half_closed_visitor_gets_what_still_comes_and_is_let_go_when_nothing_does() {
    let (tell, mut told) = tokio::sync::mpsc::channel(4);
    let service = porthole_testkit::LocalService::raw(move |mut socket| {
        let tell = tell.clone();
        async move {
            if read_head(&mut socket).await.is_none() {
                return;
            }
            let agreed = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";
            socket.write_all(agreed).await.expect("the agent reads");
            let mut heard = Vec::new();
            let _ = socket.read_to_end(&mut heard).await;
            socket.write_all(b"late").await.expect("the agent reads");
            let _ = tell.send(heard).await;
            // And keeps its half open for ever.
            std::future::pending::<()>().await;
        }
    })
    .await;
    let world = World::of(service).await;
    let mut raw = world.visitor().raw().await;
    let host = world.visitor().host;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\nhello"))
        .await;
    assert!(raw.head().await.starts_with("HTTP/1.1 101"));
    raw.socket.shutdown().await.expect("a socket");
    assert_eq!(within("the service heard it", told.recv()).await.as_deref(), Some(&b"hello"[..]));
    assert_eq!(raw.bytes(4).await, b"late");
    if long() {
        // 120 s, and some patience.
        let end = tokio::time::timeout(Duration::from_secs(150), raw.socket.read(&mut [0; 1])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "the visitor is still held: {end:?}");
    }
}
