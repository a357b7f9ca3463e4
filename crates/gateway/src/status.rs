//! Whether the gateway is there, whether it is ready, and how it is doing: on its own host without
//! names, and for [`crate::admin`].

#![allow(unused_qualifications, reason = "what the macros of utoipa write")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::Gateway;

/// What everybody may know.
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    version: &'static str,
    uptime_seconds: u64,
    ready: bool,
    links: usize,
    endpoints: usize,
}

impl Status {
    pub fn of(gateway: &Gateway) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: gateway.counters.since.elapsed().as_secs(),
            ready: gateway.ready.load(Ordering::Relaxed),
            links: gateway.registry.links(),
            endpoints: gateway.registry.endpoints(),
        }
    }
}

/// `/health` and `/api/v1/status`, for the own host. Tells no names and no secrets.
pub fn public_router(gateway: &Arc<Gateway>) -> axum::Router {
    let status = async |State(gateway): State<Arc<Gateway>>| no_store(Json(Status::of(&gateway)));
    axum::Router::new()
        .route("/health", get(health))
        .route("/api/v1/status", get(status))
        .with_state(gateway.clone())
}

fn no_store(response: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], response).into_response()
}

/// 200 once listening, whatever agents do; with `?ready` 503 while starting or draining.
pub async fn health(State(gateway): State<Arc<Gateway>>, RawQuery(query): RawQuery) -> Response {
    let asks_ready =
        query.is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("ready")));
    let ready = gateway.ready.load(Ordering::Relaxed);
    if asks_ready && !ready {
        return no_store((
            StatusCode::SERVICE_UNAVAILABLE,
            Json(serde_json::json!({ "status": "draining" })),
        ));
    }
    let mut body = serde_json::json!({ "status": "ok" });
    if let Some(caddy) = &gateway.caddy {
        body["caddy"] = serde_json::json!(caddy.health());
    }
    if let Some(acme) = &gateway.acme {
        body["certificates"] = serde_json::json!(acme.health());
    }
    no_store(Json(body))
}
