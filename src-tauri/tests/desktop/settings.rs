//! What a person chooses about the app, and what it tells of itself.

use std::path::Path;

use porthole_agent::app_settings::AppSettings;
use porthole_testkit::wait::{eventually, until};
use porthole_testkit::{Gateway, LocalService};

use crate::browser::Browser;
use crate::desk::Desk;
use crate::has_desktop;

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_window_leaves_the_app_in_the_tray_which_is_told_once_or_quits_it_if_one_likes() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let mut app = desk.app(&[]);
    for _ in 0..2 {
        eventually("the window", || desk.has_window("Porthole")).await;
        desk.close_window("Porthole").await;
        desk.notifications.wait("Porthole keeps running in the tray").await;
        eventually("the end of the window", || !desk.has_window("Porthole")).await;
        desk.tray.click(&["Open Porthole"]).await;
    }
    eventually("the window", || desk.has_window("Porthole")).await;
    desk.choose(&AppSettings { keep_in_tray: false, ..AppSettings::default() }).await;
    desk.close_window("Porthole").await;
    assert_eq!(app.exit_code().await, Some(0), "it quits with its window");
    let told = desk.notifications.all();
    let kept = told.iter().filter(|notification| notification.title.contains("keeps running"));
    assert_eq!(kept.count(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_at_login_is_an_entry_in_the_autostart_folder_which_the_desktop_may_take_away() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let entry = desk.config().join("autostart/porthole.desktop");
    let starts = AppSettings { start_at_login: true, ..AppSettings::default() };
    let mut app = desk.app(&["--hidden"]);
    desk.tray.line(&["Connected"]).await;
    assert!(!entry.exists(), "nobody asked for it");
    desk.choose(&starts).await;
    let read = || std::fs::read_to_string(&entry).unwrap_or_default();
    let exec = format!("Exec=\"{}\" --hidden\n", crate::desk::program().display());
    eventually("the entry", || read().contains(&exec)).await;
    desk.choose(&AppSettings::default()).await;
    eventually("no entry", || !entry.exists()).await;
    desk.choose(&starts).await;
    eventually("the entry again", || read().contains(&exec)).await;
    desk.tray.click(&["Quit"]).await;
    assert_eq!(app.exit_code().await, Some(0));

    std::fs::remove_file(&entry).expect("the desktop's own settings take it away");
    let _app = desk.app(&["--hidden"]);
    until("that holds in the app's settings", async || {
        let settings: AppSettings = desk.client().get("/app").await.ok()?;
        (!settings.start_at_login).then_some(())
    })
    .await;
    assert!(!Path::new(&entry).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_on_a_notification_opens_its_exchange_and_what_nobody_wants_is_not_told() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let service = LocalService::sample().await;
    let meanwhile = async {
        let visitor = desk.expose(&service).await;
        assert_eq!(visitor.get("/hello").await.status, 200);
        desk.notifications.wait("First visitor on").await;
        // A daemon that is asked before the app listens for its answer is asked again, as by somebody impatient.
        until("the window", async || {
            desk.notifications.click("First visitor on").await;
            desk.has_window("Porthole").then_some(())
        })
        .await;
        visitor
    };
    let (browser, visitor) = Browser::with(&desk, &["--hidden"], &gateway, meanwhile).await;
    browser.count("[aria-label^='GET /hello'][aria-selected=true]", 1).await;
    desk.choose(&AppSettings { notify_service: false, ..AppSettings::default() }).await;
    drop(service);
    assert_eq!(visitor.get("/hello").await.status, 502);
    desk.tray.line(&["Last failure: GET /hello"]).await;
    let told = desk.notifications.all();
    assert!(told.iter().all(|notification| !notification.title.contains("not answer")), "{told:?}");
    browser.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_opens_no_port_until_somebody_wants_its_api_over_http() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let _app = desk.app_of(&gateway).await;
    desk.tray.line(&["Connected"]).await;
    let url = async || -> Option<Option<String>> {
        let status: serde_json::Value = desk.client().get("/status").await.ok()?;
        Some(status["page_url"].as_str().map(str::to_owned))
    };
    assert_eq!(url().await, Some(None));
    desk.choose(&AppSettings { local_api: true, ..AppSettings::default() }).await;
    let opened = until("an address", async || url().await?).await;
    let door = porthole_testkit::LocalPage::at(&opened);
    assert_eq!(door.visitor.get("/api/v1/health").await.status, 200);
    assert_eq!(door.visitor.get("/api/v1/mappings").await.status, 401, "not without the key");
    desk.choose(&AppSettings::default()).await;
    until("no address", async || url().await.filter(Option::is_none)).await;
    desk.tray.line(&["Connected"]).await;
}
