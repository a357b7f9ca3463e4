//! Sending again, conversations, and the log of the link.

use futures_util::{SinkExt, StreamExt};
use porthole_testkit::exchanges::{ended, exchange};
use porthole_testkit::wait::{until, within};
use porthole_testkit::{LocalPage, LocalService, World};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn a_request_is_sent_again_as_it_was_edited_and_several_times() {
    let (service, received) = LocalService::recording(|_| OK.to_owned()).await;
    let mut world = World::of(service).await;
    let page = LocalPage::of(&mut world.agent).await;
    assert_eq!(world.visitor().post("/hook", "as it was").await.status, 200);
    let original = ended(world.agent.home(), "/hook").await;
    let path = format!("/exchanges/{}/replay", original["id"]);

    let plain = page.call("POST", &path, &json!({})).await;
    assert_eq!(plain.status, 200, "{}", plain.text());
    let id = &plain.json()["exchanges"][0];
    let again = page.read(&format!("/exchanges/{id}")).await;
    assert_eq!((&again["source"], &again["original_id"]), (&"replay".into(), &original["id"]));
    assert_eq!(page.read(&format!("/exchanges/{}", original["id"])).await["replays"], json!([id]));
    let requests = received.requests();
    assert!(requests.len() == 2 && requests[0] == requests[1], "{requests:#?}");

    let edit = json!({
        "method": "PUT",
        "target": "/edited",
        "fields": [["Host", "x"], ["X-New", "1"]],
        "body": "AP8=",
        "body_encoding": "base64",
        "times": 2,
    });
    let edited = page.call("POST", &path, &edit).await;
    assert_eq!(edited.json()["exchanges"].as_array().map(Vec::len), Some(2), "{}", edited.text());
    assert!(
        received
            .connections()
            .concat()
            .ends_with(b"PUT /edited HTTP/1.1\r\nHost: x\r\nX-New: 1\r\nContent-Length: 2\r\n\r\n\x00\xff")
    );

    let both = json!({ "ids": [original["id"], id] });
    let both = page.call("POST", "/exchanges/replay", &both).await.json();
    assert_eq!(both["exchanges"].as_array().map(Vec::len), Some(2), "{both}");
    for (path, input, status, code) in [
        (path.as_str(), json!({ "times": 101 }), 422, "invalid-replay"),
        (&path, json!({ "body": "!", "body_encoding": "base64" }), 422, "invalid-replay"),
        (&path, json!({ "target": "no-slash" }), 422, "invalid-replay"),
        (&path, json!({ "to_target": "http://192.0.2.1" }), 422, "target-not-named"),
        (&path, json!({ "mapping_id": "nothing" }), 422, "no-mapping"),
        ("/exchanges/12345/replay", json!({}), 404, "no-exchange"),
        ("/exchanges/replay", json!({ "ids": [] }), 422, "invalid-replay"),
        ("/exchanges/replay", json!({ "ids": [original["id"], 12345] }), 404, "no-exchange"),
        ("/exchanges/replay", json!({ "ids": [original["id"]], "time": 2 }), 422, "invalid-body"),
    ] {
        let refused = page.call("POST", path, &input).await;
        assert_eq!((refused.status, &refused.json()["code"]), (status, &code.into()), "{input}");
    }
    assert_eq!(received.requests().len(), 6, "what is refused is not sent");
}

#[tokio::test]
async fn a_conversation_comes_message_by_message() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let mut socket = world.visitor().websocket("/ws").await;
    for number in 0..3 {
        socket.send(Message::text(format!("message {number}"))).await.expect("the socket is open");
        within("the echo", socket.next()).await.expect("open").expect("a message");
    }
    let row = exchange(world.agent.home(), "/ws", |row| row["frames"] == 6).await;
    let path = format!("/exchanges/{}/frames", row["id"]);
    let first = page.read(&format!("{path}?limit=4")).await;
    assert_eq!((first["frames"].as_array().map(Vec::len), &first["next_after"]), (Some(4), &3.into()));
    let rest = page.read(&format!("{path}?after=3")).await;
    let told: Vec<_> = rest["frames"].as_array().expect("rows").iter().map(|row| &row["payload"]).collect();
    assert_eq!(told, ["message 2", "message 2"]);
    assert_eq!((&rest["frames"][0]["from_visitor"], &rest["next_after"]), (&true.into(), &Value::Null));
    let none = page.get("/api/v1/exchanges/12345/frames").await;
    assert_eq!((none.status, &none.json()["code"]), (404, &"no-exchange".into()));
}

#[tokio::test]
async fn the_log_tells_when_the_link_was_there_and_why_not() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let logged = async |wanted: &dyn Fn(&[Value]) -> bool| {
        until("the log", async || {
            let log = page.read("/connections").await;
            wanted(log["entries"].as_array().expect("entries")).then_some(log)
        })
        .await
    };
    let log = logged(&|entries| entries.len() == 1 && entries[0]["latency_ms"].is_number()).await;
    let first = &log["entries"][0];
    assert_eq!((&first["event"], &first["tries"]), (&"connected".into(), &1.into()));
    assert_eq!(first["agent_version"], first["gateway_version"]);
    assert_eq!(log["summary"]["success_ratio"], 1.0);

    assert_eq!(page.call("POST", "/reconnect", &json!({})).await.status, 202);
    let log = logged(&|entries| entries.len() == 3).await;
    let told: Vec<_> = (0..3).map(|line| &log["entries"][line]["event"]).collect();
    assert_eq!(told, ["connected", "disconnected", "connected"], "the newest first");
    let lost = &log["entries"][1];
    assert_eq!(lost["code"], "reconnect");
    assert!(lost["lasted_ms"].is_number() && log["entries"][0]["away_ms"].is_number(), "{log}");
    assert!(log["summary"]["median_reconnect_ms"].is_number(), "{log}");
    assert_eq!(page.read("/connections?limit=1").await["entries"].as_array().map(Vec::len), Some(1));
    let status = world.agent.home().run(&["status"]).await;
    assert!(status.stdout.contains("A new link was asked for."), "{status:?}");
    assert!(status.stdout.contains("capture   running"), "{status:?}");
}
