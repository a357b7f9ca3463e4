//! The gateway's own addresses, and addresses of nobody.

use crate::harness::{World, answer, request, saying};

fn to(host: &str, method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n")
}

#[tokio::test]
async fn an_unknown_host_is_a_404_as_page_or_json() {
    let world = World::new(saying(|_| "never".into())).await;
    let page = world.say(to("nobody.gate.test", "GET", "/", "Accept: text/html\r\n")).await;
    assert!(page.starts_with("HTTP/1.1 404 ") && page.contains("<!doctype html>"), "{page}");
    assert!(page.contains("Content-Security-Policy: default-src 'none'"), "{page}");
    let json = world.say(to("nobody.gate.test", "GET", "/", "")).await;
    assert!(
        json.contains("porthole-error: unknown-host") && json.contains("\"code\":\"unknown-host\""),
        "{json}"
    );
    let head = world.say(to("nobody.gate.test", "HEAD", "/", "")).await;
    assert!(head.starts_with("HTTP/1.1 404 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(world.opened(), 0);
}

#[tokio::test]
async fn the_own_host_answers_health_and_says_404_to_the_rest() {
    let world = World::new(saying(|_| "never".into())).await;
    let addr = world.addr.to_string();
    for host in ["gate.test:8080", "GATE.test.", addr.as_str()] {
        let reply = world.say(to(host, "GET", "/health", "")).await;
        assert!(reply.starts_with("HTTP/1.1 200 "), "{host}: {reply}");
    }
    let reply = world.say("GET /health HTTP/1.0\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
    let reply = world.say(to("gate.test", "GET", "/nothing", "")).await;
    assert!(reply.starts_with("HTTP/1.1 404 ") && reply.contains("porthole-error: not-found"), "{reply}");
}

#[tokio::test]
async fn an_agents_request_is_refused_with_what_was_wrong() {
    let world = World::new(saying(|_| "never".into())).await;
    let socket = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let tunnel =
        |method: &str, fields: &str| format!("{method} /tunnel HTTP/1.1\r\nHost: gate.test\r\n{fields}\r\n");
    for (request, status, code) in [
        (tunnel("GET", "Connection: close\r\n"), 426, "upgrade-required"),
        (tunnel("POST", &format!("{socket}{key}")), 405, "method-not-allowed"),
        (
            tunnel("GET", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"),
            426,
            "upgrade-required",
        ),
        (tunnel("GET", socket), 400, "bad-websocket"),
        (tunnel("GET", &format!("{socket}{key}")), 401, "token-missing"),
        (tunnel("GET", &format!("{socket}{key}Authorization: Bearer nonsense\r\n")), 401, "token-invalid"),
    ] {
        let mut raw = world.raw().await;
        raw.send(&request).await;
        let reply = raw.until("}\n").await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {reply}");
        assert!(reply.contains(&format!("\"code\":\"{code}\"")), "{request}: {reply}");
        assert!(status != 426 || reply.contains("Sec-WebSocket-Version: 13\r\n"), "{reply}");
    }
}

#[tokio::test]
async fn pub_paths_lose_their_prefix_on_the_way_and_get_it_back() {
    let world = World::new(|incoming| async move {
        let asked = incoming.open.head.as_ref().unwrap();
        let seen = format!("{} {}", asked.target, asked.fields.get_str("x-forwarded-prefix").unwrap_or("-"));
        if asked.target == "/jump" {
            let pairs = [("Location", "/there"), ("Set-Cookie", "a=b; Path=/"), ("Content-Length", "0")];
            let (mut send, _recv) = incoming.stream.split();
            send.send_head(&crate::harness::head(302, &pairs), bytes::Bytes::new(), true).unwrap();
        } else {
            answer(incoming.stream, 200, &seen).await;
        }
    })
    .await;
    let reply = world.say(to("gate.test:8080", "GET", "/pub/m1/a%2Fb?q", "")).await;
    assert!(reply.ends_with("/a%2Fb?q /pub/m1") || reply.starts_with("HTTP/1.1 400 "), "{reply}");
    let reply = world.say(to("gate.test:8080", "GET", "/pub/m1/a?q", "")).await;
    assert!(reply.ends_with("/a?q /pub/m1"), "{reply}");
    let reply = world.say(to("gate.test:8080", "GET", "/pub/m1/jump", "")).await;
    assert!(reply.contains("Location: /pub/m1/there\r\n") && reply.contains("Path=/pub/m1\r\n"), "{reply}");
    let reply = world.say(request("GET", "/jump", "Connection: close\r\n")).await;
    assert!(reply.contains("Location: /there\r\n"), "{reply}");
}
