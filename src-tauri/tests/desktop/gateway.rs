//! The first run, and every later choice of a gateway, as the window asks for it.

use http::Method;
use porthole_desktop::client::{Client, ClientError};
use porthole_testkit::process::{self, Process};
use porthole_testkit::wait::{eventually, until};
use porthole_testkit::{Gateway, LocalService};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::desk::{Desk, program};
use crate::has_desktop;

/// What the engine says of its gateway.
async fn told(client: &Client) -> Value {
    until("what gateway there is", async || client.get("/gateway").await.ok()).await
}

/// The outcome of a step.
fn outcome<'a>(tried: &'a Value, step: &str) -> &'a Value {
    let steps = tried["steps"].as_array().expect("steps");
    steps.iter().find(|tread| tread["step"] == step).unwrap_or_else(|| panic!("no {step} in {tried}"))
}

/// The code of a refusal.
fn code(refused: Result<(), ClientError>) -> String {
    match refused {
        Err(ClientError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

fn choice(gateway: &Gateway, token: &str, keep: &str) -> Value {
    json!({"gateway": gateway.url(), "token": token, "keep": keep})
}

/// Waits until the tray says that the app is connected to this gateway.
async fn connected(desk: &Desk, gateway: &Gateway) {
    let line = format!("Connected to {}", gateway.url().trim_start_matches("http://"));
    desk.tray.line(&[&line]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_tried_step_by_step_and_used_without_a_restart_once_it_was_chosen() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let mut app = desk.app(&["--hidden"]);
    desk.tray.line(&["Connected to the trial gateway"]).await;
    let client = desk.client();
    let first = told(&client).await;
    assert_eq!(
        (&first["kind"], &first["chosen"], &first["changeable"]),
        (&"trial".into(), &false.into(), &true.into())
    );
    client.order(Method::POST, "/gateway/trial").await.expect("it can be tried here");
    assert_eq!(told(&client).await["chosen"], true);

    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await.token;
    let check = async |input: &Value| -> Value {
        client.change(Method::POST, "/gateway/check", input).await.expect("an answer")
    };
    let nobody = check(&json!({"gateway": "http://localhost:1", "token": token})).await;
    assert_eq!((&nobody["ok"], &outcome(&nobody, "name")["outcome"]), (&false.into(), &"ok".into()));
    let reach = outcome(&nobody, "reach");
    assert_eq!((&reach["outcome"], &reach["code"]), (&"problem".into(), &"gateway-down".into()), "{nobody}");
    assert_eq!(outcome(&nobody, "token")["outcome"], "skipped");
    let wrong = check(&json!({"gateway": gateway.url(), "token": "wrong"})).await;
    assert_eq!(outcome(&wrong, "token")["code"], "token-invalid", "{wrong}");
    let fine = check(&json!({"gateway": gateway.url(), "token": token})).await;
    assert_eq!((&fine["ok"], &outcome(&fine, "version")["outcome"]), (&true.into(), &"ok".into()), "{fine}");

    let choose = async |input: &Value| client.tell(Method::PUT, "/gateway", input).await;
    assert_eq!(code(choose(&choice(&gateway, "wrong", "file")).await), "token-invalid");
    // Nobody keeps secrets on this bus: that is told, and nothing is written.
    assert_eq!(code(choose(&choice(&gateway, &token, "keychain")).await), "no-keychain");
    assert_eq!(desk.files_with(&token), Vec::<String>::new());
    desk.tray.line(&["Connected to the trial gateway"]).await;

    choose(&choice(&gateway, &token, "file")).await.expect("it is chosen");
    connected(&desk, &gateway).await;
    assert_eq!(desk.files_with(&token), ["data/credentials.toml"]);
    let now = told(&client).await;
    assert_eq!(
        (&now["kind"], &now["from"], &now["origin"]),
        (&"configured".into(), &"login".into(), &gateway.url().into())
    );
    let service = LocalService::sample().await;
    assert_eq!(desk.expose(&service).await.get("/hello").await.text(), "hello");
    client.order(Method::POST, "/gateway/trial").await.expect("it can be tried here again");
    desk.tray.line(&["Connected to the trial gateway"]).await;
    desk.tray.click(&["Quit"]).await;
    assert_eq!(app.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_to_be_asked_for_each_time_is_on_no_disk_and_is_asked_for_at_the_next_start() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await.token;
    let session = choice(&gateway, &token, "session");
    for start in 0..2 {
        let mut app = desk.app(&["--hidden"]);
        if start > 0 {
            desk.notifications.wait("Porthole needs you to connect").await;
            desk.tray.line(&["Choose a gateway…"]).await;
            assert_eq!(told(&desk.client()).await["kind"], "configured");
        } else {
            desk.tray.line(&["Connected to the trial gateway"]).await;
        }
        desk.client().tell(Method::PUT, "/gateway", &session).await.expect("it is chosen");
        connected(&desk, &gateway).await;
        assert_eq!(desk.files_with(&token), Vec::<String>::new());
        desk.tray.click(&["Quit"]).await;
        assert_eq!(app.exit_code().await, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_goes_into_the_keychain_and_into_no_file_and_is_there_at_the_next_start() {
    if !has_desktop() || !porthole_testkit::has_program("gnome-keyring-daemon") {
        return;
    }
    let desk = Desk::new().await;
    let _keychain = desk.keychain().await;
    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await.token;
    for start in 0..2 {
        let mut app = desk.app(&["--hidden"]);
        if start == 0 {
            desk.tray.line(&["Connected to the trial gateway"]).await;
            let keychain = choice(&gateway, &token, "keychain");
            desk.client().tell(Method::PUT, "/gateway", &keychain).await.expect("it is chosen");
        }
        connected(&desk, &gateway).await;
        assert_eq!(desk.files_with(&token), Vec::<String>::new());
        desk.tray.click(&["Quit"]).await;
        assert_eq!(app.exit_code().await, Some(0));
        assert!(!app.stderr().contains(&token), "nor in its log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_clicked_is_offered_in_the_window_and_nothing_is_done_without_a_yes() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await;
    let link = token.link.expect("a link");
    let _app = desk.app(&["--hidden"]);
    desk.tray.line(&["Connected to the trial gateway"]).await;
    let mut clicked = desk.command(program());
    clicked.arg(&link);
    let clicked = process::finish("a click on a link", clicked).await;
    assert_eq!(clicked.code, Some(0), "{clicked:?}");
    eventually("the window", || desk.has_window("Porthole")).await;
    let client = desk.client();
    let offered = told(&client).await;
    assert_eq!(offered["offer"]["has_token"], true, "{offered}");
    assert!(!offered.to_string().contains(&token.token), "the token stays where it is");
    assert_eq!(offered["kind"], "trial", "nobody said yes");
    let yes = json!({"offer": true, "keep": "file"});
    client.tell(Method::PUT, "/gateway", &yes).await.expect("yes");
    connected(&desk, &gateway).await;

    let mut broken = desk.command(program());
    broken.arg("porthole://connect?token=x");
    assert_eq!(process::finish("a click on half a link", broken).await.code, Some(0));
    assert!(desk.notifications.wait("That did not work").await.contains("not complete"));
    assert_eq!(told(&client).await["offer"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_gateways_program_the_app_starts_all_the_same_and_asks_for_a_gateway() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let mut command = desk.command(desk.alone());
    command.arg("--hidden").env("PATH", "");
    let _app = Process::start("porthole-desktop", command);
    desk.notifications.wait("Porthole needs you to connect").await;
    let client = desk.client();
    let now = told(&client).await;
    assert_eq!(
        (&now["kind"], &now["trial_available"], &now["chosen"]),
        (&"none".into(), &false.into(), &false.into())
    );
    assert_eq!(code(client.order(Method::POST, "/gateway/trial").await), "no-trial");
    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await.token;
    client.tell(Method::PUT, "/gateway", &choice(&gateway, &token, "file")).await.expect("it is chosen");
    connected(&desk, &gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_first_run_the_window_leads_to_a_gateway_and_then_to_what_can_be_exposed() {
    if !has_desktop() {
        return;
    }
    let desk = Desk::new().await;
    let gateway = Gateway::start().await;
    let token = gateway.token("alice", &[]).await;
    let browser = Browser::start(&desk, &[], async {}).await;
    let field = "input[placeholder='https://tunnel.example.com']";
    browser.fill(field, &gateway.url()).await;
    browser.fill("input[type=password]", "wrong").await;
    browser.click("button", "Connect").await;
    browser.count("ol[aria-label] > li", 6).await;
    browser.fill("input[type=password]", &token.token).await;
    browser.click("button", "Connect").await;
    // Nobody keeps secrets on this bus: the person says where.
    assert_eq!(desk.files_with(&token.token), Vec::<String>::new());
    browser.click("button", "In a file that only I can read").await;
    connected(&desk, &gateway).await;
    assert_eq!(desk.files_with(&token.token), ["data/credentials.toml"]);
    browser.count(field, 0).await;

    // And what the app does by itself, each with a click.
    browser.run("location.hash = '#/settings';", json!([])).await;
    browser.click("label", "Start at login").await;
    let entry = desk.config().join("autostart/porthole.desktop");
    eventually("the entry", || entry.exists()).await;
    browser.end().await;
}
