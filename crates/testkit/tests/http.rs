//! Requests and answers as they cross the tunnel.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use porthole_testkit::service::{body, read_head};
use porthole_testkit::wait::{eventually, within};
use porthole_testkit::{LocalService, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_get_reaches_the_service_and_its_answer_comes_back() {
    let world = World::new().await;
    let reply = world.get("/hello").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
    assert_eq!(reply.field("content-type"), Some("text/plain"));
    assert_eq!(reply.error_code(), None);
}

#[tokio::test]
async fn the_public_url_is_the_name_under_the_gateways_domain() {
    let world = World::new().await;
    assert_eq!(world.public_url, format!("http://app.localhost:{}", world.gateway.port()));
}

#[tokio::test]
async fn the_service_sees_the_public_host_and_who_asked() {
    let world = World::new().await;
    world.get("/hello").await;
    let seen = world.service.last();
    let host = format!("app.localhost:{}", world.gateway.port());
    assert_eq!(seen.field("host"), Some(host.as_str()));
    assert_eq!(seen.field("x-forwarded-host"), Some(host.as_str()));
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
    assert!(seen.field("x-request-id").is_some_and(|id| id.len() >= 16), "{seen:?}");
}

#[tokio::test]
async fn a_visitor_cannot_forge_forwarded_fields_or_their_aliases() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    let request = format!(
        "GET /hello HTTP/1.1\r\nHost: {}\r\nX-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n\
         X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\nConnection: close\r\n\r\n",
        world.visitor().host
    );
    assert!(raw.exchange(&request).await.starts_with("HTTP/1.1 200"));
    let seen = world.service.last();
    let all = format!("{:?}", seen.fields);
    assert!(!all.contains("6.6.6.6") && !all.contains("evil"), "{all}");
    assert_eq!(seen.field("x-forwarded-proto"), Some("http"));
}

#[tokio::test]
async fn order_case_and_repeats_of_fields_survive_both_ways() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let service = LocalService::raw(move |mut socket| {
        let tell = tell.clone();
        async move {
            let head = read_head(&mut socket).await.expect("a request");
            let _ = tell.send(head).await;
            let answer = "HTTP/1.1 200 Fine by me\r\nX-Zebra: 1\r\nset-cookie: a=1\r\nSET-COOKIE: b=2\r\n\
                          Content-Length: 0\r\nX-aLpHa: 2\r\n\r\n";
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    let world = World::of(service.await).await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "GET / HTTP/1.1\r\nX-Second: 2\r\nHost: {}\r\nx-FIRST: 1\r\nX-Twice: a\r\nX-Twice: b\r\n\r\n",
        world.visitor().host
    ))
    .await;
    let answer = raw.head().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 Fine by me\r\nX-Zebra: 1\r\nset-cookie: a=1\r\nSET-COOKIE: b=2\r\n")
    );
    assert!(answer.contains("\r\nX-aLpHa: 2\r\n"), "{answer}");
    let head = within("the request at the service", told.recv()).await.expect("the service got it");
    let at = |needle: &str| head.find(needle).unwrap_or_else(|| panic!("no {needle:?} in {head}"));
    assert!(at("X-Second: 2") < at("Host: ") && at("Host: ") < at("x-FIRST: 1"), "{head}");
    assert!(at("x-FIRST: 1") < at("X-Twice: a") && at("X-Twice: a") < at("X-Twice: b"), "{head}");
}

#[tokio::test]
async fn the_path_and_query_arrive_byte_for_byte() {
    let world = World::new().await;
    for path in [
        "/head?a=%20b&c=%2F%2f",
        "/head?//../",
        "/head?q='|{}[]^`",
        "/head;v=1?x",
        "/head/%7Eme/%2F/..%2f",
        "/head//x/./y",
    ] {
        let mut raw = world.visitor().raw().await;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.visitor().host);
        let answer = raw.exchange(&request).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{path}: {answer}");
        assert_eq!(world.service.last().target, path);
    }
}

#[tokio::test]
async fn hop_by_hop_fields_stop_at_the_gateway() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    let request = format!(
        "GET /hello HTTP/1.1\r\nHost: {}\r\nConnection: close, X-Private\r\nX-Private: mine\r\nTE: gzip\r\n\
         Keep-Alive: 5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        world.visitor().host
    );
    assert!(raw.exchange(&request).await.starts_with("HTTP/1.1 200"));
    let seen = world.service.last();
    for name in ["x-private", "keep-alive", "proxy-connection", "upgrade", "te"] {
        assert_eq!(seen.field(name), None, "{name} in {seen:?}");
    }
}

#[tokio::test]
async fn head_204_and_304_have_no_body_and_keep_the_connection() {
    let world = World::new().await;
    let host = world.visitor().host;
    let mut raw = world.visitor().raw().await;
    for (request, status) in [
        (format!("HEAD /bytes?5000 HTTP/1.1\r\nHost: {host}\r\n\r\n"), "200"),
        (format!("GET /status/204 HTTP/1.1\r\nHost: {host}\r\n\r\n"), "204"),
        (format!("GET /status/304 HTTP/1.1\r\nHost: {host}\r\n\r\n"), "304"),
    ] {
        raw.send(&request).await;
        let head = raw.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        if status == "200" {
            assert!(head.to_ascii_lowercase().contains("content-length: 5000"), "{head}");
        }
        if status == "204" {
            assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        }
    }
    raw.send(format!("GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    assert!(raw.rest_text().await.ends_with("hello"), "the connection is still in step");
}

#[tokio::test]
async fn options_star_is_passed_on_as_it_is() {
    let world = World::of(
        LocalService::raw(|mut socket| async move {
            let head = read_head(&mut socket).await.expect("a request");
            let line = head.lines().next().unwrap_or_default().to_owned();
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nAllow: GET\r\n\r\n{line}", line.len());
            let _ = socket.write_all(answer.as_bytes()).await;
        })
        .await,
    )
    .await;
    let mut raw = world.visitor().raw().await;
    let request =
        format!("OPTIONS * HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.visitor().host);
    let answer = raw.exchange(&request).await;
    assert!(answer.ends_with("OPTIONS * HTTP/1.1"), "{answer}");
}

#[tokio::test]
async fn connect_is_refused_and_reaches_nobody() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    let host = world.visitor().host;
    let answer =
        raw.exchange(&format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("porthole-error: "), "{answer}");
    assert!(world.service.seen().is_empty());
}

#[tokio::test]
async fn a_100_continue_comes_from_the_service_and_not_before() {
    let (go, wait_for_go) = tokio::sync::watch::channel(false);
    let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
    let service = LocalService::raw(move |mut socket| {
        let (mut wait_for_go, arrived) = (wait_for_go.clone(), arrived.clone());
        async move {
            // The agent looks once whether something listens, and says nothing.
            let Some(head) = read_head(&mut socket).await else { return };
            let _ = arrived.send(()).await;
            assert!(head.to_ascii_lowercase().contains("expect: 100-continue"), "{head}");
            let _ = wait_for_go.wait_for(|go| *go).await;
            let _ = socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await;
            let mut body = [0; 5];
            let _ = socket.read_exact(&mut body).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await;
            let _ = socket.write_all(&body).await;
        }
    });
    let service = service.await;
    let world = World::of(service).await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
        world.visitor().host
    ))
    .await;
    within("the request at the service", arrival.recv()).await;
    let mut byte = [0; 1];
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), raw.socket.peek(&mut byte)).await;
    assert!(early.is_err(), "something came before the service said 100");
    go.send_replace(true);
    assert_eq!(raw.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    raw.send("12345").await;
    assert!(raw.rest_text().await.ends_with("\r\n\r\n12345"));
}

#[tokio::test]
async fn a_service_that_refuses_before_100_saves_the_upload() {
    let answer = b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let world = World::of(LocalService::canned(answer).await).await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 5000000\r\n\r\n",
        world.visitor().host
    ))
    .await;
    let answer = raw.rest_text().await;
    assert!(
        answer.starts_with("HTTP/1.1 417 ") && answer.to_ascii_lowercase().contains("connection: close"),
        "{answer}"
    );
}

#[tokio::test]
async fn early_hints_are_relayed_before_the_answer() {
    let answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n\
                   HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let world = World::of(LocalService::canned(answer).await).await;
    let mut raw = world.visitor().raw().await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", world.visitor().host)).await;
    let hints = raw.head().await;
    assert!(hints.starts_with("HTTP/1.1 103 Early Hints\r\n") && hints.contains("Link: </a.css>"), "{hints}");
    assert!(raw.rest_text().await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let world = World::new().await;
    let host = world.visitor().host;
    let mut raw = world.visitor().raw().await;
    let posts = (0..20).map(|number| {
        format!("POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\nnumber {number:02}")
    });
    let last = format!("GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let requests: Vec<String> = posts.chain([last]).collect();
    raw.send(requests.concat()).await;
    let answers = raw.rest_text().await;
    let mut from = 0;
    for number in 0..20 {
        let at = answers[from..].find(&format!("number {number:02}"));
        from += at.unwrap_or_else(|| panic!("no answer {number} after byte {from}: {answers}"));
    }
    assert!(answers.ends_with("hello"));
}

#[tokio::test]
async fn one_visitor_connection_and_one_service_connection_serve_a_hundred_requests() {
    let world = World::new().await;
    let mut connection = world.visitor().http1::<Empty<Bytes>>().await.expect("a connection");
    for _ in 0..100 {
        let request = world.visitor().request("GET", "/hello").body(Empty::new()).expect("a request");
        let reply = within("an answer", connection.send_request(request)).await.expect("an answer");
        assert_eq!(reply.into_body().collect().await.expect("a body").to_bytes(), "hello");
    }
    assert!(world.service.connections() <= 2, "{} connections to the service", world.service.connections());
}

#[tokio::test]
async fn an_http_1_0_visitor_gets_the_body_until_close() {
    let world = World::new().await;
    let mut raw = world.visitor().raw().await;
    let answer =
        raw.exchange(&format!("GET /chunked?3000 HTTP/1.0\r\nHost: {}\r\n\r\n", world.visitor().host)).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(body.chars().count(), String::from_utf8_lossy(&body::pattern(3000)).chars().count());
}

#[tokio::test]
async fn a_stale_kept_connection_to_the_service_is_not_the_visitors_problem() {
    // The service closes each connection after one answer without saying so.
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let world = World::of(LocalService::canned(answer).await).await;
    for _ in 0..20 {
        let reply = world.get("/").await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    }
}

#[tokio::test]
async fn a_visitors_request_id_passes_through_and_ours_is_another() {
    let world = World::new().await;
    let request = world
        .visitor()
        .request("GET", "/head")
        .header("x-request-id", "visitors-own")
        .body(Empty::<Bytes>::new());
    let reply = world.visitor().fetch(request.expect("a request")).await;
    assert!(reply.text().contains("visitors-own"), "{}", reply.text());
}

#[tokio::test]
async fn gateway_errors_are_pages_for_browsers_and_json_for_programs() {
    let world = World::new().await;
    let nobody = world.gateway.visitor("nobody");
    let ask = |accept: &'static str| {
        let request = nobody
            .request("GET", "/")
            .header("accept", accept)
            .body(Empty::<Bytes>::new())
            .expect("a request");
        nobody.fetch(request)
    };
    let page = ask("text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!(page.status, 404);
    assert!(page.field("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page:?}");
    assert!(page.field("content-security-policy").is_some() && !page.text().contains("<script"), "{page:?}");
    let json = ask("application/json").await;
    assert_eq!(json.status, 404);
    assert_eq!(json.json()["code"].as_str(), json.error_code());
    assert!(json.json()["message"].as_str().is_some_and(|message| message.len() > 10));
    assert_eq!(json.error_code(), page.error_code());
    assert!(ask("*/*").await.error_code().is_some());
}

#[tokio::test]
async fn a_service_that_is_down_is_502_until_it_listens() {
    let world = World::new().await;
    // A port that was free a moment ago.
    let free = LocalService::sample().await;
    let port = free.port();
    drop(free);
    let mut agent =
        world.start_agent(&porthole_testkit::agent::Home::new(), &port.to_string(), &["--name", "late"]);
    agent.ready().await;
    let visitor = world.gateway.visitor("late");
    let reply = visitor.get("/").await;
    assert_eq!(reply.status, 502);
    assert!(reply.error_code().is_some());
    let events = agent.events();
    assert!(
        events.iter().any(|event| event["event"] == "warning"),
        "nothing listening is a warning: {events:?}"
    );

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port is still free");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = read_head(&mut socket).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup").await;
        }
    });
    assert_eq!(visitor.get("/").await.text(), "up");
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_504() {
    let world = World::builder().agent_args(["--timeout", "1s"]).start().await;
    let reply = world.get("/hang").await;
    assert_eq!(reply.status, 504);
    assert!(reply.error_code().is_some());
    eventually("the request to be cancelled at the service", || world.service.cancelled() == 1).await;
    assert_eq!(world.get("/hello").await.status, 200);
}

#[tokio::test]
async fn a_service_that_does_not_speak_http_is_502() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"",
    ] {
        let world = World::of(LocalService::canned(answer).await).await;
        let reply = world.get("/").await;
        assert_eq!(reply.status, 502, "{:?}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn what_two_parsers_could_read_differently_is_refused_and_reaches_nobody() {
    let world = World::new().await;
    let host = world.visitor().host;
    let bad: &[(&str, &str)] = &[
        (
            "length and chunked",
            "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("two lengths", "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        ("a signed length", "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: +3\r\n\r\nabc"),
        ("a hex length", "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 0x3\r\n\r\nabc"),
        (
            "an overflowing length",
            "POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 99999999999999999999\r\n\r\n",
        ),
        ("two codings", "POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("coding on 1.0", "POST / HTTP/1.0\r\nHost: H\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("folded", "GET / HTTP/1.1\r\nHost: H\r\nX: a\r\n b\r\n\r\n"),
        ("space before colon", "GET / HTTP/1.1\r\nHost: H\r\nX : a\r\n\r\n"),
        ("bare LF", "GET / HTTP/1.1\nHost: H\n\n"),
        ("bare CR", "GET / HTTP/1.1\r\nHost: H\r\nX: a\rb\r\n\r\n"),
        ("NUL", "GET / HTTP/1.1\r\nHost: H\r\nX: a\0b\r\n\r\n"),
        ("no host", "GET / HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET / HTTP/1.1\r\nHost: H\r\nHost: other\r\n\r\n"),
        ("an invalid host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ];
    for (what, request) in bad {
        let mut raw = world.visitor().raw().await;
        let answer = raw
            .exchange(
                &request
                    .replace("Host: H\r", &format!("Host: {host}\r"))
                    .replace("Host: H\n", &format!("Host: {host}\n")),
            )
            .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer:?}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{what}: {answer}");
        assert!(!answer[12..].contains("HTTP/1.1 "), "{what}: only one answer and then the end: {answer}");
    }
    assert!(world.service.seen().is_empty(), "{:?}", world.service.seen());
}

#[tokio::test]
async fn bad_chunks_end_the_connection_and_the_request_at_the_service() {
    let world = World::new().await;
    for chunks in ["+5\r\nhello\r\n", "0x5\r\nhello\r\n", "5_0\r\nhello\r\n", "5\r\nhelloX\r\n", "5\nhello\n"]
    {
        let mut raw = world.visitor().raw().await;
        let request = format!(
            "POST /sink HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n",
            world.visitor().host
        );
        let answer = raw.exchange(&request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn an_absolute_targets_authority_wins_over_host() {
    let world = World::new().await;
    let host = world.visitor().host;
    let mut raw = world.visitor().raw().await;
    let request =
        format!("GET http://{host}/head HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n");
    let answer = raw.exchange(&request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = world.service.last();
    assert_eq!((seen.target.as_str(), seen.field("host")), ("/head", Some(host.as_str())));
    assert!(!format!("{seen:?}").contains("other.example"));
}

#[tokio::test]
async fn host_names_are_the_same_in_any_case_and_with_a_final_dot() {
    let world = World::new().await;
    let port = world.gateway.port();
    for host in
        [format!("APP.LocalHost:{port}"), format!("app.localhost.:{port}"), "app.localhost".to_owned()]
    {
        assert_eq!(world.gateway.visitor_of_host(&host).get("/hello").await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_head_is_limited_to_64_kib_and_100_fields() {
    let world = World::new().await;
    let host = world.visitor().host;
    let ask = async |more: String| {
        let mut raw = world.visitor().raw().await;
        raw.exchange(&format!("GET /hello HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")).await
    };
    assert!(ask(format!("X: {}\r\n", "a".repeat(60 * 1024))).await.starts_with("HTTP/1.1 200 "));
    assert!(ask(format!("X: {}\r\n", "a".repeat(65 * 1024))).await.starts_with("HTTP/1.1 431 "));
    // Host and Connection are two of them.
    let fields = |count: usize| {
        let lines: Vec<String> = (0..count).map(|number| format!("X-{number}: 1\r\n")).collect();
        lines.concat()
    };
    assert!(ask(fields(98)).await.starts_with("HTTP/1.1 200 "), "exactly 100 fields");
    assert!(ask(fields(99)).await.starts_with("HTTP/1.1 431 "), "101 fields");
}

#[tokio::test]
async fn health_and_status_answer_on_the_gateways_own_host() {
    let world = World::new().await;
    let own = world.gateway.own();
    assert_eq!(own.get("/health").await.status, 200);
    assert_eq!(own.get("/health?ready").await.status, 200);
    let status = own.get("/api/v1/status").await;
    assert_eq!(status.status, 200);
    assert!(
        !status.text().contains(&world.token.token) && !status.text().contains("app.localhost"),
        "{}",
        status.text()
    );
    assert_eq!(own.get("/metrics").await.status, 404, "metrics are for the admin listener only");
}
