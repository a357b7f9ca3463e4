//! Newer versions: looked for when somebody asks, put in place when nothing runs, and only ours.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use hyper::body::Incoming;
use minisign::KeyPair;
use porthole_agent::app_settings::AppSettings;
use porthole_testkit::process::Process;
use porthole_testkit::service::{Record, body};
use porthole_testkit::wait::{eventually, until};
use porthole_testkit::{Gateway, LocalService};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::desk::{Desk, of, program};
use crate::has_desktop;

/// What the newer version is, for a test: it tells how it was started.
const NEWER: &str = "#!/bin/sh\necho \"$@\" >\"$0.started\"\n";

const ASK: &str = "Check for updates…";

/// Where newer versions are announced.
struct Place {
    service: LocalService,
    pair: KeyPair,
    announced: Arc<Mutex<String>>,
}

impl Place {
    async fn new() -> Self {
        let announced = Arc::<Mutex<String>>::default();
        let answers = announced.clone();
        let answer = move |request: Request<Incoming>, _: Record| {
            let text = match request.uri().path() {
                "/latest.json" => answers.lock().unwrap_or_else(PoisonError::into_inner).clone(),
                _ => NEWER.to_owned(),
            };
            async move { Response::new(body::full(text)) }
        };
        let service = LocalService::http(answer).await;
        let pair = KeyPair::generate_unencrypted_keypair().expect("a key");
        Self { service, pair, announced }
    }

    /// Announces a version, with a signature made by this key.
    fn announce(&self, version: &str, pair: &KeyPair) {
        let name = format!("timestamp:1\tfile:Porthole_{version}_amd64.AppImage");
        let signature = minisign::sign(Some(&pair.pk), &pair.sk, NEWER.as_bytes(), Some(&name), None);
        let signature = STANDARD.encode(signature.expect("a signature").to_string());
        let asset = json!({"url": format!("http://{}/file", self.service.address), "signature": signature});
        let platform = format!("linux-{}", std::env::consts::ARCH);
        let text = json!({"version": version, "platforms": {platform: asset}}).to_string();
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// How often somebody asked what is the newest.
    fn asked(&self) -> usize {
        self.service.seen().len()
    }

    /// Starts an app that was built to look here; one out of an AppImage, where there is one.
    async fn app(&self, desk: &Desk, gateway: &Gateway, image: Option<&Path>) -> Process {
        let mut command = desk.command(program());
        command.arg("--hidden").envs(of(gateway).await);
        command.env("PORTHOLE_UPDATE_URL", format!("http://{}/latest.json", self.service.address));
        command.env("PORTHOLE_UPDATE_KEY", self.pair.pk.to_base64());
        if let Some(image) = image {
            command.env("APPIMAGE", image).env("APPDIR", program().parent().expect("a folder"));
        }
        let app = Process::start("porthole-desktop", command);
        desk.tray.line(&["Connected"]).await;
        app
    }
}

/// What was put where an AppImage is.
fn image(desk: &Desk) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let image = desk.data().join("Porthole.AppImage");
    std::fs::write(&image, "older").expect("an image");
    std::fs::set_permissions(&image, std::fs::Permissions::from_mode(0o755)).expect("it is a program");
    image
}

/// A debug build is told where to look when it starts; what is shipped is not.
fn can_be_told() -> bool {
    has_desktop() && cfg!(debug_assertions)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_looks_for_updates_unasked_and_a_package_is_left_to_its_package_manager() {
    if !can_be_told() {
        return;
    }
    let desk = Desk::new().await;
    let place = Place::new().await;
    let gateway = Gateway::start().await;
    place.announce("0.0.1", &place.pair);
    let _app = place.app(&desk, &gateway, None).await;
    desk.tray.line(&[ASK]).await;
    assert_eq!(place.asked(), 0, "it was not asked for");
    desk.tray.click(&[ASK]).await;
    let text = desk.notifications.wait("Porthole is up to date").await;
    assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    assert_eq!(place.asked(), 1);
    place.announce("99.0.0", &place.pair);
    let daily = AppSettings { check_updates: true, ..AppSettings::default() };
    desk.choose(&daily).await;
    let text = desk.notifications.wait("Porthole 99.0.0 is there").await;
    assert!(text.contains("packages"), "{text}");
    let line = desk.tray.line(&["Porthole 99.0.0 is there"]).await;
    assert!(!line.enabled, "there is nothing to install here");
    assert_eq!(place.asked(), 2, "nothing but the announcement was fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_that_is_ours_takes_its_place_once_no_request_runs_and_another_never() {
    if !can_be_told() {
        return;
    }
    let desk = Desk::new().await;
    let place = Place::new().await;
    let gateway = Gateway::start().await;
    let image = image(&desk);
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let service = LocalService::http(move |_, _| {
        let gate = opened.clone();
        async move {
            let _ = gate.acquire().await;
            Response::new(body::full("at last"))
        }
    })
    .await;
    place.announce("99.0.0", &KeyPair::generate_unencrypted_keypair().expect("a key"));
    let mut app = place.app(&desk, &gateway, Some(&image)).await;
    let visitor = desk.expose(&service).await;
    desk.tray.click(&[ASK]).await;
    desk.notifications.wait("Porthole 99.0.0 is there").await;
    let install = "Install Porthole 99.0.0 and restart";
    desk.tray.click(&[install]).await;
    let text = desk.notifications.wait("Porthole is not updated").await;
    assert!(text.contains("signature is not ours (update-signature)"), "{text}");
    let beside =
        || std::fs::read_dir(desk.data()).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let parts = || beside().filter(|name| name.to_string_lossy().contains("update")).count();
    assert_eq!((read(&image), parts()), ("older".to_owned(), 0));

    place.announce("99.0.0", &place.pair);
    let slow = tokio::spawn(async move { visitor.get("/slow").await });
    eventually("the slow request", || !service.seen().is_empty()).await;
    desk.tray.click(&[install]).await;
    desk.tray.line(&["Porthole 99.0.0 waits for a request to end"]).await;
    desk.notifications.wait("Porthole 99.0.0 waits").await;
    assert_eq!(read(&image), "older");
    gate.add_permits(1);
    assert_eq!(slow.await.expect("an answer").status, 200);
    assert_eq!(app.exit_code().await, Some(0));
    let started = image.with_extension("AppImage.started");
    let arguments = until("the newer version", async || std::fs::read_to_string(&started).ok()).await;
    assert_eq!((read(&image), arguments.trim(), parts()), (NEWER.to_owned(), "--hidden", 0));
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
