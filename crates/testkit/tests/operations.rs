//! What an operator sees: logs, metrics, status, and what slow or rude visitors may not do.

use std::time::{Duration, Instant};

use porthole_testkit::gateway;
use porthole_testkit::process::finish;
use porthole_testkit::wait::{until, within_time};
use porthole_testkit::{Visitor, World};
use serde_json::Value;

#[tokio::test]
async fn both_sides_log_each_exchange_as_json_with_the_same_request_id_and_the_mappings_name() {
    let mut world = World::builder()
        .gateway(|gateway| gateway.args(["--log-format", "json"]))
        .agent_args(["--log-format", "json", "-vv"])
        .start()
        .await;
    world.get("/hello?token=very-secret-value&page=2").await;
    let id = world.service.last().field("x-request-id").expect("an id").to_owned();
    let has_id =
        |line: &str| line.contains(&id).then(|| serde_json::from_str::<Value>(line).expect("JSON lines"));
    let of_gateway = world.gateway.process.line("the exchange's log line", has_id).await;
    let of_agent = world.agent.process.line("the exchange's log line", has_id).await;
    assert!(of_gateway.to_string().contains("\"app\""), "{of_gateway}");
    assert!(of_agent.to_string().contains(&id), "{of_agent}");
    let logged = |text: String| {
        text.lines().filter(|line| line.contains(&id)).any(|line| line.contains("very-secret-value"))
    };
    assert!(!logged(world.gateway.process.printed()) && !logged(world.agent.process.printed()));
    for line in world.gateway.process.stderr().lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "not JSON: {line}");
    }
}

#[tokio::test]
async fn control_characters_of_a_visitor_never_reach_a_log_as_they_are() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    let request = format!(
        "GET /a%1b[31m%0d%0aforged HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        world.visitor().host
    );
    raw.exchange(&request).await;
    for text in [world.gateway.process.printed(), world.agent.process.printed()] {
        assert!(!text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("forged")), "{text}");
    }
}

#[tokio::test]
async fn metrics_and_detailed_status_are_on_the_admin_listener_only() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let admin_listen = free.to_string();
    let world =
        World::builder().gateway(|gateway| gateway.args(["--admin-listen", &admin_listen])).start().await;
    world.get("/hello").await;
    let admin = Visitor::new(free, &admin_listen);
    let metrics = admin.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    let counted = |line: &str| {
        !line.starts_with('#') && line.rsplit(' ').next().is_some_and(|n| n.parse::<f64>().is_ok())
    };
    assert!(metrics.text().lines().any(counted), "{}", metrics.text());
    let status = admin.get("/api/v1/status").await;
    assert_eq!(status.status, 200);
    assert!(status.text().contains("app"), "{}", status.text());
    assert_eq!(admin.get("/health").await.status, 200);
    assert_eq!(world.gateway.own().get("/metrics").await.status, 404);
    assert_eq!(
        world.gateway.visitor("app").get("/metrics").await.status,
        404,
        "a mapping's own /metrics is its service's"
    );
}

#[tokio::test]
async fn a_head_that_never_ends_is_408_after_15_seconds() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    let began = Instant::now();
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\nX-Slow: ", world.visitor().host)).await;
    let answer = within_time("the refusal", Duration::from_secs(25), raw.rest()).await.0;
    let took = began.elapsed();
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    assert!(took > Duration::from_secs(13) && took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test]
async fn a_head_in_single_bytes_is_read_like_any_other() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    for byte in
        format!("GET /hello HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.visitor().host).bytes()
    {
        raw.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(raw.rest_text().await.ends_with("hello"));
}

#[tokio::test]
async fn hundreds_of_idle_and_half_open_visitors_cost_nobody_anything() {
    let world = World::new().await;
    let before = world.gateway.process.memory_kib();
    let mut idle = Vec::new();
    for number in 0..400 {
        let mut raw = world.visitor().raw().await;
        if number % 2 == 0 {
            raw.send("GET / HTT").await;
        }
        idle.push(raw);
    }
    for _ in 0..20 {
        assert_eq!(world.get("/hello").await.status, 200);
    }
    let grown = world.gateway.process.memory_kib().saturating_sub(before);
    assert!(grown < 400 * 24, "{grown} KiB for 400 visitors");
}

#[tokio::test]
async fn the_data_folder_is_for_its_owner_only_and_secrets_stay_out_of_logs() {
    let world = World::new().await;
    world.get("/hello").await;
    let secret = std::fs::read_to_string(world.gateway.home().join("gateway/secret"))
        .expect("the secret is kept there");
    for text in [world.gateway.process.printed(), world.agent.process.printed()] {
        assert!(!text.contains(secret.trim()) && !text.contains(&world.token.token), "{text}");
    }
}

#[tokio::test]
async fn a_second_gateway_on_the_data_folder_does_no_harm() {
    let world = World::new().await;
    let mut command = gateway::command(world.gateway.home());
    command.args(["serve", "--listen", &world.gateway.address.to_string()]);
    let second = finish("a second gateway", command).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    until("the first to answer", || async { (world.get("/hello").await.status == 200).then_some(()) }).await;
}
