//! Starts, ends, and what stays in between.

use porthole_testkit::wait::{eventually, until};
use porthole_testkit::{Gateway, process};
use rustix::process::Signal;
use serde_json::json;

use crate::browser::Browser;
use crate::desk::{Desk, program};
use crate::has_desktop;

/// What the first line of the tray says once all is well.
const CONNECTED: &str = "Connected to the trial gateway";

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_start_shows_the_tray_and_a_second_one_the_window_of_the_first() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let mut app = desk.app(&["--hidden"]);
    desk.tray.line(&[CONNECTED]).await;
    assert!(!desk.has_window("Porthole"), "it was to start hidden");
    let second = process::finish("a second start", desk.command(program())).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    eventually("the window of the first", || desk.has_window("Porthole")).await;
    assert_eq!(desk.tray.items(), 1, "there is one app");
    desk.tray.click(&["Quit"]).await;
    assert_eq!(app.exit_code().await, Some(0));
    assert!(!desk.has_window("Porthole"), "the window has left with the app");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_closed_leaves_the_app_in_the_tray_and_comes_back_from_there() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let mut app = desk.app(&[]);
    for _ in 0..2 {
        eventually("the window", || desk.has_window("Porthole")).await;
        desk.close_window("Porthole").await;
        eventually("the end of the window", || !desk.has_window("Porthole")).await;
        desk.tray.line(&[CONNECTED]).await;
        assert!(app.is_running());
        desk.tray.click(&["Open Porthole"]).await;
    }
    eventually("the window", || desk.has_window("Porthole")).await;
    app.signal(Signal::TERM);
    assert_eq!(app.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_a_terminal_and_the_app_share_one_engine_whoever_was_first() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let mut command = desk.command(porthole_testkit::binaries::agent());
    command.args(["http", "65001", "--name", "of-the-terminal", "--json"]);
    let mut terminal = process::Process::start("porthole", command);
    terminal.line("ready", |line| line.contains("\"ready\"").then_some(())).await;
    let mut app = desk.app(&["--hidden"]);
    desk.tray.line(&["of-the-terminal"]).await;
    // The engine ends with its command, and the app takes its place.
    terminal.signal(Signal::INT);
    assert_eq!(terminal.exit_code().await, Some(0));
    eventually("the app's own engine", || app.stderr().contains("trial gateway")).await;
    desk.tray.line(&[CONNECTED]).await;
    app.signal(Signal::TERM);
    assert_eq!(app.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_app_can_be_quit_from_its_window() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let (browser, ()) = Browser::with(&desk, &[], &gateway, async {}).await;
    browser.run("location.hash = '#/settings';", json!([])).await;
    browser.click_at_last("button", "Quit Porthole").await;
    let gone = async || desk.client().get::<serde_json::Value>("/status").await.is_err().then_some(());
    until("the end of the engine", gone).await;
    eventually("the end of the window", || !desk.has_window("Porthole")).await;
}
