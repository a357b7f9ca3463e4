//! Exchanges as they are kept on the laptop, and shown by `porthole exchanges`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Empty};
use porthole_testkit::exchanges::{ended, exchange, listed, shown};
use porthole_testkit::service::body;
use porthole_testkit::wait::{until, within};
use porthole_testkit::{Agent, LocalService, World, long};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Bytes of a body that are kept.
const KEPT: usize = 2 * 1024 * 1024;

#[tokio::test]
async fn a_webhook_has_a_name_and_tells_its_trailers_and_what_the_service_got_otherwise() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n";
    let (service, received) = LocalService::recording(move |_| answer.to_owned()).await;
    let world = World::of(service).await;
    let home = world.agent.home();
    let mut visitor = world.visitor().raw().await;
    visitor
        .send(format!(
            "POST /hook HTTP/1.1\r\nHost: {}\r\nX-GitHub-Event: issues\r\nTransfer-Encoding: chunked\r\n\r\n\
             14\r\n{{\"action\": \"opened\"}}\r\n0\r\nX-Asked: yes\r\n\r\n",
            world.visitor().host
        ))
        .await;
    assert!(visitor.head().await.starts_with("HTTP/1.1 200 "));
    let row = ended(home, "/hook").await;
    assert_eq!((&row["name"], &row["error"]), (&"issues.opened".into(), &Value::Null));
    let shown = shown(home, &row["id"]).await;
    assert_eq!(shown["request"]["trailers"], json!([["X-Asked", "yes"]]), "{shown}");
    assert_eq!(shown["response"]["trailers"], json!([["X-Sum", "1"]]), "{shown}");
    let chunked = json!(["Transfer-Encoding", "chunked"]);
    let has = |fields: &Value| fields.as_array().is_some_and(|fields| fields.contains(&chunked));
    assert!(has(&shown["sent"]["fields"]) && !has(&shown["request"]["fields"]), "{shown}");
    let got = received.text();
    assert!(got.contains("\r\nTransfer-Encoding: chunked\r\n"), "{got}");
    let people = home.run(&["exchanges", "show", &row["id"].to_string()]).await.stdout;
    assert!(people.contains("issues.opened") && people.contains("X-Sum: 1"), "{people}");
}

#[tokio::test]
async fn a_request_is_listed_and_shown_byte_for_byte_while_the_engine_runs_and_after() {
    let mut world = World::new().await;
    let home = world.agent.home().clone();
    let request = world
        .visitor()
        .request("POST", "/echo?a=%20b")
        .header("Content-Type", "text/plain; charset=utf-8")
        .header("X-Twice", "1")
        .header("X-Twice", "2")
        .body("first line\nsecond".to_owned())
        .expect("a request");
    assert_eq!(world.visitor().fetch(request).await.status, 200);
    assert_eq!(world.get("/status/404").await.status, 404);
    let row = ended(&home, "/echo?a=%20b").await;
    assert_eq!(
        (&row["method"], &row["status"], &row["state"]),
        (&"POST".into(), &200.into(), &"done".into())
    );
    assert_eq!(
        (&row["mapping"], &row["source"], &row["kind"]),
        (&"app".into(), &"visitor".into(), &"http".into())
    );
    assert_eq!(row["request_type"], "text/plain");
    assert_eq!(row["visitor"], "127.0.0.1");
    assert_eq!((&row["request_bytes"], &row["response_bytes"]), (&17.into(), &17.into()));
    assert_eq!(row["url"], format!("{}/echo?a=%20b", world.public_url));
    assert!(row["total_us"].as_i64() >= row["first_byte_us"].as_i64(), "{row}");
    assert!(row["gateway_us"].as_i64().is_some_and(|us| us >= 0), "{row}");
    ended(&home, "/status/404").await;

    let while_it_runs = shown(&home, &row["id"]).await;
    world.agent.process.signal(Signal::TERM);
    assert_eq!(world.agent.process.exit_code().await, Some(0));
    assert_eq!(shown(&home, &row["id"]).await, while_it_runs);
    for half in ["request", "response"] {
        assert_eq!(while_it_runs[half]["body"], "first line\nsecond");
    }
    let fields = while_it_runs["request"]["fields"].as_array().expect("fields");
    let twice: Vec<_> = fields.iter().filter(|field| field[0] == "x-twice").map(|field| &field[1]).collect();
    assert_eq!(twice, ["1", "2"]);
    let raw = home.run(&["exchanges", "show", &row["id"].to_string(), "--format", "raw"]).await.stdout;
    // What the test sees of it are lines.
    let raw = raw.replace('\r', "");
    assert!(raw.starts_with("POST /echo?a=%20b HTTP/1.1\n"), "{raw}");
    assert!(raw.trim_end().ends_with("\n\nfirst line\nsecond"), "{raw}");

    let table = home.run(&["exchanges", "list", "--limit", "1"]).await;
    assert!(table.stdout.lines().count() == 2 && table.stdout.contains("/status/404"), "{table:?}");
    let none = home.run(&["exchanges", "show", "12345"]).await;
    assert!(none.code == Some(2) && none.stderr.contains("12345"), "{none:?}");
}

#[tokio::test]
async fn the_head_is_kept_as_it_came_before_the_host_was_rewritten() {
    let world = World::builder().agent_args(["--host-header", "rewrite"]).start().await;
    assert_eq!(world.get("/head").await.status, 200);
    assert!(world.service.last().field("host").is_some_and(|host| host.starts_with("localhost")));
    let row = ended(world.agent.home(), "/head").await;
    let public = world.public_url.trim_start_matches("http://");
    assert_eq!(row["host"], public);
    let shown = shown(world.agent.home(), &row["id"]).await;
    let fields = shown["request"]["fields"].as_array().expect("fields");
    let host =
        fields.iter().find(|field| field[0].as_str().is_some_and(|name| name.eq_ignore_ascii_case("host")));
    assert_eq!(host.expect("a host")[1], public);
}

#[tokio::test]
async fn a_mapping_that_is_not_inspected_leaves_nothing() {
    let world = World::builder().agent_args(["--inspect", "off"]).start().await;
    let home = world.agent.home().clone();
    let mut watched = world.start_agent(&home, &world.service.port().to_string(), &["--name", "watched"]);
    watched.ready().await;
    assert_eq!(world.get("/hello").await.status, 200);
    assert_eq!(world.gateway.visitor("watched").get("/status/204").await.status, 204);
    ended(&home, "/status/204").await;
    assert_eq!(listed(&home).await.len(), 1);
}

#[tokio::test]
async fn of_a_large_body_the_beginning_is_kept_and_told_honestly() {
    let world = World::new().await;
    let home = world.agent.home();
    let size = KEPT + 1_000_000;
    assert_eq!(world.get(&format!("/bytes?{size}")).await.body.len(), size);
    let sent = body::pattern(KEPT + 1);
    assert_eq!(world.visitor().post("/sink", sent.clone()).await.text(), sent.len().to_string());
    let row = ended(home, &format!("/bytes?{size}")).await;
    assert_eq!((&row["response_bytes"], &row["response_kept"]), (&size.into(), &KEPT.into()));
    let people = home.run(&["exchanges", "show", &row["id"].to_string(), "--part", "response"]).await;
    assert!(people.stdout.contains("first 2 MiB of 3 MiB kept"), "{}", &people.stdout[..500]);
    let row = ended(home, "/sink").await;
    assert_eq!((&row["request_bytes"], &row["request_kept"]), (&sent.len().into(), &KEPT.into()));
    assert_eq!(row["incomplete"], false);
}

#[tokio::test]
async fn a_failed_and_a_cancelled_exchange_end_exactly_once() {
    let world = World::new().await;
    let home = world.agent.home();
    let free = LocalService::sample().await;
    let port = free.port().to_string();
    drop(free);
    let mut down = world.start_agent(home, &port, &["--name", "down"]);
    down.ready().await;
    assert_eq!(world.gateway.visitor("down").post("/nobody", "a webhook").await.status, 502);
    let row = ended(home, "/nobody").await;
    // Nobody took it, and it is there all the same.
    assert_eq!(shown(home, &row["id"]).await["request"]["body"], "a webhook");
    assert_eq!(
        (&row["state"], &row["error"], &row["status"]),
        (&"failed".into(), &"service-down".into(), &Value::Null)
    );

    let request =
        world.visitor().request("GET", "/drip").body(Empty::<bytes::Bytes>::new()).expect("a request");
    let mut answer = world.visitor().send(request).await.expect("an answer");
    within("the first drop", answer.body_mut().frame()).await.expect("a frame").expect("a piece");
    exchange(home, "/drip", |row| row["state"] == "open" && row["status"] == 200).await;
    drop(answer);
    let row = ended(home, "/drip").await;
    assert_eq!(
        (&row["state"], &row["error"], &row["status"]),
        (&"cancelled".into(), &"cancelled".into(), &200.into())
    );
    assert!(row["response_kept"].as_i64() > Some(0), "{row}");
    assert_eq!(listed(home).await.iter().filter(|row| row["target"] == "/drip").count(), 1);
}

#[tokio::test]
async fn what_was_captured_survives_kill_9_and_what_was_open_has_failed() {
    let mut world = World::new().await;
    let home = world.agent.home().clone();
    assert_eq!(world.get("/hello").await.status, 200);
    ended(&home, "/hello").await;
    let request =
        world.visitor().request("GET", "/hang").body(Empty::<bytes::Bytes>::new()).expect("a request");
    let visitor = world.visitor();
    let hanging = tokio::spawn(async move { visitor.try_fetch(request).await });
    let open = exchange(&home, "/hang", |row| row["state"] == "open").await;
    assert_eq!((&open["status"], &open["total_us"]), (&Value::Null, &Value::Null));

    world.agent.process.kill9();
    let kept = listed(&home).await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    hanging.abort();
    world.agent.restart();
    world.agent.ready().await;
    let row = ended(&home, "/hang").await;
    assert_eq!((&row["state"], &row["error"]), (&"failed".into(), &"engine-killed".into()));
    assert_eq!(ended(&home, "/hello").await["status"], 200);
    until("a request after the restart", async || {
        (world.get("/status/201").await.status == 201).then_some(())
    })
    .await;
    let next = ended(&home, "/status/201").await;
    assert!(next["id"].as_i64() > open["id"].as_i64(), "{next}");
}

/// Of a flood much goes unseen, but what is stored is never far behind.
#[tokio::test]
async fn a_flood_that_kill_9_ends_is_kept_but_for_its_last_second() {
    const VISITORS: usize = 32;
    let (enough, lost) =
        if long() { (60_000, Duration::from_secs(1)) } else { (2_000, Duration::from_secs(20)) };
    let mut world = World::new().await;
    let answered = Arc::new(AtomicU64::new(0));
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..VISITORS {
        let (visitor, answered) = (world.visitor(), Arc::clone(&answered));
        flood.spawn(async move {
            loop {
                let request = visitor.request("GET", "/hello").body(Empty::<bytes::Bytes>::new());
                if visitor.try_fetch(request.expect("a request")).await.is_ok() {
                    answered.fetch_add(1, Relaxed);
                }
            }
        });
    }
    until("the flood", async || (answered.load(Relaxed) >= enough).then_some(())).await;
    world.agent.process.kill9();
    let killed = SystemTime::now();
    flood.shutdown().await;
    let newest = listed(world.agent.home()).await.remove(0);
    let began = newest["started_us"].as_u64().map(Duration::from_micros).expect("a time");
    let behind = killed.duration_since(UNIX_EPOCH + began).expect("it began before");
    eprintln!("the newest that is kept began {behind:.2?} before the end");
    assert!(behind < lost, "{behind:?}: {newest}");
}

#[tokio::test]
async fn a_websocket_is_an_exchange_of_its_kind_and_its_messages_are_rows() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    let world = World::new().await;
    let home = world.agent.home();
    let mut socket = world.visitor().websocket("/ws").await;
    socket.send(Message::text("an order_77")).await.expect("the socket is open");
    within("the echo", socket.next()).await.expect("open").expect("a message");
    let row = exchange(home, "/ws", |row| row["status"] == 101 && row["frames"] == 2).await;
    assert_eq!((&row["kind"], &row["state"]), (&"websocket".into(), &"open".into()));
    socket.send(Message::binary(vec![0, 255])).await.expect("the socket is open");
    within("the echo", socket.next()).await.expect("open").expect("a message");
    socket.close(None).await.expect("the socket closes");
    drop(socket);
    let row = ended(home, "/ws").await;
    let shown = shown(home, &row["id"]).await;
    let frames = shown["conversation"].as_array().expect("messages");
    let wanted = [(1, true, "an order_77"), (1, false, "an order_77"), (2, true, "AP8="), (2, false, "AP8=")];
    for (seq, (opcode, from_visitor, payload)) in wanted.into_iter().enumerate() {
        let frame = &frames[seq];
        assert_eq!((&frame["seq"], &frame["opcode"]), (&seq.into(), &opcode.into()), "{frame}");
        assert_eq!((&frame["from_visitor"], &frame["payload"]), (&from_visitor.into(), &payload.into()));
    }
    assert!(frames[4..].iter().any(|frame| frame["opcode"] == 8), "{frames:?}");
    let times: Vec<_> = frames.iter().map(|frame| frame["at_us"].as_i64().expect("a time")).collect();
    assert!(times.is_sorted() && Some(times[0]) >= row["started_us"].as_i64(), "{times:?}");
    let people = home.run(&["exchanges", "show", &row["id"].to_string()]).await;
    assert!(people.stdout.contains("→ text           11 B  an order_77"), "{}", people.stdout);
    let found = home.run(&["exchanges", "list", "--json", "order_77"]).await;
    assert_eq!(found.stdout.lines().count(), 1, "{found:?}");
}

#[tokio::test]
async fn server_sent_events_are_rows_while_the_stream_goes_on() {
    let world = World::new().await;
    let home = world.agent.home();
    let request =
        world.visitor().request("GET", "/events").body(Empty::<bytes::Bytes>::new()).expect("a request");
    let mut answer = world.visitor().send(request).await.expect("an answer");
    within("the first event", answer.body_mut().frame()).await.expect("a frame").expect("a piece");
    let row = exchange(home, "/events", |row| row["frames"].as_i64() > Some(1)).await;
    assert_eq!((&row["kind"], &row["state"]), (&"sse".into(), &"open".into()));
    let told = shown(home, &row["id"]).await;
    for number in 0..2 {
        let event = &told["conversation"][number];
        let wanted = (format!("event {number}").into(), number.to_string().into());
        assert_eq!((&event["payload"], &event["event_id"]), (&wanted.0, &wanted.1), "{event}");
        assert_eq!(event["from_visitor"], false);
    }
    drop(answer);
    ended(home, "/events").await;
}

#[tokio::test]
async fn exchanges_are_found_by_the_filter_language_and_copied_as_curl() {
    let world = World::new().await;
    let home = world.agent.home();
    let post = world
        .visitor()
        .request("POST", "/echo?id=1")
        .header("Content-Type", "application/json")
        .header("Stripe-Signature", "t=1,v1=abc")
        .body(r#"{"order":"order_42"}"#.to_owned())
        .expect("a request");
    assert_eq!(world.visitor().fetch(post).await.status, 200);
    assert_eq!(world.get("/status/503").await.status, 503);
    assert_eq!(world.get("/hello").await.status, 200);
    for target in ["/echo?id=1", "/status/503", "/hello"] {
        ended(home, target).await;
    }
    let found = async |words: &[&str]| {
        let listed = home.run(&[&["exchanges", "list", "--json"], words].concat()).await;
        assert_eq!(listed.code, Some(0), "{words:?}: {listed:?}");
        let target = |line: &str| {
            serde_json::from_str::<Value>(line).expect("JSON")["target"]
                .as_str()
                .expect("a target")
                .to_owned()
        };
        listed.stdout.lines().map(target).collect::<Vec<_>>()
    };
    for (words, targets) in [
        (&["method:POST"][..], &["/echo?id=1"][..]),
        (&["status:5xx"], &["/status/503"]),
        (&["-status:5xx", "-method:POST"], &["/hello"]),
        (&["path:/status", "after:10m"], &["/status/503"]),
        (&["type:json", "header:stripe-signature"], &["/echo?id=1"]),
        (&[r#"body:"order_42""#], &["/echo?id=1"]),
        (&["order_42 host:app"], &["/echo?id=1"]),
        (&["is:failed"], &[]),
        (&["duration:>10m"], &[]),
        (&[], &["/hello", "/status/503", "/echo?id=1"]),
    ] {
        assert_eq!(found(words).await, targets, "{words:?}");
    }
    let none = home.run(&["exchanges", "list", "status:418"]).await;
    assert!(none.code == Some(0) && none.stdout.contains("No exchange matches the filter"), "{none:?}");
    let wrong = home.run(&["exchanges", "list", "metod:POST"]).await;
    assert!(wrong.code == Some(2) && wrong.stderr.contains("did you mean “method:”?"), "{wrong:?}");

    let row = ended(home, "/echo?id=1").await;
    let shown = home.run(&["exchanges", "show", &row["id"].to_string(), "--format", "curl"]).await;
    for part in
        ["curl ", "stripe-signature: t=1,v1=abc", "order_42", &format!("{}/echo?id=1", world.public_url)]
    {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
}

#[tokio::test]
async fn an_export_has_everything_but_secrets_and_a_file_is_private() {
    let world = World::new().await;
    let home = world.agent.home();
    let request = world
        .visitor()
        .request("POST", "/echo?token=hunter2&a=b")
        .header("Authorization", "Bearer hunter2")
        .header("Cookie", "sid=hunter2")
        .header("X-Api-Key", "hunter2")
        .header("X-Kept", "kept")
        .body("a body".to_owned())
        .expect("a request");
    assert_eq!(world.visitor().fetch(request).await.status, 200);
    assert_eq!(world.get("/status/404").await.status, 404);
    let row = ended(home, "/echo?token=hunter2&a=b").await;
    ended(home, "/status/404").await;

    let file = home.path().join("out.har");
    let path = file.to_str().expect("a path that is text");
    let written = home.run(&["exchanges", "export", "--output", path]).await;
    assert_eq!(written.code, Some(0), "{written:?}");
    let archive = std::fs::read_to_string(&file).expect("the archive");
    assert!(!archive.contains("hunter2") && archive.contains("kept") && archive.contains("a body"));
    let archive: Value = serde_json::from_str(&archive).expect("JSON");
    let entries = archive["log"]["entries"].as_array().expect("entries");
    assert_eq!(entries.len(), 2);
    assert!(entries[0]["request"]["url"].as_str().is_some_and(|url| url.ends_with("/echo?token=***&a=b")));
    assert_eq!(entries[1]["response"]["status"], 404);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("a file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    let again = home.run(&["exchanges", "export", "--output", path]).await;
    assert!(again.code == Some(2) && again.stderr.contains("out.har"), "nothing is overwritten: {again:?}");

    for (format, parts) in [("json", [r#""status":404"#, "a body"]), ("curl", ["curl ", "a body"])] {
        let shown = home.run(&["exchanges", "export", "--format", format]).await;
        assert!(!shown.stdout.contains("hunter2"), "{format}: {}", shown.stdout);
        assert!(parts.iter().all(|part| shown.stdout.contains(part)), "{format}: {}", shown.stdout);
    }
    let open = home.run(&["exchanges", "export", "--no-redact", "--format", "curl", "method:POST"]).await;
    assert!(open.stdout.contains("Bearer hunter2") && open.stdout.contains("token=hunter2"), "{open:?}");
    let one = home.run(&["exchanges", "show", &row["id"].to_string(), "--format", "har"]).await;
    let one: Value = serde_json::from_str(&one.stdout).expect("an archive");
    assert_eq!(one["log"]["entries"][0]["request"]["postData"]["text"], "a body");
    // What is kept stays as it came.
    assert!(shown(home, &row["id"]).await.to_string().contains("Bearer hunter2"));
}

#[tokio::test]
async fn exchanges_are_pinned_noted_and_deleted() {
    let world = World::new().await;
    let home = world.agent.home();
    for target in ["/status/201", "/status/202", "/status/203", "/status/204"] {
        world.get(target).await;
        ended(home, target).await;
    }
    let done = async |words: &[&str]| {
        let done = home.run(&[&["exchanges"], words].concat()).await;
        assert_eq!(done.code, Some(0), "{words:?}: {done:?}");
        done.stdout
    };
    let rows = listed(home).await;
    let id = |place: usize| rows[place]["id"].to_string();
    done(&["pin", &id(3)]).await;
    done(&["note", &id(3), "the one that failed"]).await;
    done(&["rm", &id(0)]).await;
    assert_eq!(done(&["clear", "status:202"]).await, "1 deleted\n");
    let everything = home.run(&["exchanges", "clear"]).await;
    assert!(everything.code == Some(2) && everything.stderr.contains("--all"), "{everything:?}");
    assert_eq!(done(&["clear", "--all"]).await, "1 deleted\n");
    let left = listed(home).await;
    assert_eq!((left.len(), &left[0]["pinned"]), (1, &true.into()));
    assert_eq!(left[0]["note"], "the one that failed");
    done(&["note", &id(3)]).await;
    done(&["unpin", &id(3)]).await;
    let left = listed(home).await;
    assert_eq!((&left[0]["pinned"], &left[0]["note"]), (&false.into(), &Value::Null));
    assert_eq!(done(&["clear", "--all"]).await, "1 deleted\n");
    assert!(listed(home).await.is_empty());
}

#[tokio::test]
async fn a_list_that_follows_goes_on_with_each_exchange_that_ends() {
    let world = World::new().await;
    let home = world.agent.home();
    assert_eq!(world.get("/hello").await.status, 200);
    ended(home, "/hello").await;
    let mut following = Agent::start(home, ["exchanges", "list", "--json", "--follow", "-status:404"]);
    // Whatever it was too early for comes again.
    let first = until("the first line", async || {
        world.get("/status/201").await;
        following.events().into_iter().next()
    })
    .await;
    assert_eq!((&first["target"], &first["state"]), (&"/status/201".into(), &"done".into()));
    let lines = following.process.line_count();
    world.get("/status/404").await;
    world.get("/status/202").await;
    following.event_after(lines, |row| row["target"] == "/status/202", "/status/202").await;
    let told = following.events();
    assert!(told.iter().all(|row| row["status"] == 201 || row["status"] == 202), "{told:?}");
    let mut ids: Vec<_> = told.iter().map(|row| row["id"].as_i64().expect("a number")).collect();
    ids.dedup();
    assert!(ids.is_sorted() && ids.len() == told.len(), "{ids:?}");
}
