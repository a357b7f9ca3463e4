//! What comes after a head that asks for another protocol, before anybody agreed to it.

use std::sync::Arc;

use porthole_testkit::service::read_head;
use porthole_testkit::wait::within;
use porthole_testkit::{LocalService, World};
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

use super::{OK, Scene, assert_refused, values};

/// A head that asks for the protocol `odd`, and a smuggled request in the same packet.
const ASK: &str = "GET /ask HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n";
const SMUGGLED: &str = "GET /canary HTTP/1.1\r\nHost: HOST\r\n\r\n";

#[tokio::test]
async fn nothing_is_relayed_until_the_service_says_101() {
    // The service agrees when the test says so, and tells what it had by then.
    let (go, asked) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (service_go, service_asked) = (go.clone(), asked.clone());
    let service = LocalService::raw(move |mut socket| {
        let (go, asked) = (service_go.clone(), service_asked.clone());
        async move {
            let Some(head) = read_head(&mut socket).await else { return };
            if head.starts_with("GET /ordinary ") {
                let _ = socket.write_all(OK.as_bytes()).await;
                return;
            }
            asked.notify_one();
            go.notified().await;
            let mut early = [0; 64];
            let early = socket.try_read(&mut early).unwrap_or(0);
            let answer = format!(
                "HTTP/1.1 101 Go on\r\nConnection: Upgrade\r\nUpgrade: odd\r\nX-Early: {early}\r\n\r\n"
            );
            let _ = socket.write_all(answer.as_bytes()).await;
            let (mut read, mut write) = socket.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }
    });
    let world = World::of(service.await).await;
    let host = world.visitor().host;
    let mut raw = world.visitor().raw().await;
    raw.send(format!("{ASK}{SMUGGLED}").replace("HOST", &host)).await;
    within("the upgrade at the service", asked.notified()).await;
    raw.send("more").await;
    // Behind these, all that is relayed early would be there as well.
    for _ in 0..3 {
        assert_eq!(world.get("/ordinary").await.status, 200);
    }
    go.notify_one();
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 101 Go on\r\n"), "{head}");
    assert_eq!(values(&head, "x-early"), ["0"], "{head}");
    let relayed = format!("{SMUGGLED}more").replace("HOST", &host);
    assert_eq!(raw.bytes(relayed.len()).await, relayed.as_bytes());
}

#[tokio::test]
async fn after_an_upgrade_that_is_declined_the_bytes_that_came_with_it_are_no_request() {
    for status in ["200 OK", "403 Forbidden", "426 Upgrade Required"] {
        let answer = move |_: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno");
        let scene = Scene::answering(answer, |world| world).await;
        let answer = scene.attack(format!("{ASK}{SMUGGLED}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer:?}");
        assert_eq!(values(&answer, "connection"), ["close"], "{answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer and then the end: {answer:?}");
        let text = scene.received.text();
        assert!(text.starts_with("GET /ask ") && !text.contains("canary"), "{text:?}");
    }
}

#[tokio::test]
async fn after_an_upgrade_that_the_gateway_refuses_the_bytes_that_came_with_it_are_no_request() {
    let locked = Scene::with(|world| world.agent_args(["--basic-auth", "u:p"])).await;
    // The smuggled request would be let in.
    let smuggled = SMUGGLED.replace("\r\n\r\n", "\r\nAuthorization: Basic dTpw\r\n\r\n");
    assert_refused("401", &locked.attack(format!("{ASK}{smuggled}")).await, 401);
    assert!(locked.received.text().is_empty(), "{:?}", locked.received.text());

    let scene = Scene::new().await;
    let own = format!("localhost:{}", scene.world.gateway.port());
    for (what, host, path, status) in [
        ("a host that nobody has", "nobody.localhost", "/", 404),
        ("the gateway's own page", own.as_str(), "/nothing", 404),
        ("the gateway's own tunnel", own.as_str(), "/tunnel", 426),
    ] {
        let ask = ASK.replace("HOST", host).replace("/ask", path);
        let answer = scene.attack(format!("{ask}{SMUGGLED}")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer:?}");
        assert!(values(&answer, "connection").concat().ends_with("close"), "{what}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer:?}");
    }
    scene.nothing_arrived("upgrades of nobody").await;

    let down = World::of(LocalService::raw(|_| async {}).await).await;
    let mut raw = down.visitor().raw().await;
    raw.send(format!("{ASK}{SMUGGLED}").replace("HOST", &down.visitor().host)).await;
    assert_refused("a service that hangs up", &raw.rest_text().await, 502);
}

#[tokio::test]
async fn a_connect_is_refused_and_what_follows_it_is_no_request() {
    let scene = Scene::new().await;
    for attack in [
        "CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "CONNECT HOST HTTP/1.1\r\nHost: HOST\r\nConnection: keep-alive\r\n\r\n",
        "CONNECT other.example:443 HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ] {
        let answer = scene.attack(format!("{attack}{SMUGGLED}")).await;
        assert_refused(attack, &answer, 405);
    }
    scene.nothing_arrived("CONNECT").await;
}

#[tokio::test]
async fn an_upgrade_with_a_body_is_a_request_like_any_other() {
    let scene = Scene::new().await;
    let request = "POST /body HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, close\r\nUpgrade: odd\r\n\
         Content-Length: 5\r\n\r\nhello";
    assert!(scene.attack(request).await.starts_with("HTTP/1.1 200 "));
    let seen = scene.received.request("/body").expect("the request arrives");
    assert!(values(&seen, "upgrade").is_empty() && seen.ends_with("\r\n\r\nhello"), "{seen:?}");
}

#[tokio::test]
async fn hop_by_hop_fields_and_forged_ones_stop_on_the_way_to_another_protocol_too() {
    let answer = |_: &str| {
        "HTTP/1.1 101 Yes\r\nConnection: upgrade, X-Inner\r\nUpgrade: odd\r\nX-Inner: canary\r\n\
         Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\nProxy-Connection: canary\r\nX-Kept: yes\r\n\r\n"
            .to_owned()
    };
    let scene = Scene::answering(answer, |world| world).await;
    let mut raw = scene.raw().await;
    let ask = "GET /ask HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, X-Outer, X-Forwarded-For\r\n\
         Upgrade: odd\r\nX-Outer: canary\r\nKeep-Alive: canary\r\nProxy-Authorization: canary\r\nTE: canary\r\n\
         X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Kept: yes\r\n\r\n";
    raw.send(scene.fill(ask)).await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 101 Yes\r\n") && !head.contains("canary"), "{head:?}");
    assert_eq!(values(&head, "connection"), ["Upgrade"], "{head:?}");
    assert_eq!(values(&head, "upgrade"), ["odd"], "{head:?}");
    for name in ["keep-alive", "proxy-authenticate", "proxy-connection", "x-inner"] {
        assert!(values(&head, name).is_empty(), "{name}: {head:?}");
    }
    assert_eq!(values(&head, "x-kept"), ["yes"], "{head:?}");
    let seen = scene.received.request("/ask").expect("the request arrives");
    assert!(!seen.contains("canary") && !seen.contains("6.6.6.6"), "{seen:?}");
    assert_eq!(values(&seen, "x-forwarded-for"), ["127.0.0.1"], "{seen:?}");
    assert_eq!(values(&seen, "upgrade"), ["odd"], "{seen:?}");
    assert_eq!(values(&seen, "connection"), ["upgrade"], "{seen:?}");
    assert_eq!(values(&seen, "x-kept"), ["yes"], "{seen:?}");
}
