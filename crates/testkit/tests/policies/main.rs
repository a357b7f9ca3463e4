//! What is decided before a request crosses the link, and whose word about the visitor is believed.

mod cors;
mod floor;
mod headers;
mod keys;
mod requests;
mod rewrites;
mod tokens;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{Empty, StreamBody};
use hyper::body::Frame;
use porthole_link::control::ToAgent;
use porthole_testkit::agent::Home;
use porthole_testkit::false_gateway::{FalseGateway, welcome};
use porthole_testkit::visitor::collect;
use porthole_testkit::wait::until;
use porthole_testkit::{Reply, World};

async fn ask(world: &World, path: &str, fields: &[(&str, &str)]) -> Reply {
    ask_with(world, "GET", path, fields).await
}

async fn ask_with(world: &World, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
    let mut request = world.visitor().request(method, path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    world.visitor().fetch(request.body(Empty::<Bytes>::new()).expect("a request")).await
}

/// The same over HTTP/2, with any method.
async fn ask_http2(world: &World, method: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
    let request = http::Request::builder().method(method).uri(world.visitor().uri(path));
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let mut connection = world.visitor().http2().await.expect("a connection");
    let response = connection.send_request(request).await.expect("an answer");
    collect(response).await.expect("a whole answer")
}

#[tokio::test]
async fn a_password_is_asked_for_and_never_reaches_the_gateway_in_clear() {
    let world = World::builder().agent_args(["--basic-auth", "alice:open sesame:1"]).start().await;
    let without = ask(&world, "/hello", &[]).await;
    assert_eq!((without.status, without.error_code()), (401, Some("auth-required")));
    assert!(without.field("www-authenticate").is_some_and(|field| field.starts_with("Basic realm=")));
    // alice:open sesame:1 and alice:wrong
    let right = "Basic YWxpY2U6b3BlbiBzZXNhbWU6MQ==";
    assert_eq!(ask(&world, "/hello", &[("authorization", "Basic YWxpY2U6d3Jvbmc=")]).await.status, 401);
    for _ in 0..20 {
        assert_eq!(ask(&world, "/hello", &[("authorization", right)]).await.status, 200);
    }
    assert_eq!(ask(&world, "/hello", &[("authorization", "Basic !!!")]).await.status, 401);
    assert_eq!(world.service.seen().len(), 20, "refused requests reach nobody");
    for program in [&world.gateway.process, &world.agent.process] {
        assert!(!program.printed().contains("open sesame"), "{}", program.printed());
    }
}

#[tokio::test]
async fn visitors_outside_the_allowed_addresses_get_403() {
    let world = World::builder().agent_args(["--allow-ip", "10.0.0.0/8"]).start().await;
    let reply = ask(&world, "/hello", &[]).await;
    assert_eq!((reply.status, reply.error_code()), (403, Some("ip-denied")));
    let world = World::builder().agent_args(["--allow-ip", "127.0.0.1/32"]).start().await;
    assert_eq!(ask(&world, "/hello", &[]).await.status, 200);
    assert_eq!(
        ask(&world, "/hello", &[("x-forwarded-for", "6.6.6.6")]).await.status,
        200,
        "no proxy is trusted"
    );
}

#[tokio::test]
async fn denied_addresses_win_over_allowed_ones() {
    let more = ["--allow-ip", "127.0.0.0/8", "--deny-ip", "127.0.0.1"];
    let world = World::builder().agent_args(more).start().await;
    assert_eq!(ask(&world, "/hello", &[]).await.status, 403);
}

#[tokio::test]
async fn a_trusted_proxys_word_is_believed_up_to_the_last_address_that_is_not_trusted() {
    let world = World::builder()
        .gateway(|gateway| gateway.args(["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]))
        .agent_args(["--allow-ip", "203.0.113.0/24"])
        .start()
        .await;
    let fields = [
        ("x-forwarded-for", "6.6.6.6, 203.0.113.7, 10.1.2.3"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "the-proxys-own-id"),
    ];
    assert_eq!(ask(&world, "/hello", &fields).await.status, 200);
    let seen = world.service.last();
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-request-id"), Some("the-proxys-own-id"));
    assert!(seen.field("x-forwarded-for").is_some_and(|list| list.contains("203.0.113.7")), "{seen:?}");
    assert_eq!(ask(&world, "/hello", &[("x-forwarded-for", "203.0.113.7, 6.6.6.6")]).await.status, 403);
}

#[tokio::test]
async fn an_invalid_address_range_is_refused_with_2() {
    let home = Home::new();
    let outcome = home.run(&["http", "3000", "--allow-ip", "10.0.0.0/99"]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("10.0.0.0/99"), "{outcome:?}");
}

#[tokio::test]
async fn a_visitor_who_asks_too_often_gets_429_and_is_told_when_to_come_back() {
    let world = World::builder().agent_args(["--visitor-rate-limit", "3/h"]).start().await;
    for _ in 0..3 {
        assert_eq!(ask(&world, "/hello", &[]).await.status, 200);
    }
    let reply = ask(&world, "/hello", &[]).await;
    assert_eq!((reply.status, reply.error_code()), (429, Some("rate-limited")));
    assert_eq!(reply.field("ratelimit-policy"), Some("\"visitor\";q=3;w=3600"));
    // A third of an hour, less what the test took.
    let seconds: u64 = reply.field("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((600..=1200).contains(&seconds), "{seconds}");
    assert_eq!(reply.field("ratelimit"), Some(format!("\"visitor\";r=0;t={seconds}").as_str()));
    assert_eq!(reply.field("content-type"), Some("application/json"));
    let page = ask(&world, "/hello", &[("accept", "text/html")]).await;
    assert_eq!((page.status, page.field("content-type")), (429, Some("text/html; charset=utf-8")));
    assert_eq!(world.service.seen().len(), 3, "refused requests reach nobody");
}

#[tokio::test]
async fn guesses_at_a_password_count_and_visitors_are_told_apart_by_a_trusted_proxys_word() {
    let world = World::builder()
        .gateway(|gateway| gateway.args(["--trusted-proxies", "127.0.0.1"]))
        .agent_args(["--basic-auth", "alice:secret", "--visitor-rate-limit", "2/h", "--rate-limit", "5/h"])
        .start()
        .await;
    let from = async |visitor: &str| {
        let reply = ask(&world, "/hello", &[("x-forwarded-for", visitor)]).await;
        (reply.status, reply.field("ratelimit-policy").unwrap_or_default().to_owned())
    };
    for visitor in ["203.0.113.1", "203.0.113.1", "203.0.113.2", "203.0.113.2"] {
        assert_eq!(from(visitor).await.0, 401, "{visitor}");
    }
    assert_eq!(from("203.0.113.1").await, (429, "\"visitor\";q=2;w=3600".to_owned()));
    assert_eq!(from("203.0.113.3").await.0, 401);
    assert_eq!(from("203.0.113.4").await, (429, "\"all\";q=5;w=3600".to_owned()));
}

#[tokio::test]
async fn a_gateway_that_would_skip_a_rule_never_hears_of_the_mapping() {
    let gateway = FalseGateway::start().await;
    let url = gateway.url();
    let home = Home::new();
    let args = ["http", "3000", "--name", "shop", "--rate-limit", "10/s", "--gateway", &url, "--token", "t"];
    let old = async {
        let (mut link, hello) = gateway.hello().await;
        assert_eq!(hello.mappings, []);
        let ToAgent::Welcome(mut said) = welcome(&hello) else { unreachable!("that is what it makes") };
        said.policies = vec!["another".into()];
        link.say(&ToAgent::Welcome(said)).await;
        // The agent may have been connected before it had the mapping; either way it tells the set that it has.
        let told = link.control("mappings").await;
        assert_eq!(told["mappings"], serde_json::json!([]));
        // Gone at once: the command has nothing to wait for.
        drop(link);
    };
    let (outcome, ()) = tokio::join!(home.run(&args), old);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(
        outcome.stderr.contains("“rate_limit”") && outcome.stderr.contains("update the gateway"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_rate_limit_that_cannot_be_read_is_refused_with_2() {
    let outcome = Home::new().run(&["http", "3000", "--rate-limit", "10"]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("“10”") && outcome.stderr.contains("10/s"), "{outcome:?}");
}

#[tokio::test]
async fn a_request_too_many_at_once_gets_503_until_another_is_over() {
    let world = World::builder().agent_args(["--max-concurrent", "2"]).start().await;
    let visitor = world.visitor();
    let request = |path: &str| visitor.request("GET", path).body(Empty::<Bytes>::new()).expect("a request");
    let first = visitor.send(request("/drip")).await.expect("an answer begins");
    let mut http2 = visitor.http2().await.expect("a connection");
    let mut over_http2 = visitor.request("GET", "/drip");
    over_http2 = over_http2.uri(visitor.uri("/drip"));
    let over_http2 = over_http2.body(Empty::<Bytes>::new()).expect("a request");
    let second = http2.send_request(over_http2).await.expect("an answer begins");
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (200, 200));
    let reply = ask(&world, "/hello", &[]).await;
    assert_eq!((reply.status, reply.error_code()), (503, Some("too-many-at-once")));
    assert!(reply.field("retry-after").is_some(), "{reply:?}");
    let free = async || (ask(&world, "/hello", &[]).await.status == 200).then_some(());
    drop(second);
    until("the place of a stream", free).await;
    let third = visitor.send(request("/drip")).await.expect("an answer begins");
    assert_eq!(ask(&world, "/hello", &[]).await.status, 503);
    drop(first);
    until("the place of a connection", free).await;
    drop(third);
}

#[tokio::test]
async fn a_body_longer_than_the_mapping_takes_gets_413_however_it_is_framed() {
    let mut world = World::builder().agent_args(["--max-body", "100KB"]).start().await;
    let visitor = world.visitor();
    let fits = visitor.post("/sink", vec![b'x'; 100_000]).await;
    assert_eq!((fits.status, fits.text().as_str()), (200, "100000"));
    let refused = |reply: &Reply| (reply.status, reply.error_code() == Some("body-too-large"));
    let mut announced = visitor.raw().await;
    let head = "POST /sink HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n";
    announced.send(head.replace("HOST", &visitor.host)).await;
    let answer = announced.head().await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body-too-large"), "{answer}");
    assert_eq!(world.service.seen().len(), 1, "what tells its length reaches nobody");

    // Without a length it is counted: of one piece, and of several.
    let pieces = |count: usize, bytes: usize| {
        let piece = move |_| Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; bytes])));
        StreamBody::new(stream::iter((0..count).map(piece)))
    };
    let chunked = |body| visitor.request("POST", "/sink").body(body).expect("a request");
    assert_eq!(visitor.fetch(chunked(pieces(10, 10_000))).await.text(), "100000");
    assert_eq!(refused(&visitor.fetch(chunked(pieces(101, 1_000))).await), (413, true));
    world.agent.event_after(0, |event| event["error"] == "body-too-large", "an upload refused").await;
    let over_http2 = async |body| {
        let mut connection = visitor.http2().await.expect("a connection");
        let request = http::Request::post(visitor.uri("/sink")).body(body).expect("a request");
        let response = connection.send_request(request).await.expect("an answer");
        collect(response).await.expect("a whole answer")
    };
    assert_eq!(over_http2(pieces(10, 10_000)).await.text(), "100000");
    assert_eq!(refused(&over_http2(pieces(101, 1_000)).await), (413, true));
    assert_eq!(ask(&world, "/hello", &[]).await.status, 200, "without a body");
}

#[tokio::test]
async fn a_bound_on_bodies_that_cannot_be_read_or_kept_is_refused_with_2() {
    for (command, said) in [
        (&["http", "3000", "--max-body", "much"][..], "“much”"),
        (&["mappings", "add", "tcp://db:1", "--max-body", "1MB"], "HTTP only"),
    ] {
        let outcome = Home::new().run(command).await;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
}
