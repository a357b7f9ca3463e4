//! Counters, and the pages that show them.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use crate::agents::LinkView;
use crate::server::Gateway;

/// What the gateway has done since it started. Relaxed: nothing is decided by them.
#[derive(Debug)]
pub struct Counters {
    since: Instant,
    /// By first digit of the status: index 0 is 1xx (101 only), 4 is 5xx.
    answers: [AtomicU64; 5],
    /// Answers that broke off after their head.
    broken: AtomicU64,
    tcp_connections: AtomicU64,
    links_accepted: AtomicU64,
    links_refused: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            answers: Default::default(),
            broken: AtomicU64::default(),
            tcp_connections: AtomicU64::default(),
            links_accepted: AtomicU64::default(),
            links_refused: AtomicU64::default(),
        }
    }
}

impl Counters {
    /// One visitor's exchange was answered with `status` (whoever made the answer).
    pub fn answered(&self, status: u16) {
        if let Some(class) = self.answers.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// An answer broke off after its head.
    pub fn broken_off(&self) {
        self.broken.fetch_add(1, Ordering::Relaxed);
    }

    pub fn tcp_connection(&self) {
        self.tcp_connections.fetch_add(1, Ordering::Relaxed);
    }

    pub fn accepted_link(&self) {
        self.links_accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// An agent was refused after its token was found good.
    pub fn refused_link(&self) {
        self.links_refused.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Serialize)]
struct Status {
    version: &'static str,
    uptime_seconds: u64,
    ready: bool,
    links: usize,
    endpoints: usize,
}

#[derive(Debug, Serialize)]
struct DetailedStatus {
    #[serde(flatten)]
    status: Status,
    streams: usize,
    agents: Vec<LinkView>,
}

fn status(gateway: &Gateway) -> Status {
    Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: gateway.counters.since.elapsed().as_secs(),
        ready: gateway.ready.load(Ordering::Relaxed),
        links: gateway.registry.links(),
        endpoints: gateway.registry.endpoints(),
    }
}

/// `/health` and `/api/v1/status`, for the own host. Tells no names and no secrets.
pub fn public_router(gateway: &Arc<Gateway>) -> axum::Router {
    axum::Router::new()
        .route("/health", get(health))
        .route(
            "/api/v1/status",
            get(async |State(gateway): State<Arc<Gateway>>| no_store(Json(status(&gateway)))),
        )
        .with_state(gateway.clone())
}

/// The same with details, and `/metrics`: for `--admin-listen` only.
pub fn admin_router(gateway: &Arc<Gateway>) -> axum::Router {
    axum::Router::new()
        .route("/health", get(health))
        .route("/api/v1/status", get(detailed))
        .route("/metrics", get(metrics))
        .with_state(gateway.clone())
}

fn no_store(response: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], response).into_response()
}

/// 200 once listening, whatever agents do; with `?ready` 503 while starting or draining.
async fn health(State(gateway): State<Arc<Gateway>>, RawQuery(query): RawQuery) -> Response {
    let asks_ready =
        query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("ready")));
    let ready = gateway.ready.load(Ordering::Relaxed);
    if asks_ready && !ready {
        return no_store((
            StatusCode::SERVICE_UNAVAILABLE,
            Json(serde_json::json!({ "status": "draining" })),
        ));
    }
    no_store(Json(serde_json::json!({ "status": "ok" })))
}

async fn detailed(State(gateway): State<Arc<Gateway>>) -> Response {
    let detailed = DetailedStatus {
        status: status(&gateway),
        streams: gateway.registry.streams(),
        agents: gateway.registry.view(),
    };
    no_store(Json(detailed))
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, exposition(&gateway)).into_response()
}

/// Prometheus' text format 0.0.4.
fn exposition(gateway: &Gateway) -> String {
    let counters = &gateway.counters;
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, rows: &[(&str, u64)]| {
        let _ =
            writeln!(text, "# HELP porthole_gateway_{name} {help}\n# TYPE porthole_gateway_{name} {kind}");
        for (labels, value) in rows {
            let _ = writeln!(text, "porthole_gateway_{name}{labels} {value}");
        }
    };
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let classes =
        ["{class=\"1xx\"}", "{class=\"2xx\"}", "{class=\"3xx\"}", "{class=\"4xx\"}", "{class=\"5xx\"}"];
    let answers: Vec<(&str, u64)> = classes.into_iter().zip(counters.answers.iter().map(read)).collect();
    family("requests_total", "counter", "Answers to visitors by class of status.", &answers);
    family(
        "broken_answers_total",
        "counter",
        "Answers that broke off after their head.",
        &[("", read(&counters.broken))],
    );
    family(
        "tcp_connections_total",
        "counter",
        "Connections to TCP mappings.",
        &[("", read(&counters.tcp_connections))],
    );
    let links = [
        ("{result=\"accepted\"}", read(&counters.links_accepted)),
        ("{result=\"refused\"}", read(&counters.links_refused)),
    ];
    family("links_total", "counter", "Agents' links by what became of them.", &links);
    family("links", "gauge", "Links now live.", &[("", gateway.registry.links() as u64)]);
    family("endpoints", "gauge", "Mappings now live.", &[("", gateway.registry.endpoints() as u64)]);
    family("streams", "gauge", "Streams now open on all links.", &[("", gateway.registry.streams() as u64)]);
    family(
        "ready",
        "gauge",
        "1 while new work is taken.",
        &[("", u64::from(gateway.ready.load(Ordering::Relaxed)))],
    );
    family(
        "uptime_seconds",
        "gauge",
        "Seconds since the start.",
        &[("", counters.since.elapsed().as_secs())],
    );
    text
}
