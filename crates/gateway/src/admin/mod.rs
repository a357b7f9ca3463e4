//! The operator's own listener (`--admin-listen`): metrics, status and what changes anything. Nothing of
//! it is reached from the public one.
//!
//! In reading order: [`door`] takes connections → [`guard`] says who may ask for what → [`metrics`] in Prometheus'
//! [`text`], [`api`] with a file for each thing there is, and a [`page`] for people. What is refused is a [`problem`].

#![allow(unused_qualifications, reason = "what the macros of utoipa write")]

mod api;
mod door;
mod guard;
mod links;
mod metrics;
mod page;
mod problem;
mod status;
mod text;
mod tokens;
mod traffic;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::audit::{self, Change, Who};
use crate::config::Config;
use crate::secret::{Secret, SecretError};
use crate::server::Gateway;
use door::Peer;
use guard::Guard;
use problem::Problem;

/// The file of the key that is made where none is configured, in the data folder.
pub const KEY_FILE: &str = "admin-key";

/// The admin listener, not yet served.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
    /// Where the key was found or made, unless the operator named it.
    key_file: Option<PathBuf>,
}

impl Admin {
    /// Finds the key, or makes it where there is none.
    pub fn open(config: &Config, listener: TcpListener) -> Result<Self, SecretError> {
        let asked = config.admin_listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = listener.local_addr().unwrap_or(asked);
        let (key, key_file) = match &config.admin_key {
            Some(key) => (key.clone(), None),
            None => {
                let file = config.data.join(KEY_FILE);
                (Secret::kept_in(&file)?.0, Some(file))
            }
        };
        // A key that somebody chose for it is meant for all of it.
        let open_to_look = address.ip().is_loopback() && key_file.is_some();
        Ok(Self { listener, address, guard: Guard::new(key, open_to_look), key_file })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the links end.
    pub async fn serve(self, gateway: Arc<Gateway>) {
        let key = self.key_file.map_or_else(|| "as configured".to_owned(), |file| file.display().to_string());
        tracing::info!(address = %self.address, key, "admin pages");
        if !self.address.ip().is_loopback() {
            tracing::warn!(
                "the admin listener can be reached from elsewhere, and its key travels there in clear text: let only a private network or a TLS proxy lead to it"
            );
        }
        let router = router(&gateway, self.guard);
        door::serve(self.listener, router, gateway.links_end.clone()).await;
    }
}

fn router(gateway: &Arc<Gateway>, guard: Guard) -> Router {
    Router::new()
        .route("/", get(page::read))
        .route("/health", get(crate::status::health))
        .route("/metrics", get(metrics))
        .merge(api::router())
        .fallback(async || {
            Problem::not_found("there is no such page; /api/v1/openapi.json tells what there is")
        })
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(axum::middleware::from_fn_with_state(Arc::new(guard), guard::guard))
        .with_state(gateway.clone())
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Response {
    ([(header::CONTENT_TYPE, text::CONTENT_TYPE)], metrics::exposition(&gateway)).into_response()
}

/// Enters what was done in the audit log.
async fn record(gateway: &Arc<Gateway>, peer: Peer, change: Change) -> Result<(), Problem> {
    let data = gateway.config.data.clone();
    let who = Who::Admin { address: peer.0.ip() };
    let written = in_background(move || audit::append(&data, &change, who)).await?;
    written.map_err(|error| Problem::unable(format!("it is done, but not in the audit log: {error}")))
}

/// Work on files, on a thread of its own.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::unable)
}
