//! The routes below `/api/v1`, with their description.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::Problem;
use super::{links, status, tokens};
use crate::server::Gateway;

const BASE: &str = "/api/v1";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "The gateway’s admin API",
        description = "See and end links, see mappings, see and revoke tokens, drain. Only on --admin-listen; \
                       programs send the key from the file `admin-key` in the gateway’s data folder.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Key),
    components(schemas(Problem)),
    security(("key" = []))
)]
struct Document;

struct Key;

impl Modify for Key {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("key", scheme);
    }
}

/// All routes, and `openapi.json` that describes them.
pub(super) fn router() -> Router<Arc<Gateway>> {
    let api = OpenApiRouter::new()
        .routes(routes!(status::read))
        .routes(routes!(status::drain))
        .routes(routes!(links::list))
        .routes(routes!(links::end))
        .routes(routes!(links::mappings))
        .routes(routes!(tokens::list))
        .routes(routes!(tokens::revoke));
    let (routes, document) =
        OpenApiRouter::with_openapi(Document::openapi()).nest(BASE, api).split_for_parts();
    let document: Arc<str> = described(document).to_json().unwrap_or_default().into();
    let described = get(async move || ([(header::CONTENT_TYPE, "application/json")], document.to_string()));
    routes.route(&format!("{BASE}/openapi.json"), described)
}

/// Says of each operation what a refusal looks like.
fn described(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let problem = Content::new(Some(Ref::from_schema_name("Problem")));
    let refusal = ResponseBuilder::new()
        .description("A refusal, with its code and a sentence")
        .content("application/problem+json", problem)
        .build();
    for path in document.paths.paths.values_mut() {
        for operation in [&mut path.get, &mut path.post, &mut path.delete].into_iter().flatten() {
            operation.responses.responses.insert("default".into(), refusal.clone().into());
        }
    }
    document
}
