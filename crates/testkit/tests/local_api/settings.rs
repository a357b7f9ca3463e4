//! What is kept, and for how long.

use porthole_testkit::wait::until;
use porthole_testkit::{LocalPage, World};
use rustix::process::Signal;
use serde_json::json;

use crate::ended;

#[tokio::test]
async fn settings_take_effect_at_once_and_outlive_the_engine() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let mut events = page.events().await;
    let mut settings = page.read("/settings").await;
    assert_eq!((&settings["keep_days"], &settings["capture"]), (&7.into(), &true.into()));
    settings["body_bytes"] = 3.into();
    let put = page.call("PUT", "/settings", &settings).await;
    assert_eq!((put.status, put.json()), (200, settings.clone()));
    assert_eq!(events.find("settings", |_| true).await, settings);
    assert_eq!(world.get("/hello").await.text(), "hello");
    let row = ended(&page, "/hello").await;
    assert_eq!((&row["response_bytes"], &row["response_kept"]), (&5.into(), &3.into()));

    settings["capture"] = false.into();
    assert_eq!(page.call("PUT", "/settings", &settings).await.status, 200);
    let status = events.find("status", |status| status["capture"]["state"] == "paused").await;
    assert!(status["capture"]["reason"].is_string(), "{status}");
    assert_eq!(world.get("/status/204").await.status, 204);
    settings["capture"] = true.into();
    assert_eq!(page.call("PUT", "/settings", &settings).await.status, 200);
    assert_eq!(world.get("/status/201").await.status, 201);
    ended(&page, "/status/201").await;
    let list = page.read("/exchanges").await;
    assert!(!list.to_string().contains("/status/204"), "{list}");

    world.agent.process.signal(Signal::TERM);
    assert_eq!(world.agent.process.exit_code().await, Some(0));
    world.agent.restart();
    let page = LocalPage::of(&mut world.agent).await;
    assert_eq!(page.read("/settings").await, settings);
}

#[tokio::test]
async fn fewer_exchanges_are_kept_from_now_on_without_waiting_for_the_next_one() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    for number in 0..110 {
        world.get(&format!("/status/200?{number}")).await;
    }
    ended(&page, "/status/200?109").await;
    let mut settings = page.read("/settings").await;
    settings["keep_exchanges"] = 100.into();
    assert_eq!(page.call("PUT", "/settings", &settings).await.status, 200);
    until("the oldest are forgotten", async || {
        (page.read("/exchanges?limit=1000").await["total"].as_i64()? <= 100).then_some(())
    })
    .await;
}

#[tokio::test]
async fn settings_out_of_bounds_are_told_field_by_field_and_change_nothing() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let before = page.read("/settings").await;
    let mut wrong = before.clone();
    for field in ["keep_days", "keep_exchanges", "keep_bytes", "body_bytes"] {
        wrong[field] = json!(-1);
    }
    let refused = page.call("PUT", "/settings", &wrong).await;
    assert_eq!((refused.status, &refused.json()["code"]), (422, &"invalid-settings".into()));
    assert_eq!(refused.json()["fields"].as_object().map(serde_json::Map::len), Some(4), "{}", refused.text());
    for body in [json!({}), json!({"keep_days": "x"}), json!({"nonsense": 1})] {
        let refused = page.call("PUT", "/settings", &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (422, &"invalid-body".into()), "{body}");
    }
    assert_eq!(page.read("/settings").await, before);
}

#[tokio::test]
async fn how_the_app_behaves_is_kept_by_whoever_has_the_engine_and_told_to_everybody() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let mut events = page.events().await;
    let mut settings = page.read("/app").await;
    assert_eq!((&settings["keep_in_tray"], &settings["start_at_login"]), (&true.into(), &false.into()));
    settings["notify_link"] = false.into();
    let put = page.call("PUT", "/app", &settings).await;
    assert_eq!((put.status, put.json()), (200, settings.clone()));
    assert_eq!(events.find("app", |_| true).await, settings);
    let refused = page.call("PUT", "/app", &json!({"keep_in_tray": 1})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (422, &"invalid-body".into()));
    assert_eq!(page.read("/app").await, settings);
}
