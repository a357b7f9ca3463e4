//! Real balancers in front, which pass on bytes and say whose they are before the first of them.

use porthole_testkit::agent::Home;
use porthole_testkit::front::Front;
use porthole_testkit::{Agent, Gateway, LocalService, Visitor, exchanges, has_program};

/// Where visitors come from: another address of this computer's than the proxies'.
const VISITOR: [u8; 4] = [127, 0, 0, 2];

async fn gateway() -> Gateway {
    Gateway::builder().args(["--trusted-proxies", "127.0.0.1", "--proxy-protocol"]).start().await
}

/// The visitor's own address counts for the mapping's policy, in the forwarded fields, in the gateway's
/// log, and in what the agent keeps.
async fn the_visitor_is_known_behind(front: Front, gateway: Gateway) {
    let service = LocalService::sample().await;
    let token = gateway.token("behind", &[]).await.token;
    let home = Home::new();
    let port = service.port().to_string();
    let url = format!("http://localhost:{}", front.address.port());
    let mut words = vec!["http", &port, "--gateway", &url, "--token", &token, "--name", "app", "--json"];
    words.extend(["--allow-ip", "127.0.0.2"]);
    // The agent comes through the proxy, too: there is no other way in.
    let mut agent = Agent::start(&home, words);
    agent.ready().await;

    let visitor = Visitor::new(front.address, &format!("app.localhost:{}", gateway.port()));
    let refused = visitor.get("/refused").await;
    assert_eq!((refused.status, refused.error_code()), (403, Some("ip-denied")));
    let known = visitor.clone().from(VISITOR.into());
    let reply = known.get("/hello").await;
    assert_eq!((reply.status, reply.text()), (200, "hello".to_owned()));
    assert_eq!(service.last().field("x-forwarded-for"), Some("127.0.0.2"));
    let kept = exchanges::ended(&home, "/hello").await;
    assert_eq!(kept["visitor"], "127.0.0.2", "{kept}");
    let logged = gateway.process.printed();
    let line = logged.lines().find(|line| line.contains("path=\"/hello\"")).unwrap_or_default();
    assert!(line.contains("visitor=127.0.0.2"), "{logged}");
    // Past the proxy there is no way in, whatever is said.
    for begin in ["", "PROXY TCP4 127.0.0.2 127.0.0.1 1 2\r\n"] {
        let direct = Visitor::new(gateway.address, &visitor.host).from(VISITOR.into());
        let request = format!("{begin}GET /hello HTTP/1.1\r\nHost: {}\r\n\r\n", visitor.host);
        assert_eq!(direct.raw().await.exchange(&request).await, "");
    }
}

#[tokio::test]
async fn haproxys_first_version_tells_the_visitor() {
    if !has_program("haproxy") {
        return;
    }
    let gateway = gateway().await;
    let front = Front::haproxy(gateway.address, "send-proxy").await;
    the_visitor_is_known_behind(front, gateway).await;
}

#[tokio::test]
async fn haproxys_second_version_tells_the_visitor_and_its_checks_pass() {
    if !has_program("haproxy") {
        return;
    }
    let gateway = gateway().await;
    // A check that fails takes the gateway out, and nobody is served.
    let options = "send-proxy-v2 proxy-v2-options crc32c check inter 50ms check-send-proxy";
    let front = Front::haproxy(gateway.address, options).await;
    the_visitor_is_known_behind(front, gateway).await;
}

#[tokio::test]
async fn nginxs_stream_tells_the_visitor() {
    if !has_program("nginx") {
        return;
    }
    let gateway = gateway().await;
    let to = gateway.address;
    let front = Front::nginx(move |address, _| {
        format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
             events {{ worker_connections 256; }}\n\
             stream {{ server {{ listen {address}; proxy_pass {to}; proxy_protocol on; proxy_timeout 1h; }} }}\n"
        )
    })
    .await;
    the_visitor_is_known_behind(front, gateway).await;
}
