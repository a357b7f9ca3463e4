//! The local API: everything that the page, the app's window and programs may see and do, as one
//! `axum::Router` under `/api/v1`.
//!
//! In reading order: [`guard`] (who may ask at all, with [`access`]) → [`problem`] and [`extract`] (how
//! something is refused, [`described`]: what is not) → one file for each thing there is ([`status`], [`connections`], [`mappings`],
//! [`exchanges`], [`frames`], [`replay`], [`events`]) → [`page`] (the web page beside it) → [`http`] (the door for
//! browsers) → [`serve`] (the thread behind every door).
//!
//! What is absent: work that could hold up traffic. The doors have a thread of their own; what takes longer than
//! a moment goes to the store's reader or to a blocking thread.

#![allow(unused_qualifications, reason = "what the macros of utoipa write")]

mod access;
mod app;
mod connections;
mod described;
mod diagnostics;
mod diff;
mod events;
mod exchanges;
mod export;
mod extract;
mod frames;
mod gateway;
mod guard;
pub mod http;
mod import;
mod kept;
mod login;
mod mappings;
mod objects;
mod page;
mod ports;
mod problem;
mod replay;
pub mod serve;
mod settings;
mod stand_ins;
mod stats;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use utoipa::OpenApi;
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use access::Schemes;
pub use access::{Access, AccessError, Login};
pub use guard::Through;
pub use problem::Problem;

use crate::engine::View;

/// Where everything but the page lives.
const BASE: &str = "/api/v1";

/// Bytes of a request's body, unless its route says otherwise: settings and mappings are a few hundred.
const REQUEST_BYTES: usize = 1024 * 1024;

/// What every route works on.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    engine: View,
    access: Arc<Access>,
    hub: events::Hub,
    ports: ports::Known,
    desk: gateway::Desk,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Porthole’s local API",
        description = "Watch, find and send again what comes through. Answers only on its own host and port; \
                       programs send the key from the file `api-key` in Porthole’s data folder.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Schemes),
    components(schemas(Problem, events::ConnectionEvent, stand_ins::StandInsEvent)),
    security(("key" = []), ("session" = []))
)]
struct Document;

/// The routes with their description.
fn routes() -> OpenApiRouter<Api> {
    let api = OpenApiRouter::new()
        .routes(routes!(status::health))
        .routes(routes!(status::status))
        .routes(routes!(status::reconnect))
        .routes(routes!(diagnostics::read))
        .routes(routes!(access::session))
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(gateway::read, gateway::choose))
        .routes(routes!(gateway::check))
        .routes(routes!(gateway::try_here))
        .routes(routes!(gateway::offer, gateway::decline))
        .routes(routes!(ports::list))
        .routes(routes!(mappings::list, mappings::change::add))
        .routes(routes!(mappings::change::check))
        .routes(routes!(
            mappings::one,
            mappings::change::replace,
            mappings::change::switch,
            mappings::change::remove
        ))
        .routes(routes!(mappings::password::switch))
        .routes(routes!(exchanges::list, kept::clear))
        .routes(routes!(export::archive))
        .routes(routes!(import::archive).layer(DefaultBodyLimit::max(import::IMPORT_BYTES)))
        .routes(routes!(exchanges::one, kept::change, kept::delete))
        .routes(routes!(diff::responses))
        .routes(routes!(stand_ins::put, stand_ins::remove))
        .routes(routes!(stand_ins::list))
        .routes(routes!(stats::read))
        .routes(routes!(settings::read, settings::replace))
        .routes(routes!(app::read, app::replace))
        .routes(routes!(exchanges::body))
        .routes(routes!(exchanges::copy))
        .routes(routes!(frames::list))
        .routes(routes!(replay::one).layer(DefaultBodyLimit::max(replay::REPLAY_BYTES)))
        .routes(routes!(replay::several).layer(DefaultBodyLimit::max(replay::REPLAY_BYTES)))
        .routes(routes!(connections::list))
        .routes(routes!(events::listen));
    OpenApiRouter::with_openapi(Document::openapi()).nest(BASE, api)
}

/// The API's description, as `GET /api/v1/openapi.json` gives it.
pub fn document() -> utoipa::openapi::OpenApi {
    described(routes().into_openapi())
}

/// Says of each operation what a refusal looks like.
fn described(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let refusal = ResponseBuilder::new()
        .description("A refusal, with its code and a sentence")
        .content("application/problem+json", problem)
        .build();
    for path in document.paths.paths.values_mut() {
        let each = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch];
        for operation in each.into_iter().flatten() {
            operation.responses.responses.insert("default".into(), refusal.clone().into());
        }
    }
    document
}

/// The API and its page for one engine. Requests must carry a [`Through`]: the door that they came in by.
pub(crate) fn router(engine: View, access: Arc<Access>) -> Router {
    let hub = events::Hub::start(engine.clone());
    let api = Api { engine, access, hub, ports: ports::Known::default(), desk: gateway::Desk::default() };
    let (routes, document) = routes().split_for_parts();
    let document: Arc<str> = described(document).to_json().unwrap_or_default().into();
    let described = axum::routing::get(async move || {
        ([(axum::http::header::CONTENT_TYPE, "application/json")], document.to_string())
    });
    routes
        .route(&format!("{BASE}/openapi.json"), described)
        .fallback(page::serve)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(REQUEST_BYTES))
        .layer(axum::middleware::from_fn_with_state(api.clone(), guard::guard))
        .with_state(api)
}

/// Work that takes longer than a moment, on a thread of its own.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::warn!(%error, "work for the local page ended early");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "this could not be done: the log says why",
        )
    })
}
