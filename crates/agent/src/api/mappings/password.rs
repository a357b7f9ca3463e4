//! A password in front of a mapping with one click, and gone with the next: whoever was let in before is let in
//! again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use porthole_link::control::BasicAuth;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::extract::{At, Body};
use super::super::{Api, Problem, in_background};
use super::change::{stored, told};
use super::{Mapping, find};
use crate::mapping;
use crate::secrets::random_text;
use crate::target::Scheme;

/// The setting that keeps who was let in, by mapping, while the password is off.
const KEY: &str = "passwords-off";

/// Bytes of randomness in a password that is made here: 72 bits, twelve characters.
const PASSWORD_BYTES: usize = 9;

/// The user of a password that is made here.
const USER: &str = "guest";

/// A switch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct PasswordSwitch {
    on: bool,
}

/// The mapping as it is then.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct PasswordSwitched {
    mapping: Mapping,
    /// Set where a password was made, because there was none before: it is told only here.
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<MadePassword>,
}

/// What lets somebody in.
#[derive(Serialize, ToSchema)]
struct MadePassword {
    user: String,
    password: String,
}

/// Asks visitors for a password, or no longer.
#[utoipa::path(put, path = "/mappings/{id}/password", operation_id = "switchPassword", tag = "mappings",
    params(("id" = String, Path)), request_body = PasswordSwitch,
    responses((status = OK, body = PasswordSwitched)))]
pub(in super::super) async fn switch(
    State(api): State<Api>,
    At(id): At<String>,
    Body(PasswordSwitch { on }): Body<PasswordSwitch>,
) -> Result<Json<PasswordSwitched>, Problem> {
    let mut mapping = stored(&api, &id)?;
    if mapping.spec.target.scheme == Scheme::Tcp {
        let detail = "raw TCP has no passwords: let in certain addresses only";
        return Err(Problem::new(StatusCode::CONFLICT, "no-password", detail));
    }
    let users = &mut mapping.spec.policy.basic_auth;
    let mut made = None;
    if on == users.is_empty() {
        let store = api.engine.store();
        let mut off: BTreeMap<String, Vec<BasicAuth>> = store.json_setting(KEY).await?.unwrap_or_default();
        let known: Vec<String> =
            api.engine.mappings().into_iter().map(|shown| shown.mapping.spec.id).collect();
        off.retain(|id, _| known.contains(id));
        if on {
            *users = off.remove(&id).unwrap_or_default();
            if users.is_empty() {
                let (user, password) = in_background(make).await??;
                made = Some(password);
                users.push(user);
            }
        } else {
            off.insert(id.clone(), std::mem::take(users));
        }
        let enabled = mapping.enabled;
        // First what must not be lost.
        if on {
            store.save_mapping(mapping).await?;
            store.set_json_setting(KEY, &off).await?;
        } else {
            store.set_json_setting(KEY, &off).await?;
            store.save_mapping(mapping).await?;
        }
        let Json(mapping) = told(&api, &id, enabled).await?;
        return Ok(Json(PasswordSwitched { mapping, made }));
    }
    Ok(Json(PasswordSwitched { mapping: find(&api, &id)?.into(), made }))
}

/// A user with a new password; hashing it takes 20 ms.
fn make() -> Result<(BasicAuth, MadePassword), Problem> {
    let failed = |error: String| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error);
    let password = random_text(PASSWORD_BYTES).map_err(|error| failed(error.to_string()))?;
    let hash = mapping::hash_password(&password).map_err(|error| failed(error.to_string()))?;
    Ok((BasicAuth { user: USER.into(), hash }, MadePassword { user: USER.into(), password }))
}
