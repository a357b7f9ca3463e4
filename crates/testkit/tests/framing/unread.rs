//! Bodies that nobody reads: they are skipped within a bound, or they end the connection, and are never
//! taken for the next request.

use porthole_testkit::visitor::Raw;
use porthole_testkit::wait::within;
use porthole_testkit::{LocalService, World};

use super::{OK, Scene, values};

/// Reads one whole answer with a length.
async fn answer(raw: &mut Raw) -> String {
    let head = raw.head().await;
    let length = values(&head, "content-length").concat().parse().unwrap_or(0);
    let body = raw.bytes(length).await;
    head + &String::from_utf8_lossy(&body)
}

/// A body that would be a request, in both framings.
fn bodies(smuggled: &str) -> [String; 2] {
    let length = smuggled.len();
    [
        format!("Content-Length: {length}\r\n\r\n{smuggled}"),
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{smuggled}\r\n0\r\n\r\n"),
    ]
}

/// A POST that is refused without its body being read, on a connection that the visitor would keep; then
/// an honest request.
async fn refused_and_then_asked_again(scene: &Scene, what: &str, host: &str, more: &str, status: u16) {
    let smuggled = format!("GET /canary HTTP/1.1\r\nHost: {}\r\n{more}\r\n", scene.host());
    let honest = format!("GET /honest HTTP/1.1\r\nHost: {}\r\n{more}Connection: close\r\n\r\n", scene.host());
    for body in bodies(&smuggled) {
        let (fields, rest) = body.split_once("\r\n\r\n").expect("fields and body");
        let head = format!("POST /early HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n\r\n");
        // All at once, or the body only once the answer is there.
        for late in [false, true] {
            let what = format!("{what}, {fields}, late: {late}");
            let mut raw = scene.raw().await;
            raw.send(if late { head.clone() } else { format!("{head}{rest}") }).await;
            let first = answer(&mut raw).await;
            assert!(first.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {first:?}");
            if late {
                assert_eq!(values(&first, "connection"), ["close"], "{what}: {first:?}");
                let _ = raw.try_send(rest).await;
            }
            let _ = raw.try_send(&honest).await;
            let rest = raw.rest_text().await;
            // Skipped, and the honest request is next; or the end.
            let next = rest.starts_with("HTTP/1.1 200 ") && rest.matches("HTTP/1.1 ").count() == 1;
            assert!(rest.is_empty() || (next && !late), "{what}: {rest:?}");
        }
    }
    let requests = scene.received.requests();
    let smuggled = requests.iter().find(|request| request.starts_with("GET /canary "));
    assert_eq!(smuggled, None, "{what}");
}

#[tokio::test]
async fn a_body_that_the_gateway_refuses_to_read_is_never_the_next_request() {
    let locked = Scene::with(|world| world.agent_args(["--basic-auth", "u:p"])).await;
    let password = "Authorization: Basic dTpw\r\n";
    refused_and_then_asked_again(&locked, "401", &locked.host(), password, 401).await;

    let denied = Scene::with(|world| {
        let world = world.gateway(|gateway| gateway.args(["--trusted-proxies", "127.0.0.0/8"]));
        world.agent_args(["--deny-ip", "127.0.0.1"])
    })
    .await;
    // What is smuggled or honest comes from an address that is let in.
    let allowed = "X-Forwarded-For: 203.0.113.7\r\n";
    refused_and_then_asked_again(&denied, "403", &denied.host(), allowed, 403).await;

    let scene = Scene::new().await;
    let own = format!("localhost:{}", scene.world.gateway.port());
    for (what, host, status) in [("unknown host", "nobody.localhost", 404), ("own page", &own, 404)] {
        refused_and_then_asked_again(&scene, what, host, "", status).await;
    }
}

#[tokio::test]
async fn a_body_that_the_service_did_not_wait_for_is_never_the_next_request() {
    let early = |head: &str| {
        if head.starts_with("POST /early ") { OK.replace("200 OK", "413 Too much") } else { OK.to_owned() }
    };
    let scene = Scene::answering(early, |world| world).await;
    refused_and_then_asked_again(&scene, "an early answer", &scene.host(), "", 413).await;

    let down = Scene::new().await;
    let closing = World::of(LocalService::raw(|_| async {}).await).await;
    let mut raw = closing.visitor().raw().await;
    let smuggled = down.fill("GET /canary HTTP/1.1\r\nHost: HOST\r\n\r\n");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
        closing.visitor().host,
        smuggled.len()
    );
    raw.send(head).await;
    assert!(answer(&mut raw).await.starts_with("HTTP/1.1 502 "));
    let _ = raw.try_send(smuggled).await;
    assert_eq!(raw.rest_text().await, "", "the connection has ended");
}

#[tokio::test]
async fn what_is_sent_after_a_refusal_is_drained_within_a_bound() {
    /// More than the gateway drains and all socket buffers between hold.
    const MOST_BYTES: usize = 64 * 1024 * 1024;
    let scene = Scene::with(|world| world.agent_args(["--basic-auth", "u:p"])).await;
    let mut raw = scene.raw().await;
    raw.send(scene.fill("POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n")).await;
    let first = answer(&mut raw).await;
    assert!(first.starts_with("HTTP/1.1 401 "), "{first:?}");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut sent = 0;
    within("the gateway to stop reading", async {
        while raw.try_send(&chunk).await.is_ok() {
            sent += chunk.len();
            assert!(sent < MOST_BYTES, "it reads on and on");
        }
    })
    .await;
    println!("sent after the refusal until the connection was gone: {} KiB", sent / 1024);
    scene.received.clear();
}
