//! Proxies on the way: from the agent to the gateway, and in front of the gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt, StreamExt};
use porthole_testkit::agent::Home;
use porthole_testkit::front::Front;
use porthole_testkit::gateway::Token;
use porthole_testkit::service::{body, read_head};
use porthole_testkit::wait::within;
use porthole_testkit::{Agent, Gateway, LocalService, Visitor, has_program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// `user:p@ss` in Basic.
const BASIC: &str = "Basic dXNlcjpwQHNz";
/// The same in a proxy's URL.
const CREDENTIALS: &str = "user:p%40ss";

/// An HTTP proxy that knows CONNECT, asks for credentials and leads every name to `gateway`.
async fn http_proxy(gateway: SocketAddr, used: Arc<AtomicUsize>) -> LocalService {
    LocalService::raw(move |mut socket| {
        let used = used.clone();
        async move {
            let Some(head) = read_head(&mut socket).await else { return };
            let lower = head.to_ascii_lowercase();
            if !head.contains(BASIC) || !lower.contains("proxy-authorization: ") {
                let answer = b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
                let _ = socket.write_all(answer).await;
                return;
            }
            if !head.starts_with("CONNECT gateway.test:") {
                let _ = socket.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n").await;
                return;
            }
            used.fetch_add(1, Ordering::SeqCst);
            let _ = socket.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await;
            relay(socket, gateway).await;
        }
    })
    .await
}

/// A SOCKS5 proxy that asks for credentials, is given names, and leads them to `gateway`.
async fn socks_proxy(gateway: SocketAddr, used: Arc<AtomicUsize>) -> LocalService {
    LocalService::raw(move |mut socket| {
        let used = used.clone();
        async move {
            let _ = socks(&mut socket, &used).await;
            relay(socket, gateway).await;
        }
    })
    .await
}

async fn socks(socket: &mut TcpStream, used: &AtomicUsize) -> std::io::Result<()> {
    let refuse = || std::io::Error::other("refused");
    let mut methods = vec![0; 2];
    socket.read_exact(&mut methods).await?;
    let mut offered = vec![0; methods[1] as usize];
    socket.read_exact(&mut offered).await?;
    if !offered.contains(&2) {
        socket.write_all(&[5, 0xff]).await?;
        return Err(refuse());
    }
    socket.write_all(&[5, 2]).await?;
    let mut login = [0; 11];
    socket.read_exact(&mut login).await?;
    if &login != b"\x01\x04user\x04p@ss" {
        socket.write_all(&[1, 1]).await?;
        return Err(refuse());
    }
    socket.write_all(&[1, 0]).await?;
    let mut request = [0; 5];
    socket.read_exact(&mut request).await?;
    // A name (3), so that the proxy resolves it.
    let mut name = vec![0; request[4] as usize + 2];
    socket.read_exact(&mut name).await?;
    if request[3] != 3 || !name.starts_with(b"gateway.test") {
        socket.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        return Err(refuse());
    }
    used.fetch_add(1, Ordering::SeqCst);
    socket.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

async fn relay(mut socket: TcpStream, to: SocketAddr) {
    if let Ok(mut target) = TcpStream::connect(to).await {
        let _ = tokio::io::copy_bidirectional(&mut socket, &mut target).await;
    }
}

/// A gateway whose name only a proxy can resolve, and a token for it.
async fn hidden_gateway() -> (Gateway, Token, String) {
    let gateway = Gateway::builder().public_url(Some("http://gateway.test:80")).start().await;
    let token = gateway.token("proxied", &[]).await;
    (gateway, token, "http://gateway.test".to_owned())
}

#[tokio::test]
async fn the_agent_connects_through_the_environments_http_proxy_with_credentials() {
    let (gateway, token, url) = hidden_gateway().await;
    let used = Arc::new(AtomicUsize::new(0));
    let proxy = http_proxy(gateway.address, used.clone()).await;
    let service = LocalService::sample().await;
    let words = [
        "http",
        &service.port().to_string(),
        "--gateway",
        &url,
        "--token",
        &token.token,
        "--name",
        "app",
        "--json",
    ]
    .map(str::to_owned);
    let at = format!("http://{CREDENTIALS}@127.0.0.1:{}", proxy.port());
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let before = used.load(Ordering::SeqCst);
        let mut agent = Agent::start_with(&Home::new(), &words, &[(variable, &at)]);
        assert_eq!(agent.ready().await, "http://app.gateway.test");
        assert_eq!(gateway.visitor_of_host("app.gateway.test").get("/hello").await.text(), "hello");
        assert!(used.load(Ordering::SeqCst) > before, "{variable} was used");
        assert!(!agent.process.printed().contains("p@ss") && !agent.process.printed().contains("p%40ss"));
        agent.process.signal(rustix::process::Signal::INT);
        agent.process.exit_code().await;
    }
}

#[tokio::test]
async fn the_agent_connects_through_a_socks_proxy_that_resolves_the_name() {
    let (gateway, token, url) = hidden_gateway().await;
    let used = Arc::new(AtomicUsize::new(0));
    let proxy = socks_proxy(gateway.address, used.clone()).await;
    let service = LocalService::sample().await;
    let words = [
        "http",
        &service.port().to_string(),
        "--gateway",
        &url,
        "--token",
        &token.token,
        "--name",
        "app",
        "--json",
    ]
    .map(str::to_owned);
    let at = format!("socks5h://{CREDENTIALS}@127.0.0.1:{}", proxy.port());
    let mut agent = Agent::start_with(&Home::new(), &words, &[("ALL_PROXY", &at)]);
    agent.ready().await;
    assert_eq!(gateway.visitor_of_host("app.gateway.test").get("/hello").await.text(), "hello");
    assert!(used.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_in_a_sentence() {
    let (gateway, token, url) = hidden_gateway().await;
    let proxy = http_proxy(gateway.address, Arc::default()).await;
    let words = ["http", "3000", "--gateway", &url, "--token", &token.token, "--json", "--no-wait"];
    let at = format!("http://user:wrong@127.0.0.1:{}", proxy.port());
    let mut agent = Agent::start_with(&Home::new(), words, &[("HTTP_PROXY", &at)]);
    assert_eq!(agent.process.exit_code().await, Some(4), "{}", agent.process.printed());
    let printed = agent.process.printed();
    assert!(printed.contains("proxy") && !printed.contains("wrong"), "{printed}");
}

#[tokio::test]
async fn no_proxy_names_hosts_that_are_reached_directly() {
    let gateway = Gateway::start().await;
    let token = gateway.token("direct", &[]).await;
    let used = Arc::new(AtomicUsize::new(0));
    let proxy = http_proxy(gateway.address, used.clone()).await;
    let url = gateway.url();
    let words = ["http", "3000", "--gateway", &url, "--token", &token.token, "--name", "app", "--json"];
    let at = format!("http://{CREDENTIALS}@127.0.0.1:{}", proxy.port());
    let variables = [("ALL_PROXY", at.as_str()), ("NO_PROXY", "localhost,127.0.0.0/8")];
    let mut agent = Agent::start_with(&Home::new(), words, &variables);
    agent.ready().await;
    assert_eq!(used.load(Ordering::SeqCst), 0);
}

/// nginx, forwarding everything to `gateway` with the visitor's address.
async fn nginx(gateway: SocketAddr) -> Front {
    Front::nginx(move |address, folder| {
        let folder = folder.display();
        format!(
            "events {{ worker_connections 256; }}\n\
             http {{\n\
               access_log off;\n\
               client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n\
               fastcgi_temp_path {folder}/f;\n  uwsgi_temp_path {folder}/u;\n  scgi_temp_path {folder}/s;\n\
               map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}\n\
               server {{\n\
                 listen {address};\n\
                 client_max_body_size 0;\n\
                 location / {{\n\
                   proxy_pass http://{gateway};\n\
                   proxy_http_version 1.1;\n\
                   proxy_set_header Host $http_host;\n\
                   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
                   proxy_set_header X-Forwarded-Proto https;\n\
                   proxy_set_header Upgrade $http_upgrade;\n\
                   proxy_set_header Connection $connection_upgrade;\n\
                   proxy_buffering off;\n  proxy_request_buffering off;\n  proxy_read_timeout 1h;\n\
                 }}\n  }}\n}}\n"
        )
    })
    .await
}

#[tokio::test]
async fn agents_and_visitors_come_through_nginx() {
    if !has_program("nginx") {
        return;
    }
    let gateway = Gateway::builder().args(["--trusted-proxies", "127.0.0.1"]).start().await;
    let token = gateway.token("behind", &[]).await;
    let nginx = nginx(gateway.address).await;
    let front = nginx.address;
    let service = LocalService::sample().await;
    // Agents say the public host, as they would through a real front.
    let url = format!("http://localhost:{}", front.port());
    let words = [
        "http",
        &service.port().to_string(),
        "--gateway",
        &url,
        "--token",
        &token.token,
        "--name",
        "app",
        "--json",
    ]
    .map(str::to_owned);
    let mut agent = Agent::start(&Home::new(), &words);
    agent.ready().await;
    let visitor = Visitor::new(front, &format!("app.localhost:{}", gateway.port()));
    assert_eq!(visitor.get("/hello").await.text(), "hello");
    assert_eq!(service.last().field("x-forwarded-proto"), Some("https"));
    let sent = body::pattern(3_000_000);
    assert_eq!(visitor.post("/echo", sent.clone()).await.body, sent);
    let mut socket = visitor.websocket("/ws").await;
    socket.send(Message::text("through nginx")).await.expect("open");
    let echo = within("the echo", socket.next()).await.expect("open").expect("a message");
    assert_eq!(echo, Message::text("through nginx"));
}
