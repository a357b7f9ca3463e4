//! What a mapping changes of the header fields that pass.

use futures_util::{SinkExt, StreamExt};
use porthole_testkit::agent::Home;
use porthole_testkit::exchanges::{ended, shown};
use porthole_testkit::wait::within;
use porthole_testkit::{LocalService, World};
use tokio_tungstenite::tungstenite::Message;

use super::{ask, ask_http2};

/// Answers with fields in an odd case and order.
const ANSWER: &str = "HTTP/1.1 200 OK\r\nX-powered-BY: canary\r\nContent-Length: 2\r\nX-Env: prod\r\n\
                      Set-Cookie: a=1\r\nx-ENV: test\r\nLast: z\r\n\r\nok";

const REQUEST_ARGS: [&str; 6] = [
    "--request-header",
    "X-Env: dev: 1",
    "--add-request-header",
    "Accept-Language: de",
    "--remove-request-header",
    "cookie,X-Debug",
];
const RESPONSE_ARGS: [&str; 6] = [
    "--response-header",
    "X-Env: dev",
    "--add-response-header",
    "Set-Cookie: b=2; Path=/",
    "--remove-response-header",
    "x-powered-by",
];

/// Names and values of a head as it was written, without what the ways of both programs add.
fn lines<'a>(head: &'a str, names: &[&str]) -> Vec<&'a str> {
    let named = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted))
    };
    head.split("\r\n").filter(named).collect()
}

#[tokio::test]
async fn header_fields_are_changed_both_ways_and_all_others_stay_as_they_were() {
    let (service, received) = LocalService::recording(|_| ANSWER.to_owned()).await;
    let world = World::builder().service(service).agent_args(REQUEST_ARGS).agent_args(RESPONSE_ARGS);
    let world = world.start().await;
    let visitor = world.visitor();
    let mut raw = visitor.raw().await;
    let answer = raw
        .exchange(&format!(
            "GET /one HTTP/1.1\r\nHost: {}\r\nx-eNv: prod\r\nCOOKIE: a=1\r\nACCEPT-language: en\r\nX-ENV: test\r\n\
             Zero: 0\r\nx-debug: 1\r\nConnection: close\r\n\r\n",
            visitor.host
        ))
        .await;
    let seen = received.request("/one").expect("the request arrives");
    let names = ["x-env", "cookie", "accept-language", "zero", "x-debug"];
    assert_eq!(
        lines(&seen, &names),
        ["x-eNv: dev: 1", "ACCEPT-language: en", "Zero: 0", "Accept-Language: de"],
        "{seen:?}"
    );
    assert_eq!(
        lines(&answer, &["x-powered-by", "content-length", "x-env", "set-cookie", "last"]),
        ["Content-Length: 2", "X-Env: dev", "Set-Cookie: a=1", "Last: z", "Set-Cookie: b=2; Path=/"],
        "{answer:?}"
    );
    assert!(answer.ends_with("\r\n\r\nok"), "{answer:?}");

    let reply = ask_http2(&world, "GET", "/two", &[("x-env", "prod"), ("cookie", "a=1")]).await;
    let seen = received.request("/two").expect("the request arrives");
    assert_eq!(lines(&seen, &names), ["x-env: dev: 1", "Accept-Language: de"], "{seen:?}");
    assert_eq!((reply.text().as_str(), reply.field("x-env")), ("ok", Some("dev")));
    assert_eq!(reply.fields.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2; Path=/"]);
    assert_eq!(reply.field("x-powered-by"), None);

    // What is kept is what the service got, and what it said.
    let row = ended(world.agent.home(), "/one").await;
    let kept = shown(world.agent.home(), &row["id"]).await;
    let (request, response) = (kept["request"].to_string(), kept["response"].to_string());
    assert!(request.contains("dev: 1") && !request.contains("prod"), "{request}");
    assert!(response.contains("canary") && !response.contains("b=2"), "{response}");
}

#[tokio::test]
async fn what_is_decided_is_decided_on_what_the_visitor_sent() {
    let more = ["--basic-auth", "u:p", "--remove-request-header", "authorization"];
    let world = World::builder().agent_args(more).agent_args(["--request-header", "X-User: u"]).start().await;
    assert_eq!(ask(&world, "/hello", &[]).await.status, 401);
    assert_eq!(ask(&world, "/hello", &[("authorization", "Basic dTpw")]).await.status, 200);
    let seen = world.service.last();
    assert_eq!((seen.field("authorization"), seen.field("x-user")), (None, Some("u")));
}

#[tokio::test]
async fn answers_in_the_services_place_are_changed_and_refusals_are_not() {
    let more = ["--answer", "/gone=410", "--private-path", "/admin", "--response-header", "X-Env: dev"];
    let world = World::builder().agent_args(more).start().await;
    for (path, status, env) in
        [("/gone", 410, Some("dev")), ("/hello", 200, Some("dev")), ("/admin", 404, None)]
    {
        let reply = ask(&world, path, &[]).await;
        assert_eq!((reply.status, reply.field("x-env")), (status, env), "{path}");
    }
}

#[tokio::test]
async fn a_websockets_handshake_is_changed_and_goes_through() {
    let world = World::builder().agent_args(REQUEST_ARGS).agent_args(RESPONSE_ARGS).start().await;
    let mut socket = world.visitor().websocket("/ws").await;
    socket.send(Message::text("hello")).await.expect("the socket is open");
    let echo = within("the echo", socket.next()).await.expect("open").expect("a message");
    assert_eq!(echo, Message::text("hello"));
    assert_eq!(world.service.last().field("x-env"), Some("dev: 1"));

    let visitor = world.visitor();
    let mut raw = visitor.raw().await;
    raw.send(format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        visitor.host
    ))
    .await;
    let head = raw.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(lines(&head, &["x-env", "set-cookie"]), ["X-Env: dev", "Set-Cookie: b=2; Path=/"], "{head}");
}

#[tokio::test]
async fn changes_to_header_fields_that_cannot_be_are_refused_with_2() {
    let home = Home::new();
    for (option, value, said) in [
        ("--request-header", "X-Env", "“X-Env”"),
        ("--request-header", "Host: a", "“Host”"),
        ("--request-header", "X Env: a", "“X Env”"),
        ("--request-header", "X-Env: \u{e9}", "“X-Env”"),
        ("--add-request-header", "x_forwarded_for: ::1", "“x_forwarded_for”"),
        ("--remove-request-header", "Content-Length", "“Content-Length”"),
        ("--response-header", "Transfer-Encoding: chunked", "“Transfer-Encoding”"),
        ("--add-response-header", "porthole-error: x", "“porthole-error”"),
        ("--remove-response-header", "Connection", "“Connection”"),
    ] {
        let outcome = home.run(&["http", "3000", option, value]).await;
        assert_eq!(outcome.code, Some(2), "{option} {value}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{option} {value}: {outcome:?}");
    }
    for (option, value) in [("--request-header", "X-Env: a"), ("--remove-response-header", "X-Env")] {
        let tcp = home.run(&["mappings", "add", "tcp://db:1", option, value]).await;
        assert_eq!((tcp.code, tcp.stderr.contains("HTTP only")), (Some(2), true), "{tcp:?}");
    }
}

#[tokio::test]
async fn changes_to_header_fields_are_edited_one_kind_at_a_time() {
    let home = Home::new();
    let add =
        home.run(&["mappings", "add", "3000", "--name", "shop", "--request-header", "X-Env: dev"]).await;
    assert_eq!(add.code, Some(0), "{add:?}");
    let edit = ["--remove-request-header", "Cookie", "--response-header", "X-Frame-Options: DENY"];
    let edit = home.run(&[&["mappings", "edit", "shop"][..], &edit].concat()).await;
    assert_eq!(edit.code, Some(0), "{edit:?}");
    let clear = home.run(&["mappings", "edit", "shop", "--response-header", ""]).await;
    assert_eq!(clear.code, Some(0), "{clear:?}");
    let listed = home.run(&["mappings", "list", "--json"]).await;
    let mapping: serde_json::Value = serde_json::from_str(listed.stdout.trim()).expect("one mapping");
    let expected = serde_json::json!({"remove": ["Cookie"], "set": [{"name": "X-Env", "value": "dev"}]});
    assert_eq!(
        (&mapping["request_headers"], &mapping["response_headers"]),
        (&expected, &serde_json::json!({}))
    );
}
