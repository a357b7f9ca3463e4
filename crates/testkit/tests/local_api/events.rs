//! What happens, live.

use porthole_testkit::wait::until;
use porthole_testkit::{LocalPage, World};

#[tokio::test]
async fn events_begin_with_a_snapshot_and_go_on_with_changes_by_id() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await.browser().await;
    let mut events = page.events().await;
    let (name, snapshot) = events.next().await.expect("a first event");
    assert_eq!((name.as_str(), &snapshot["status"]["state"]), ("snapshot", &"connected".into()));
    assert_eq!(snapshot["mappings"][0]["state"], "live");
    assert_eq!(snapshot["last_exchange"], 0);

    assert_eq!(world.get("/hello").await.status, 200);
    let told = events.find("exchange", |row| row["target"] == "/hello").await;
    assert_eq!(told, page.read("/exchanges?filter=path:/hello").await["exchanges"][0]);

    let home = world.agent.home().clone();
    let mut second = world.start_agent(&home, &world.service.port().to_string(), &["--name", "second"]);
    second.ready().await;
    let mapping = events.find("mapping", |mapping| mapping["state"] == "live").await;
    assert_eq!((&mapping["name"], &mapping["source"]), (&"second".into(), &"command".into()));
    second.process.signal(rustix::process::Signal::TERM);
    let gone = events.find("mapping-gone", |_| true).await;
    assert_eq!(gone["id"], mapping["id"]);

    let mut log = page.events().await;
    log.next().await.expect("a snapshot");
    world.gateway.process.kill9();
    let lost = log.find("connection", |told| told["entry"]["event"] == "disconnected").await;
    let read = page.read("/connections").await;
    assert!(read["entries"].as_array().expect("entries").contains(&lost["entry"]), "{lost} {read}");
    let away = events.find("status", |status| status["state"] == "waiting").await;
    assert!(away["code"].is_string() && away["message"].is_string(), "{away}");
    until("the mapping is no longer told as live", async || {
        let mappings = page.read("/mappings").await;
        (mappings["mappings"][0]["state"] == "connecting").then_some(())
    })
    .await;

    world.agent.process.signal(rustix::process::Signal::TERM);
    while events.next().await.is_some() {}
    assert_eq!(world.agent.process.exit_code().await, Some(0));
}
