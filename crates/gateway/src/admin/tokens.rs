//! The tokens given out. They are made at the command line only: what this API can do, it can undo.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::door::Peer;
use super::problem::Problem;
use super::{in_background, record};
use crate::agents::InUse;
use crate::allowance::TokenLimits;
use crate::audit::Change;
use crate::server::Gateway;
use crate::tokens::{Book, BookError, Issued};

/// One token; never the token itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenView {
    id: String,
    subject: String,
    /// Empty: any free name.
    hosts: Vec<String>,
    tcp: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked: Option<Timestamp>,
    /// What all of its links may have together: as granted, within the gateway's own.
    limits: LimitsView,
    in_use: InUse,
}

/// Null: as much as the gateway has.
#[derive(Debug, Serialize, ToSchema)]
struct LimitsView {
    mappings: Option<u32>,
    links: Option<u32>,
    /// Requests, WebSockets and TCP connections.
    streams: Option<u32>,
    /// TCP connections among them.
    connections: Option<u32>,
    /// Bytes a second, both directions together.
    rate: Option<u64>,
}

impl From<TokenLimits> for LimitsView {
    fn from(limits: TokenLimits) -> Self {
        let TokenLimits { mappings, links, streams, connections, rate } = limits;
        Self { mappings, links, streams, connections, rate }
    }
}

impl TokenView {
    fn of(gateway: &Gateway, issued: Issued, in_use: Option<&InUse>) -> Self {
        let Issued { id, name, hosts, tcp, created, expires, revoked, limits } = issued;
        let limits = limits.within(gateway.config.token_limits).into();
        let in_use = in_use.copied().unwrap_or_default();
        Self { id, subject: name, hosts, tcp, created, expires, revoked, limits, in_use }
    }
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Unknown(_) => Self::not_found("no token has this id"),
            error => Self::unable(error),
        }
    }
}

/// All tokens given out, oldest first.
#[utoipa::path(get, path = "/tokens", responses((status = 200, body = Vec<TokenView>)))]
pub(super) async fn list(State(gateway): State<Arc<Gateway>>) -> Result<Json<Vec<TokenView>>, Problem> {
    let book = Book::new(&gateway.config.data);
    let tokens = in_background(move || book.list()).await??;
    let in_use = gateway.registry.in_use();
    let view = |token: Issued| {
        let in_use = in_use.get(token.id.as_str());
        TokenView::of(&gateway, token, in_use)
    };
    Ok(Json(tokens.into_iter().map(view).collect()))
}

/// End a token for good, and the links that use it.
#[utoipa::path(
    delete,
    path = "/tokens/{id}",
    params(("id" = String, Path, description = "As `GET /tokens` tells it")),
    responses((status = 200, body = TokenView))
)]
pub(super) async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
) -> Result<Json<TokenView>, Problem> {
    let book = Book::new(&gateway.config.data);
    let revoked = in_background(move || book.revoke(&id, Timestamp::now())).await??;
    gateway.tokens.reread();
    record(&gateway, peer, Change::revoked(&revoked)).await?;
    let in_use = gateway.registry.in_use();
    let in_use = in_use.get(revoked.id.as_str());
    Ok(Json(TokenView::of(&gateway, revoked, in_use)))
}
