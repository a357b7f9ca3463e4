//! How the engine is doing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::engine::{Noted, Outlook};

/// That there is an engine.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
    version: &'static str,
}

/// The link to the gateway, the capture, and what is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct Status {
    version: String,
    pid: u32,
    /// Where this API and its page are had over HTTP; absent: only this user's own programs reach them.
    #[serde(skip_serializing_if = "Option::is_none")]
    page_url: Option<String>,
    /// The gateway's origin.
    gateway: String,
    /// The gateway is this computer's own, for trying things out.
    trial: bool,
    state: LinkWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<f64>,
    /// Why it is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_in_ms: Option<u64>,
    uptime_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_since_us: Option<i64>,
    /// Requests, WebSockets and TCP connections that are open at this moment.
    open: usize,
    capture: Capture,
    warnings: Vec<Warning>,
}

/// The link's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum LinkWord {
    Connecting,
    Connected,
    Waiting,
    Refused,
    Closed,
}

/// Whether exchanges are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Capture {
    state: CaptureWord,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CaptureWord {
    Running,
    Paused,
}

/// Something to know, until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Warning {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_id: Option<String>,
}

impl From<Outlook> for Status {
    fn from(outlook: Outlook) -> Self {
        let Outlook { report, page_url, code, retry_at, connected_since_us, open, paused, warnings } =
            outlook;
        let state = match report.state.as_str() {
            "connected" => LinkWord::Connected,
            "waiting" => LinkWord::Waiting,
            "refused" => LinkWord::Refused,
            "closed" => LinkWord::Closed,
            _ => LinkWord::Connecting,
        };
        let left = retry_at.map(|at| at.saturating_duration_since(std::time::Instant::now()));
        let warning =
            |noted: Noted| Warning { code: noted.code, message: noted.message, mapping_id: noted.mapping_id };
        Self {
            version: report.version,
            pid: report.pid,
            page_url,
            gateway: report.gateway,
            trial: report.trial,
            state,
            session_id: report.session_id,
            gateway_version: report.gateway_version,
            latency_ms: report.latency_ms,
            code,
            message: report.message,
            retry_in_ms: left.filter(|_| state == LinkWord::Waiting).map(|left| left.as_millis() as u64),
            uptime_ms: report.uptime_ms,
            connected_since_us: connected_since_us.filter(|_| state == LinkWord::Connected),
            open,
            capture: Capture {
                state: if paused.is_some() { CaptureWord::Paused } else { CaptureWord::Running },
                reason: paused.map(|paused| paused.message),
            },
            warnings: warnings.into_iter().map(warning).collect(),
        }
    }
}

/// That the engine runs. Needs no key.
#[utoipa::path(get, path = "/health", operation_id = "health", tag = "status", security(()),
    responses((status = OK, body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// How the engine is doing.
#[utoipa::path(get, path = "/status", operation_id = "status", tag = "status",
    responses((status = OK, body = Status)))]
pub(super) async fn status(State(api): State<Api>) -> Json<Status> {
    Json(api.engine.outlook().into())
}

/// Gives up the present connection, if any, and tries at once.
#[utoipa::path(post, path = "/reconnect", operation_id = "reconnect", tag = "status",
    responses((status = ACCEPTED)))]
pub(super) async fn reconnect(State(api): State<Api>) -> StatusCode {
    api.engine.reconnect();
    StatusCode::ACCEPTED
}
