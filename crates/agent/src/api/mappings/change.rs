//! Adding, changing, switching and removing stored mappings.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::described::{MappingToAdd, MappingToReplace};
use super::super::extract::{At, Body};
use super::super::{Api, BASE, Problem, in_background};
use super::input::{MappingInput, Wrong, refusal};
use super::policy::Passwords;
use super::{Mapping, find};
use crate::engine::Source;
use crate::mapping::{MappingError, MappingSpec, random_id};
use crate::store::StoredMapping;

/// What is wrong with a mapping that is being written.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct Checked {
    /// A sentence for each field that is wrong; empty: it could be kept.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    fields: Wrong,
}

/// A switch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Switched {
    enabled: bool,
}

/// Keeps a new mapping, and serves it.
#[utoipa::path(post, path = "/mappings", operation_id = "addMapping", tag = "mappings",
    request_body = MappingToAdd,
    responses((status = CREATED, body = Mapping, headers(("location" = String)))))]
pub(in super::super) async fn add(
    State(api): State<Api>,
    Body(input): Body<MappingInput>,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<Mapping>), Problem> {
    let enabled = input.enabled.unwrap_or(true);
    let mut spec = read(input, random_id(), None).await?;
    api.engine.give_address(&mut spec);
    let mut mapping = StoredMapping::new(spec, api.engine.gateway());
    mapping.enabled = enabled;
    let id = mapping.spec.id.clone();
    api.engine.store().add_mapping(mapping).await?;
    let added = told(&api, &id, enabled).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("{BASE}/mappings/{id}"))], added))
}

/// Tells what is wrong with a mapping, and keeps nothing.
#[utoipa::path(post, path = "/mappings/check", operation_id = "checkMapping", tag = "mappings",
    request_body = MappingInput,
    responses((status = OK, body = Checked)))]
pub(in super::super) async fn check(Body(input): Body<MappingInput>) -> Json<Checked> {
    let wrong = input.read(random_id(), None, Passwords::Skip).err();
    Json(Checked { fields: wrong.unwrap_or_default() })
}

/// Replaces a stored mapping.
#[utoipa::path(put, path = "/mappings/{id}", operation_id = "replaceMapping", tag = "mappings",
    params(("id" = String, Path)), request_body = MappingToReplace, responses((status = OK, body = Mapping)))]
pub(in super::super) async fn replace(
    State(api): State<Api>,
    At(id): At<String>,
    Body(input): Body<MappingInput>,
) -> Result<Json<Mapping>, Problem> {
    let mut mapping = stored(&api, &id)?;
    if let Some((field, code, sentence)) = input.nothing_to_keep(&mapping.spec.policy) {
        let fields = Wrong::from([(field, sentence.clone())]);
        return Err(Problem::new(StatusCode::CONFLICT, code, sentence).with_fields(fields));
    }
    mapping.enabled = input.enabled.unwrap_or(mapping.enabled);
    mapping.spec = read(input, id.clone(), Some(mapping.spec)).await?;
    if !mapping.spec.has_address() {
        return Err(refusal(Wrong::from([("name", MappingError::NoAddress.to_string())])));
    }
    let enabled = mapping.enabled;
    api.engine.store().save_mapping(mapping).await?;
    told(&api, &id, enabled).await
}

/// Serves a stored mapping, or no longer; its address stays its own.
#[utoipa::path(patch, path = "/mappings/{id}", operation_id = "switchMapping", tag = "mappings",
    params(("id" = String, Path)), request_body = Switched, responses((status = OK, body = Mapping)))]
pub(in super::super) async fn switch(
    State(api): State<Api>,
    At(id): At<String>,
    Body(Switched { enabled }): Body<Switched>,
) -> Result<Json<Mapping>, Problem> {
    let mut mapping = stored(&api, &id)?;
    mapping.enabled = enabled;
    api.engine.store().save_mapping(mapping).await?;
    told(&api, &id, enabled).await
}

/// Forgets a stored mapping.
#[utoipa::path(delete, path = "/mappings/{id}", operation_id = "removeMapping", tag = "mappings",
    params(("id" = String, Path)), responses((status = NO_CONTENT)))]
pub(in super::super) async fn remove(
    State(api): State<Api>,
    At(id): At<String>,
) -> Result<StatusCode, Problem> {
    stored(&api, &id)?;
    api.engine.store().remove_mapping(id).await?;
    api.engine.reload().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads what is wanted where hashing a password holds up nobody.
async fn read(input: MappingInput, id: String, before: Option<MappingSpec>) -> Result<MappingSpec, Problem> {
    in_background(move || input.read(id, before.as_ref(), Passwords::Hash)).await?.map_err(refusal)
}

/// The mapping that may be changed.
pub(super) fn stored(api: &Api, id: &str) -> Result<StoredMapping, Problem> {
    let shown = find(api, id)?;
    let place = match shown.source {
        Source::Stored => return Ok(shown.mapping),
        Source::File => "is in the configuration file: change it there",
        Source::Command => "belongs to a command that runs: it ends with it",
    };
    let detail = format!("the mapping {id} {place}");
    Err(Problem::new(StatusCode::CONFLICT, "read-only", detail))
}

/// Has the engine serve the change; the mapping as it is then.
pub(super) async fn told(api: &Api, id: &str, serve: bool) -> Result<Json<Mapping>, Problem> {
    if serve {
        api.engine.ask_for(id);
    }
    api.engine.reload().await?;
    find(api, id).map(|shown| Json(shown.into()))
}
