//! Pins, notes, what is forgotten, what differs, and charts.

use porthole_testkit::{LocalPage, World};
use serde_json::{Value, json};

use crate::ended;

#[tokio::test]
async fn an_exchange_is_pinned_noted_and_outlives_what_is_cleared() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await.browser().await;
    let mut events = page.events().await;
    for path in ["/status/200", "/status/404", "/status/204"] {
        world.get(path).await;
    }
    ended(&page, "/status/204").await;
    let id = ended(&page, "/status/404").await["id"].clone();
    let path = format!("/exchanges/{id}");
    let changed = page.call("PATCH", &path, &json!({"pinned": true, "note": "look here"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!((&changed.json()["pinned"], &changed.json()["note"]), (&true.into(), &"look here".into()));
    let told = events.find("exchange", |row| row["pinned"] == true).await;
    assert_eq!(told, changed.json());
    let unnoted = page.call("PATCH", &path, &json!({"note": null})).await.json();
    assert_eq!((&unnoted["pinned"], &unnoted["note"]), (&true.into(), &Value::Null));
    let listed = page.call("PATCH", &path, &json!([true, "by its place"])).await;
    assert_eq!((listed.status, &listed.json()["code"]), (422, &"invalid-body".into()));
    let long = page.call("PATCH", &path, &json!({"note": "x".repeat(100_000)})).await;
    assert_eq!((long.status, &long.json()["code"]), (422, &"long-note".into()));

    let some = page.call("DELETE", "/exchanges", &json!({"filter": "status:204"})).await;
    assert_eq!((some.status, some.json()), (200, json!({"deleted": 1})));
    events.find("exchanges-changed", |_| true).await;
    let bad = page.call("DELETE", "/exchanges", &json!({"filter": "status:x"})).await;
    assert_eq!((bad.status, bad.json()["fields"]["filter"].is_string()), (422, true));
    assert_eq!(
        page.send(page.request("DELETE", "/api/v1/exchanges"), "").await.status,
        415,
        "said in so many words"
    );
    let all = page.call("DELETE", "/exchanges", &json!({})).await;
    assert_eq!(all.json(), json!({"deleted": 1}));
    assert_eq!(
        page.read("/exchanges").await["exchanges"].as_array().map(Vec::len),
        Some(1),
        "the pinned one"
    );
    assert_eq!(page.call("DELETE", &path, &Value::Null).await.status, 204);
    for method in ["GET", "PATCH", "DELETE"] {
        assert_eq!(page.call(method, &path, &json!({})).await.status, 404, "{method}");
    }
}

#[tokio::test]
async fn two_answers_are_compared_and_what_came_lately_is_counted() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    for (path, body) in [("/echo?1", r#"{"id": 1, "same": true}"#), ("/echo?2", r#"{"id": 2, "same": true}"#)]
    {
        let request = world.visitor().request("POST", path).header("content-type", "application/json");
        world.visitor().fetch(request.body(body.to_owned()).expect("a request")).await;
    }
    world.get("/status/500").await;
    let (one, two) = (ended(&page, "/echo?1").await, ended(&page, "/echo?2").await);
    let failed = ended(&page, "/status/500").await;
    let path = format!("/exchanges/{}/diff/{}", one["id"], two["id"]);
    let difference = page.read(&path).await["body"]["difference"].clone();
    assert_eq!((&difference["kind"], &difference["changes"][0]["path"]), (&"json".into(), &"$.id".into()));
    let ignored = page.read(&format!("{path}?ignore=$.id,header:date")).await;
    assert_eq!(ignored["body"]["difference"]["changes"], json!([]), "{ignored}");
    let status = page.read(&format!("/exchanges/{}/diff/{}", one["id"], failed["id"])).await;
    assert_eq!(status["status"], json!({"before": 200, "after": 500}));
    let bad = page.get(&format!("/api/v1{path}?ignore=nonsense")).await;
    assert_eq!((bad.status, bad.json()["fields"]["ignore"].is_string()), (422, true));

    let stats = page.read("/stats").await;
    let points = stats["points"].as_array().expect("points");
    assert_eq!((points.len(), &stats["step_ms"]), (60, &60_000.into()));
    let sum = |pointer: &str| points.iter().filter_map(|point| point.pointer(pointer)?.as_u64()).sum::<u64>();
    assert_eq!((sum("/requests"), sum("/status/2xx"), sum("/status/5xx")), (3, 2, 1));
    assert!(points.iter().any(|point| point["p95_us"].is_i64()), "{stats}");
    let other = page.read("/stats?mapping_id=nobody&minutes=5").await;
    let requests = |stats: &Value| {
        stats["points"].as_array().expect("points").iter().any(|point| point["requests"] != 0)
    };
    assert!(requests(&stats) && !requests(&other));
    assert_eq!(page.get("/api/v1/stats?minutes=0").await.status, 400);
}
