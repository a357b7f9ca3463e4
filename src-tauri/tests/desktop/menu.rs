//! What a mapping's submenu does, and the lines below.

use bytes::Bytes;
use http_body_util::Full;
use porthole_testkit::{Gateway, LocalService};

use crate::desk::Desk;
use crate::has_desktop;

#[tokio::test(flavor = "multi_thread")]
async fn a_password_comes_with_one_click_and_goes_and_comes_back_as_it_was() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let _app = desk.app_of(&gateway).await;
    let service = LocalService::sample().await;
    let visitor = desk.expose(&service).await;
    let name = visitor.host.split('.').next().unwrap_or_default().to_owned();
    let asks = |wanted: bool| {
        let visitor = visitor.clone();
        async move {
            let status = if wanted { 401 } else { 200 };
            porthole_testkit::wait::until(format!("status {status}"), async || {
                (visitor.get("/hello").await.status == status).then_some(())
            })
            .await;
        }
    };
    desk.tray.click(&[&name, "Password on"]).await;
    desk.notifications.wait(&format!("{name} asks for a password")).await;
    let copied = desk.pasted(|text| text.contains("Password: ")).await;
    let told =
        |label: &str| copied.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default().to_owned();
    asks(true).await;
    let knows = |visitor: &porthole_testkit::Visitor| {
        visitor.request("GET", "/hello").header("authorization", basic(&told("User: "), &told("Password: ")))
    };
    let request = knows(&visitor).body(Full::<Bytes>::default()).expect("a request");
    assert_eq!(visitor.fetch(request).await.status, 200);
    desk.tray.click(&[&name, "Password off"]).await;
    desk.notifications.wait(&format!("{name} asks for no password")).await;
    asks(false).await;
    desk.tray.click(&[&name, "Password on"]).await;
    asks(true).await;
    let request = knows(&visitor).body(Full::<Bytes>::default()).expect("a request");
    assert_eq!(visitor.fetch(request).await.status, 200, "the password is the one of before");
}

#[tokio::test(flavor = "multi_thread")]
async fn diagnostics_are_copied_without_anything_private() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let _app = desk.app_of(&gateway).await;
    let service = LocalService::sample().await;
    let visitor = desk.expose(&service).await;
    desk.tray.click(&["Copy diagnostics"]).await;
    desk.notifications.wait("Diagnostics copied").await;
    let text = desk.pasted(|text| text.starts_with("Porthole ")).await;
    assert!(text.contains("link: connected") && text.contains("- Http, stored, live"), "{text}");
    assert!(text.contains("app's log"), "{text}");
    let ports = [gateway.port(), service.port()].map(|port| format!(":{port}"));
    for private in ports.into_iter().chain([visitor.host, "eyJ".into()]) {
        assert!(!text.contains(&private), "{private} in {text}");
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {both}")
}
