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
}

impl From<Issued> for TokenView {
    fn from(issued: Issued) -> Self {
        let Issued { id, name, hosts, tcp, created, expires, revoked } = issued;
        Self { id, subject: name, hosts, tcp, created, expires, revoked }
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
    Ok(Json(tokens.into_iter().map(TokenView::from).collect()))
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
    Ok(Json(revoked.into()))
}
