//! Real dev servers and a real SignalR client through the tunnel.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::Empty;
use porthole_testkit::agent::Home;
use porthole_testkit::process::Process;
use porthole_testkit::wait::{until, within, within_time};
use porthole_testkit::world::http_arguments;
use porthole_testkit::{Agent, Gateway, Visitor, node, process};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A dev server compiles on demand; on two busy cores that takes a while.
const COMPILE_PATIENCE: Duration = Duration::from_secs(120);

/// A copy of a fixture that a test may edit, beside the installed packages.
fn editable(name: &str) -> TempDir {
    let original = node::fixture(name);
    let work = node::folder().join(".work");
    std::fs::create_dir_all(&work).expect("a folder can be made");
    let copy = tempfile::Builder::new().prefix(name).tempdir_in(work).expect("a temporary folder");
    copy_folder(&original, copy.path());
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the fixture is there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder can be made");
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

async fn port_of(server: &mut Process) -> u16 {
    server.line("its port", |line| line.strip_prefix("listening on ")?.parse().ok()).await
}

/// A gateway and an agent for a server on `port`.
async fn tunnel(port: u16, more: &[&str]) -> (Gateway, Agent, Visitor) {
    let gateway = Gateway::start().await;
    let token = gateway.token("dev", &["--hosts", "*,*.example.com,shop.example.com"]).await;
    let mut words = http_arguments(&gateway, &token, &port.to_string());
    words.extend(more.iter().map(Into::into));
    let mut agent = Agent::start(&Home::new(), words);
    let url = agent.ready().await;
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let visitor = gateway.visitor_of_host(&host);
    (gateway, agent, visitor)
}

/// A WebSocket as a browser on the page opens it: with `Origin` and a subprotocol.
async fn browser_socket(visitor: &Visitor, path: &str, protocol: Option<&str>) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{}{path}", visitor.host).into_client_request().expect("a valid URL");
    let origin = format!("http://{}", visitor.host);
    request.headers_mut().insert("origin", origin.parse().expect("a valid value"));
    if let Some(protocol) = protocol {
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a valid value"));
    }
    let socket = TcpStream::connect(visitor.address).await.expect("the gateway listens");
    let handshake = tokio_tungstenite::client_async(request, socket);
    within_time("a WebSocket handshake", COMPILE_PATIENCE, handshake).await.expect("a WebSocket").0
}

/// The first text message that `wanted` accepts.
async fn message(
    socket: &mut WebSocketStream<TcpStream>,
    what: &str,
    wanted: impl Fn(&str) -> bool,
) -> String {
    within_time(what, COMPILE_PATIENCE, async {
        loop {
            let message = socket.next().await.expect("the socket stays open").expect("a message");
            match message {
                Message::Text(text) if wanted(text.as_str()) => return text.to_string(),
                Message::Binary(bytes) if wanted(&String::from_utf8_lossy(&bytes)) => {
                    return String::from_utf8_lossy(&bytes).into_owned();
                }
                _ => {}
            }
        }
    })
    .await
}

async fn vite_hot_reload(more: &[&str]) {
    let app = editable("vite-app");
    let mut command = node::script("vite.mjs");
    command.arg(app.path());
    let mut vite = Process::start("vite", command);
    let (_gateway, _agent, visitor) = tunnel(port_of(&mut vite).await, more).await;

    let page = within_time("the page", COMPILE_PATIENCE, visitor.get("/")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("/@vite/client"), "{}", page.text());
    let module = visitor.get("/main.js").await;
    assert!(module.text().contains("first version"), "{}", module.text());

    let client = visitor.get("/@vite/client").await.text();
    let token =
        client.split("wsToken = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let mut socket = browser_socket(&visitor, &format!("/?token={token}"), Some("vite-hmr")).await;
    message(&mut socket, "vite's greeting", |text| text.contains("\"connected\"")).await;
    let edited = std::fs::read_to_string(app.path().join("main.js")).expect("the module is there");
    std::fs::write(app.path().join("main.js"), edited.replace("first version", "second version"))
        .expect("an edit");
    let update = message(&mut socket, "a hot update", |text| text.contains("\"update\"")).await;
    assert!(update.contains("/main.js"), "{update}");
    let module = visitor.get(&format!("/main.js?t={}", 1)).await;
    assert!(module.text().contains("second version"), "{}", module.text());
}

#[tokio::test]
async fn vite_reloads_hot_through_the_tunnel() {
    vite_hot_reload(&["--name", "shop"]).await;
}

#[tokio::test]
async fn vite_under_a_host_it_does_not_know_works_with_host_header_rewrite() {
    vite_hot_reload(&["--host", "shop.example.com", "--host-header", "rewrite"]).await;
}

#[tokio::test]
async fn vite_refusing_an_unknown_host_is_recognised_and_the_fix_is_named() {
    let app = editable("vite-app");
    let mut command = node::script("vite.mjs");
    command.arg(app.path());
    let mut vite = Process::start("vite", command);
    let (_gateway, mut agent, visitor) =
        tunnel(port_of(&mut vite).await, &["--host", "shop.example.com"]).await;
    let page = visitor
        .fetch(
            visitor
                .request("GET", "/")
                .header("accept", "text/html")
                .body(Empty::<Bytes>::new())
                .expect("a request"),
        )
        .await;
    assert_eq!(page.status, 403, "{}", page.text());
    let named = |event: &serde_json::Value| {
        event["event"] == "warning"
            && event["message"].as_str().is_some_and(|text| text.contains("--host-header rewrite"))
    };
    agent.event_after(0, named, "warning that names the fix").await;
}

#[tokio::test]
async fn next_reloads_hot_through_the_tunnel() {
    let app = editable("next-app");
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let mut command = node::script("node_modules/next/dist/bin/next");
    command.arg("dev").arg(app.path()).args(["--hostname", "127.0.0.1", "--port", &port.to_string()]);
    command.env("NEXT_TELEMETRY_DISABLED", "1").env("CI", "1");
    let mut next = Process::start("next", command);
    next.line("that it is ready", |line| line.contains("Ready").then_some(())).await;
    let (_gateway, _agent, visitor) = tunnel(port, &["--name", "shop"]).await;
    let page = within_time("the page", COMPILE_PATIENCE, async {
        visitor.try_fetch(visitor.request("GET", "/").body(Empty::<Bytes>::new()).expect("a request")).await
    })
    .await
    .expect("an answer");
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("first version"), "{}", page.text());

    // The client's own scripts come through, too.
    let text = page.text();
    let script = text.split('"').find(|part| part.starts_with("/_next/static/") && part.contains(".js"));
    let script = script.unwrap_or_else(|| panic!("no script in {text}"));
    assert_eq!(visitor.get(script).await.status, 200, "{script}");

    let mut socket = browser_socket(&visitor, "/_next/hmr?id=porthole", None).await;
    message(&mut socket, "next's greeting", |text| text.contains("\"type\"") || text.contains("\"action\""))
        .await;
    let page = app.path().join("app/page.jsx");
    let edited = std::fs::read_to_string(&page).expect("the page is there");
    std::fs::write(&page, edited.replace("first version", "second version")).expect("an edit");
    message(&mut socket, "a hot update", |text| text.contains("serverComponentChanges")).await;
    until("the new page", || async {
        let page = visitor.get("/").await;
        page.text().contains("second version").then_some(())
    })
    .await;
    let _ = socket.close(None).await;
}

#[tokio::test]
async fn signalr_negotiates_and_falls_back_from_websocket_to_events_to_polling() {
    node::fixture("signalr");
    let mut service = Process::start("signalr service", node::script("signalr/server.mjs"));
    let (_gateway, _agent, visitor) = tunnel(port_of(&mut service).await, &["--name", "hub"]).await;
    for (path, transport) in [
        ("/hub", "WebSocketTransport"),
        ("/no-ws", "ServerSentEventsTransport"),
        ("/poll", "LongPollingTransport"),
    ] {
        let mut command = node::script("signalr/client.mjs");
        command.args([format!("http://{}", visitor.host), path.to_owned()]);
        let outcome = within("the client", process::finish("signalr client", command)).await;
        assert_eq!(outcome.code, Some(0), "{path}: {outcome:?}");
        let line = outcome.stdout.lines().find(|line| line.starts_with('{')).unwrap_or_default();
        let result: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{outcome:?}"));
        let expected = serde_json::json!({
            "transport": transport, "echo": "through the tunnel", "large": 100_000, "ticks": 50, "inOrder": true
        });
        assert_eq!(result, expected, "{path}");
    }
}
