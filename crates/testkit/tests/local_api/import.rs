//! Archives that come in: through the API, and by the command with an engine and without.

use porthole_testkit::agent::Home;
use porthole_testkit::exchanges::{listed, shown};
use porthole_testkit::{LocalPage, World};
use serde_json::{Value, json};

use crate::ended;

/// The largest archive there may be.
const ARCHIVE_BYTES: usize = 64 * 1024 * 1024;

/// Without what an archive says of the one that it was exported from.
fn entries(archive: &Value) -> Vec<Value> {
    let mut entries = archive["log"]["entries"].as_array().expect("entries").clone();
    for entry in &mut entries {
        entry["_porthole"]["id"] = Value::Null;
    }
    entries
}

#[tokio::test]
async fn what_one_porthole_exported_another_takes_in_and_exports_the_same() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await.browser().await;
    for path in ["/orders?x=1", "/bytes/100", "/status/503"] {
        world.get(path).await;
        ended(&page, path).await;
    }
    let archive = page.get("/api/v1/exchanges/export?redact=false").await.text();
    let mut events = page.events().await;
    let imported = page
        .send(
            page.request("POST", "/api/v1/exchanges/import").header("content-type", "application/json"),
            archive.clone(),
        )
        .await;
    let report = imported.json();
    assert_eq!(
        (imported.status, &report["taken_in"], &report["left_out"]),
        (200, &3.into(), &0.into()),
        "{report}"
    );
    let told = events.find("exchange", |row| row["id"] == report["first_id"]).await;
    assert_eq!((&told["source"], &told["target"]), (&"import".into(), &"/orders?x=1".into()));
    let original = ended(&page, "/orders?x=1").await;
    assert_eq!(told["mapping_id"], original["mapping_id"], "its URL is the mapping's");
    let again = page.get("/api/v1/exchanges/export?redact=false&filter=is:import").await.json();
    let before: Value = serde_json::from_str(&archive).expect("JSON");
    assert_eq!(entries(&again), entries(&before));
    let one =
        page.get(&format!("/api/v1/exchanges/export?redact=false&id={}", report["last_id"])).await.json();
    assert_eq!(entries(&one), entries(&before)[2..], "one of them alone");
    let picked = format!("{},{}", report["last_id"], report["first_id"]);
    let picked = page.get(&format!("/api/v1/exchanges/export?redact=false&ids={picked}")).await.json();
    let [first, _, last] = entries(&before).try_into().expect("three");
    assert_eq!(entries(&picked), [last, first], "those that are named, in this order");
    for (which, status) in [("id=99999", 404), ("ids=1,99999", 404), ("ids=1,x", 422)] {
        assert_eq!(page.get(&format!("/api/v1/exchanges/export?{which}")).await.status, status, "{which}");
    }
    let stats = page.read("/stats").await;
    let requests = |point: &Value| point["requests"].as_u64();
    let counted: u64 = stats["points"].as_array().expect("points").iter().filter_map(requests).sum();
    assert_eq!(counted, 3, "what was imported is no traffic");

    // What is asked for next has a number of its own.
    world.get("/after").await;
    assert!(ended(&page, "/after").await["id"].as_i64() > report["last_id"].as_i64());
}

#[tokio::test]
async fn an_archive_that_is_none_is_refused_in_a_sentence_that_names_the_place() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let post = || page.request("POST", "/api/v1/exchanges/import").header("content-type", "application/json");
    let good =
        json!({"startedDateTime": "2026-01-31T10:00:00Z", "request": {"method": "GET", "url": "http://a/"}});
    let bad = json!({"startedDateTime": "2026-01-31T10:00:00Z", "request": {"method": "GET", "url": "/a"}});
    let refused = page.send(post(), json!({"log": {"entries": [good, bad]}}).to_string()).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &"invalid-archive".into()));
    assert_eq!(refused.json()["detail"], "entry 2: request.url is no URL with a scheme and a host");
    let nothing = page.send(post(), "no JSON").await;
    assert_eq!((nothing.status, &nothing.json()["code"]), (400, &"invalid-archive".into()));
    let large = page.send(post(), vec![b' '; ARCHIVE_BYTES + 1]).await;
    assert_eq!((large.status, &large.json()["code"]), (413, &"too-large".into()));
    assert_eq!(large.json()["detail"], "the archive is larger than 64 MiB");
    let list = page.read("/exchanges").await;
    assert_eq!(list["exchanges"], json!([]), "nothing of it was taken in");
}

/// What `porthole exchanges import` says.
async fn import(home: &Home, file: &str) -> Value {
    let finished = home.run(&["exchanges", "import", "--json", file]).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).expect("one JSON object")
}

#[tokio::test]
async fn the_command_takes_an_archive_in_with_an_engine_and_without() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    world.get("/orders").await;
    ended(&page, "/orders").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.har");
    let file = file.to_str().expect("text");
    let home = world.agent.home();
    let exported = home.run(&["exchanges", "export", "--no-redact", "-o", file]).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");

    let with_engine = import(home, file).await;
    assert_eq!((&with_engine["taken_in"], &with_engine["left_out"]), (&1.into(), &0.into()));
    let shown = shown(home, &with_engine["first_id"]).await;
    assert_eq!((&shown["source"], &shown["target"]), (&"import".into(), &"/orders".into()));

    let alone = Home::new();
    assert_eq!(import(&alone, file).await["first_id"], 1);
    assert_eq!(import(&alone, file).await["first_id"], 2);
    let sources: Vec<Value> = listed(&alone).await.into_iter().map(|row| row["source"].clone()).collect();
    assert_eq!(sources, ["import", "import"]);
    let missing = alone.run(&["exchanges", "import", "/nowhere.har"]).await;
    assert_eq!(missing.code, Some(2), "{missing:?}");
}
