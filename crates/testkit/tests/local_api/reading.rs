//! Lists, single exchanges and bodies.

use porthole_testkit::{LocalPage, World};
use serde_json::json;

use crate::ended;

#[tokio::test]
async fn an_exchange_is_listed_shown_and_its_bodies_come_as_bytes_and_never_as_a_page() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let html = "<script>alert(1)</script>";
    let request = world.visitor().request("POST", "/echo").header("Content-Type", "text/html; charset=utf-8");
    let request = request.header("X-Twice", "1").header("X-Twice", "2").body(html.to_owned());
    assert_eq!(world.visitor().fetch(request.expect("a request")).await.status, 200);
    let row = ended(&page, "/echo").await;
    let id = &row["id"];
    let shown = page.read(&format!("/exchanges/{id}")).await;
    for (key, value) in row.as_object().expect("a row") {
        assert_eq!(&shown[key], value, "{key}");
    }
    let half = &shown["request"];
    assert_eq!(half["line"], "POST /echo HTTP/1.1");
    assert_eq!((&half["media_type"], &half["charset"]), (&"text/html".into(), &"utf-8".into()));
    assert_eq!((&half["body_bytes"], &half["truncated"]), (&html.len().into(), &false.into()));
    let fields = half["fields"].as_array().expect("fields");
    let twice: Vec<_> = fields.iter().filter(|field| field[0] == "x-twice").map(|field| &field[1]).collect();
    assert_eq!(twice, ["1", "2"]);
    assert_eq!(shown["replays"], json!([]));

    for (side, view) in [("request", "raw"), ("response", "decoded")] {
        let body = page.get(&format!("/api/v1/exchanges/{id}/{side}/body?view={view}")).await;
        assert_eq!((body.status, body.text().as_str()), (200, html));
        assert_eq!(body.field("content-type"), Some("application/octet-stream"));
        assert_eq!(body.field("content-disposition"), Some("attachment"));
        assert_eq!(body.field("content-security-policy"), Some("sandbox"));
        assert_eq!(body.field("x-content-type-options"), Some("nosniff"));
        assert_eq!(body.field("porthole-truncated"), Some("false"));
        assert_eq!(body.field("porthole-decode-error"), None);
    }
    let media = page.get(&format!("/api/v1/exchanges/{id}/request/body")).await;
    assert_eq!(media.field("porthole-media-type"), Some("text/html"));
    for (format, part) in [("curl", "curl "), ("fetch", "fetch("), ("httpie", "http "), ("raw", "POST /echo")]
    {
        let copied = page.read(&format!("/exchanges/{id}/copy/{format}")).await;
        assert!(copied["text"].as_str().is_some_and(|text| text.contains(part)), "{format}: {copied}");
    }
}

#[tokio::test]
async fn a_list_goes_on_page_by_page_and_a_filter_narrows_it() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    for number in 0..5 {
        assert_eq!(world.get(&format!("/status/{}", 200 + number)).await.status, 200 + number);
    }
    ended(&page, "/status/204").await;
    let mut seen = Vec::new();
    let mut before = String::new();
    loop {
        let list = page.read(&format!("/exchanges?limit=2{before}")).await;
        let rows = list["exchanges"].as_array().expect("rows");
        assert!((1..=2).contains(&rows.len()), "{list}");
        if before.is_empty() {
            assert_eq!(list["total"], 5);
        }
        seen.extend(rows.iter().filter_map(|row| row["status"].as_u64()));
        match list["next_before"].as_i64() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [204, 203, 202, 201, 200]);
    let some = page.read("/exchanges?filter=status:203%20-is:failed").await;
    assert_eq!((&some["total"], &some["exchanges"][0]["status"]), (&1.into(), &203.into()));
    let bad = page.get("/api/v1/exchanges?filter=nonsense:1").await;
    assert_eq!((bad.status, &bad.json()["code"]), (422, &"invalid-filter".into()));
    assert!(bad.json()["fields"]["filter"].as_str().is_some_and(|text| text.contains("nonsense")));
    for (path, status, code) in [
        ("/exchanges?limit=x", 400, "invalid-query"),
        ("/exchanges/12345", 404, "no-exchange"),
        ("/exchanges/x", 404, "not-found"),
        ("/exchanges/1/nothing/body", 404, "not-found"),
        ("/mappings/nothing", 404, "no-mapping"),
    ] {
        let reply = page.get(&format!("/api/v1{path}")).await;
        assert_eq!((reply.status, &reply.json()["code"]), (status, &code.into()), "{path}");
        assert_eq!(reply.field("content-type"), Some("application/problem+json"));
    }
}

#[tokio::test]
async fn the_status_and_the_mappings_are_those_of_the_engine() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let status = page.read("/status").await;
    assert_eq!((&status["state"], &status["trial"]), (&"connected".into(), &false.into()));
    assert_eq!(status["gateway"], world.gateway.url());
    assert_eq!(status["capture"]["state"], "running");
    assert_eq!(status["pid"], world.agent.process.pid());
    assert!(status["connected_since_us"].is_i64() && status["session_id"].is_string(), "{status}");
    let mappings = page.read("/mappings").await;
    let mapping = &mappings["mappings"][0];
    assert_eq!((&mapping["name"], &mapping["state"]), (&"app".into(), &"live".into()));
    assert_eq!(
        (&mapping["source"], &mapping["public_url"]),
        (&"command".into(), &world.public_url.clone().into())
    );
    assert_eq!(mapping["target"], format!("http://localhost:{}", world.service.port()));
    let one = page.read(&format!("/mappings/{}", mapping["id"].as_str().expect("an id"))).await;
    assert_eq!(one, *mapping);
}
