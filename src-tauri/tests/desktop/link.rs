//! The gateway goes away and comes back, and a service that is not there.

use std::sync::Arc;

use porthole_desktop::tray::icon::State;
use porthole_testkit::service::body;
use porthole_testkit::wait::until;
use porthole_testkit::{Gateway, LocalService};
use tokio::sync::Notify;

use crate::desk::Desk;
use crate::has_desktop;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_gone_for_more_than_ten_seconds_is_told_and_so_is_its_return() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let mut gateway = Gateway::start().await;
    let _app = desk.app_of(&gateway).await;
    desk.tray.shows(State::Connected).await;
    gateway.process.kill9();
    desk.tray.shows(State::Offline).await;
    desk.tray.line(&["Reconnect now"]).await;
    desk.notifications.wait("Connection lost").await;
    gateway.restart().await;
    desk.tray.shows(State::Connected).await;
    desk.notifications.wait("Connected again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_visitor_is_told_and_a_service_that_is_down_once() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let _app = desk.app_of(&gateway).await;
    let service = LocalService::sample().await;
    let visitor = desk.expose(&service).await;
    let name = visitor.host.split('.').next().unwrap_or_default().to_owned();
    assert_eq!(visitor.get("/hello?token=secret").await.status, 200);
    assert_eq!(desk.notifications.wait(&format!("First visitor on {name}")).await, "GET /hello");
    drop(service);
    // A connection that was kept may still be answered.
    let down = async || (visitor.get("/hello").await.status == 502).then_some(());
    until("the service is down", down).await;
    for _ in 0..3 {
        assert_eq!(visitor.get("/hello").await.status, 502);
    }
    desk.tray.line(&["Last failure: GET /hello · service down"]).await;
    desk.notifications.wait(&format!("{name} does not answer")).await;
    let told = desk.notifications.all();
    let of = |start: &str| told.iter().filter(|shown| shown.title.starts_with(start)).count();
    assert_eq!((of("First visitor"), of(&name)), (1, 1), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quit_lets_a_request_that_runs_end_first() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let mut app = desk.app_of(&gateway).await;
    let (arrived, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = {
        let (arrived, answer) = (arrived.clone(), answer.clone());
        LocalService::http(move |_, _| {
            let (arrived, answer) = (arrived.clone(), answer.clone());
            async move {
                arrived.notify_one();
                answer.notified().await;
                http::Response::new(body::full("late"))
            }
        })
        .await
    };
    let visitor = desk.expose(&service).await;
    let slow = tokio::spawn(async move { visitor.get("/slow").await });
    arrived.notified().await;
    desk.tray.click(&["Quit"]).await;
    desk.tray.line(&["Finishing the last requests"]).await;
    answer.notify_one();
    let reply = slow.await.expect("the visitor");
    assert_eq!((reply.status, reply.text().as_str()), (200, "late"));
    assert_eq!(app.exit_code().await, Some(0));
}
