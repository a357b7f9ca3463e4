//! Ends that nobody asked for: kept on this computer, told once.

use std::path::Path;

use porthole_testkit::Gateway;
use porthole_testkit::wait::eventually;
use rustix::process::{Pid, Signal, kill_process};

use crate::desk::Desk;
use crate::has_desktop;

const TOLD: &str = "Porthole ended unexpectedly the last time";

/// The reports in a folder of logs.
fn reports(logs: &Path, of: &str) -> Vec<String> {
    let entries = std::fs::read_dir(logs).into_iter().flatten().flatten();
    let reports = entries.filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("crash-") && name.ends_with(&format!("-{of}.txt"))
    });
    reports.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_killed_says_so_once_at_the_next_start_and_one_that_quit_says_nothing() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let logs = desk.data().join("logs");
    let told = || desk.notifications.all().iter().filter(|shown| shown.title == TOLD).count();
    let mut app = desk.app_of(&gateway).await;
    desk.tray.line(&["Connected"]).await;
    app.kill9();
    drop(app);
    for _ in 0..2 {
        let mut app = desk.app_of(&gateway).await;
        desk.notifications.wait(TOLD).await;
        desk.tray.line(&["Connected"]).await;
        app.signal(Signal::TERM);
        assert_eq!(app.exit_code().await, Some(0));
    }
    assert_eq!((reports(&logs, "porthole-desktop").len(), told()), (1, 1));
    let log = std::fs::read_to_string(logs.join("porthole-desktop.log")).expect("a log");
    assert!(log.contains(" INFO "), "{log}");
    let token = gateway.token("bob", &[]).await.token;
    assert!(!log.contains(token.split('.').next().unwrap_or("eyJ")), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_killed_leaves_a_report_and_the_app() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let app = desk.app(&[]);
    eventually("the window", || desk.has_window("Porthole")).await;
    let child = format!("/proc/{0}/task/{0}/children", app.pid());
    let children = std::fs::read_to_string(child).expect("the app has children");
    let is_window = |pid: &i32| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        name.trim() == "porthole-window"
    };
    let window = children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_window);
    let window = window.and_then(Pid::from_raw).expect("the window's program");
    kill_process(window, Signal::KILL).expect("it is ours");
    desk.notifications.wait("The window is gone").await;
    let logs = desk.data().join("logs");
    eventually("a report", || !reports(&logs, "porthole-window").is_empty()).await;
    let report = reports(&logs, "porthole-window").remove(0);
    assert!(report.contains("signal: 9"), "{report}");
    desk.tray.click(&["Open Porthole"]).await;
    eventually("another window", || desk.has_window("Porthole")).await;
}
