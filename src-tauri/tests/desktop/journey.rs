//! The day of a developer: expose a port from the tray, look at what comes through, send it again.

use std::path::Path;

use porthole_testkit::LocalService;

use crate::browser::Browser;
use crate::desk::Desk;
use crate::has_desktop;

#[tokio::test(flavor = "multi_thread")]
async fn a_port_exposed_from_the_tray_answers_and_what_comes_is_seen_in_the_window_and_sent_again() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let service = LocalService::sample().await;
    let expose = async {
        let visitor = desk.expose(&service).await;
        assert_eq!(visitor.get("/hello?from=the-tray").await.status, 200);
        desk.tray.click(&["Open Porthole"]).await;
    };
    // Nothing but the tray, until the window is asked for there.
    let browser = Browser::start(&desk, &["--hidden"], expose).await;
    let row = "[role=row][aria-label^='GET /hello']";
    browser.count(row, 1).await;
    browser.click(row, "").await;
    browser.click("button", "Replay").await;
    browser.count(row, 2).await;
    assert_eq!(service.seen().iter().filter(|seen| seen.target.starts_with("/hello")).count(), 2);
    if let Some(folder) = std::env::var_os("PORTHOLE_SCREENSHOTS") {
        browser.screenshot(&Path::new(&folder).join("window.png")).await;
    }
    browser.end().await;
}
