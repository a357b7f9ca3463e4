//! The window, driven over WebDriver.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::Full;
use porthole_testkit::process::Process;
use porthole_testkit::wait::{until, within_time};
use porthole_testkit::{Gateway, Visitor, wait};
use serde_json::{Value, json};

use crate::desk::{Desk, of};

/// For a window to appear: the test may take its time before it asks for one.
const WINDOW_WAIT: Duration = Duration::from_secs(90);

/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(20);

/// Finds what a test names by selector and label.
const FIND: &str = "const [selector, text] = arguments; \
    const says = (e) => (e.getAttribute('aria-label') ?? e.textContent).trim(); \
    const found = [...document.querySelectorAll(selector)].find((e) => !text || says(e) === text);";

/// The app with its window.
pub struct Browser {
    driver: Process,
    door: Visitor,
    session: String,
}

impl Browser {
    /// Starts the app under a driver; ready when its window is there. `meanwhile` is done first.
    pub async fn start(desk: &Desk, arguments: &[&str], meanwhile: impl Future<Output = ()>) -> Self {
        Self::launch(desk, arguments, &[], meanwhile).await.0
    }

    /// The same with a gateway of the test's own, and what came of `meanwhile`.
    pub async fn with<T>(
        desk: &Desk,
        arguments: &[&str],
        gateway: &Gateway,
        meanwhile: impl Future<Output = T>,
    ) -> (Self, T) {
        Self::launch(desk, arguments, &of(gateway).await, meanwhile).await
    }

    async fn launch<T>(
        desk: &Desk,
        arguments: &[&str],
        variables: &[(&str, String)],
        meanwhile: impl Future<Output = T>,
    ) -> (Self, T) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address: SocketAddr = free.expect("a free port");
        let mut driver = desk.command("WebKitWebDriver");
        driver.arg(format!("--port={}", address.port())).arg("--host=127.0.0.1");
        // What tauri-driver does: the window lets itself be driven.
        driver.env("TAURI_AUTOMATION", "true").env("TAURI_WEBVIEW_AUTOMATION", "true");
        driver.envs(variables.iter().map(|(name, value)| (*name, value)));
        let driver = Process::start("WebKitWebDriver", driver);
        let door = Visitor::new(address, "localhost");
        let listens = || std::net::TcpStream::connect(address).is_ok();
        wait::eventually("the driver", listens).await;
        let options = json!({"binary": crate::desk::program(), "args": arguments});
        let wanted = json!({"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}});
        let started = async { send(&door, "POST", "/session", &wanted).await };
        let (session, done) =
            within_time("the window", WINDOW_WAIT, async { tokio::join!(started, meanwhile) }).await;
        let session = session["sessionId"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
        let browser = Self { driver, door, session };
        let drawn = async {
            while browser.run("return !!document.querySelector('main');", json!([])).await != true {
                tokio::time::sleep(LOOK).await;
            }
        };
        within_time("the page in the window", WINDOW_WAIT, drawn).await;
        (browser, done)
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        send(&self.door, method, &format!("/session/{}{path}", self.session), body).await
    }

    /// What a script returns.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.call("POST", "/execute/sync", &json!({"script": script, "args": arguments})).await
    }

    /// Clicks the first that this selector finds and that says just this (empty: anything), once it is there.
    pub async fn click(&self, selector: &str, text: &str) {
        let script = format!("{FIND} if (!found) return false; found.click(); return true;");
        let click = async || self.run(&script, json!([selector, text])).await.as_bool().filter(|done| *done);
        until(format!("{selector} “{text}” to click"), click).await;
    }

    /// The same where the window ends with it, perhaps before the driver has an answer.
    pub async fn click_at_last(&self, selector: &str, text: &str) {
        let script = format!("{FIND} return !!found;");
        let look = async || self.run(&script, json!([selector, text])).await.as_bool().filter(|there| *there);
        until(format!("{selector} “{text}” to click"), look).await;
        let body = json!({"script": format!("{FIND} found.click();"), "args": [selector, text]});
        let path = format!("/session/{}/execute/sync", self.session);
        drop(self.door.try_fetch(request(&self.door, "POST", &path, &body)).await);
    }

    /// Writes into the first field that this selector finds, once it is there.
    pub async fn fill(&self, selector: &str, text: &str) {
        // The page's library looks at what is set by the browser's own means.
        let script = "const [selector, text] = arguments; \
             const field = document.querySelector(selector); \
             if (!field) return false; \
             const value = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value'); \
             value.set.call(field, text); \
             field.dispatchEvent(new Event('input', { bubbles: true })); return true;";
        let fill = async || self.run(script, json!([selector, text])).await.as_bool().filter(|done| *done);
        until(format!("{selector} to write into"), fill).await;
    }

    /// Waits until the selector finds so many.
    pub async fn count(&self, selector: &str, count: u64) {
        let script = "return document.querySelectorAll(arguments[0]).length;";
        let look =
            async || self.run(script, json!([selector])).await.as_u64().filter(|found| *found == count);
        until(format!("{count} of {selector}"), look).await;
    }

    /// A picture of the window, for whoever looks into a failure.
    pub async fn screenshot(&self, file: &Path) {
        let picture = self.call("GET", "/screenshot", &Value::Null).await;
        let picture = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap_or_default());
        std::fs::write(file, picture.expect("a picture")).expect("the picture is written");
    }

    /// Ends the driver, and the app with it.
    pub async fn end(self) -> Process {
        self.call("DELETE", "", &Value::Null).await;
        self.driver
    }
}

fn request(door: &Visitor, method: &str, path: &str, body: &Value) -> http::Request<Full<Bytes>> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    door.request(method, path)
        .header("content-type", "application/json")
        .header("content-length", body.len())
        .body(Full::from(body))
        .expect("a request")
}

async fn send(door: &Visitor, method: &str, path: &str, body: &Value) -> Value {
    let request = request(door, method, path, body);
    let reply = door.try_fetch(request).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let mut answer = reply.json();
    assert!(answer["value"]["error"].is_null(), "{method} {path}: {answer}");
    answer["value"].take()
}
