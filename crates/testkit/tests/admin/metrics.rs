//! What `/metrics` says is what happened.

use porthole_testkit::wait::until;
use porthole_testkit::{Admin, World};

use crate::prometheus::{Samples, read};

async fn samples(admin: &Admin) -> Samples {
    let reply = admin.look("/metrics").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    read(&reply.text())
}

#[tokio::test]
async fn requests_refusals_bytes_times_links_and_mappings_are_counted() {
    let mut world =
        World::builder().gateway(|gateway| gateway.args(["--admin-listen", "127.0.0.1:0"])).start().await;
    let admin = Admin::of(&mut world.gateway).await;
    let before = samples(&admin).await;
    assert!((before.value("exchange_seconds_count")).abs() < 0.5);
    assert!((before.value("build_info{version=\"0.1.0\"}") - 1.0).abs() < f64::EPSILON);

    for _ in 0..3 {
        assert_eq!(world.get("/hello").await.status, 200);
    }
    let h2 = world.visitor();
    let mut connection = h2.http2::<http_body_util::Empty<bytes::Bytes>>().await.expect("HTTP/2");
    let request = http::Request::builder().uri(h2.uri("/hello")).body(http_body_util::Empty::new());
    let answer = connection.send_request(request.expect("a request")).await.expect("an answer");
    http_body_util::BodyExt::collect(answer.into_body()).await.expect("a body");
    assert_eq!(world.gateway.visitor("nobody").get("/").await.error_code(), Some("unknown-host"));
    let stranger = world.gateway.own();
    let request = stranger
        .request("GET", "/tunnel")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("authorization", "Bearer nonsense")
        .body(http_body_util::Empty::<bytes::Bytes>::new());
    assert_eq!(stranger.fetch(request.expect("a request")).await.status, 401);

    // The end of an exchange is counted just after a visitor has it.
    let after = until("all to be counted", || async {
        let after = samples(&admin).await;
        (after.value("exchange_seconds_count") > 3.5).then_some(after)
    })
    .await;
    let grown = |sample: &str| after.value(sample) - before.value(sample);
    for (sample, expected) in [
        ("requests_total{class=\"2xx\"}", 4.0),
        ("requests_total{class=\"4xx\"}", 2.0),
        ("requests_total{class=\"5xx\"}", 0.0),
        ("exchange_seconds_count", 4.0),
        ("exchange_seconds_bucket{le=\"+Inf\"}", 4.0),
        ("refusals_total{code=\"unknown-host\"}", 1.0),
        ("refusals_total{code=\"token-invalid\"}", 1.0),
        ("agents_refused_total{code=\"token-invalid\"}", 1.0),
        ("links_total{result=\"refused\"}", 1.0),
    ] {
        assert!((grown(sample) - expected).abs() < f64::EPSILON, "{sample}: {}", grown(sample));
    }
    assert!(grown("exchange_seconds_sum") > 0.0);
    // Four requests and two that were refused, each with a head of some fifty bytes at least.
    assert!(grown("visitor_bytes_total{direction=\"received\"}") > 200.0);
    assert!(grown("visitor_bytes_total{direction=\"sent\"}") > 400.0);
    for (gauge, expected) in [("links", 1.0), ("endpoints", 1.0), ("ready", 1.0), ("streams", 0.0)] {
        assert!((after.value(gauge) - expected).abs() < f64::EPSILON, "{gauge}: {}", after.value(gauge));
    }
}

#[tokio::test]
async fn bodies_count_in_full_both_ways() {
    let mut world =
        World::builder().gateway(|gateway| gateway.args(["--admin-listen", "127.0.0.1:0"])).start().await;
    let admin = Admin::of(&mut world.gateway).await;
    let before = samples(&admin).await;
    let body = vec![b'x'; 3 * 1024 * 1024];
    let reply = world.visitor().post("/echo", body.clone()).await;
    assert_eq!(reply.body.len(), body.len());
    let after = samples(&admin).await;
    for direction in ["received", "sent"] {
        let sample = format!("visitor_bytes_total{{direction=\"{direction}\"}}");
        let grown = after.value(&sample) - before.value(&sample);
        assert!(grown >= body.len() as f64 && grown < 1.1 * body.len() as f64, "{direction}: {grown}");
    }
}
