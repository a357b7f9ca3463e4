//! A client of an agent's local API: a program with the key, or a browser with its cookie.

use bytes::Bytes;
use http::request::Builder;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;

use crate::agent::{Agent, Home};
use crate::visitor::{Reply, Visitor};
use crate::wait::within;

/// Somebody who knows where the page is, and perhaps how to get in.
#[derive(Debug, Clone)]
pub struct LocalPage {
    pub visitor: Visitor,
    /// Sent with every request.
    pub fields: Vec<(&'static str, String)>,
}

/// What an event stream brings.
#[derive(Debug)]
pub struct LiveEvents {
    body: Incoming,
    read: String,
}

impl LocalPage {
    /// A program of the same user.
    pub async fn of(agent: &mut Agent) -> Self {
        let ready = agent.event("ready").await;
        Self::at(ready["inspector_url"].as_str().expect("a page")).with_key(agent.home())
    }

    /// Somebody who knows nothing but the address.
    pub fn at(url: &str) -> Self {
        let host = url.trim_start_matches("http://");
        let address = host.parse().expect("an address and a port");
        Self { visitor: Visitor::new(address, host), fields: Vec::new() }
    }

    fn with_key(mut self, home: &Home) -> Self {
        let key = std::fs::read_to_string(home.path().join("api-key")).expect("the key's file");
        self.fields = vec![("authorization", format!("Bearer {}", key.trim()))];
        self
    }

    /// The same address for somebody without key.
    pub fn stranger(&self) -> Self {
        Self { visitor: self.visitor.clone(), fields: Vec::new() }
    }

    /// The browser that opened the page: with its cookie, and the field of its scripts.
    pub async fn browser(&self) -> Self {
        let page = self.stranger().get("/").await;
        let cookie = page.field("set-cookie").expect("a session");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let fields = vec![("cookie", cookie), ("x-porthole", "1".into())];
        Self { visitor: self.visitor.clone(), fields }
    }

    pub fn request(&self, method: &str, path: &str) -> Builder {
        let request = self.visitor.request(method, path);
        self.fields.iter().fold(request, |request, (name, value)| request.header(*name, value))
    }

    pub async fn send(&self, request: Builder, body: impl Into<Bytes>) -> Reply {
        self.visitor.fetch(request.body(Full::new(body.into())).expect("a valid request")).await
    }

    /// GET of any path.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request("GET", path), "").await
    }

    /// GET below `/api/v1` that must succeed.
    pub async fn read(&self, path: &str) -> Value {
        let reply = self.get(&format!("/api/v1{path}")).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// A request below `/api/v1` with JSON.
    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Reply {
        let request = self.request(method, &format!("/api/v1{path}"));
        self.send(request.header("content-type", "application/json"), body.to_string()).await
    }

    /// Listens to what happens.
    pub async fn events(&self) -> LiveEvents {
        let request = self.request("GET", "/api/v1/events").body(Full::<Bytes>::default());
        let response = within("events", self.visitor.send(request.expect("a valid request"))).await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        LiveEvents { body: response.into_body(), read: String::new() }
    }
}

impl LiveEvents {
    /// The next event: its name and data. None when the stream has ended.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        within("an event", async {
            loop {
                while let Some((event, rest)) = self.read.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.read = rest;
                    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                    if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                        return Some((name.to_owned(), serde_json::from_str(data).expect("JSON")));
                    }
                }
                let frame = self.body.frame().await?.ok()?;
                if let Ok(data) = frame.into_data() {
                    self.read.push_str(std::str::from_utf8(&data).expect("UTF-8"));
                }
            }
        })
        .await
    }

    /// The first event from here on that is called so and is as wanted.
    pub async fn find(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (got, data) = self.next().await.expect("the stream goes on");
            if got == name && wanted(&data) {
                return data;
            }
        }
    }
}
