//! Which gateway is used, and the choice of another: looked at step by step, then kept as `porthole login` does.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::described::{GatewayToTry, link};
use super::extract::Body;
use super::{Api, Problem};
use crate::engine::{ChooseError, Keep, Kind};
use crate::gateway_choice::ChosenBy;
use crate::gateway_link::{self, ConnectLink};
use crate::gateway_url::GatewayUrl;
use crate::probe::steps::{Outcome, Step, Walked, walked};
use crate::probe::{Connection, probe};
use crate::secrets::Secret;
use crate::trial;

/// The gateway that is used, and what can be done about it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Gateway {
    kind: KindWord,
    /// Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// Who named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Named>,
    /// Somebody has chosen; until then this is the first run.
    chosen: bool,
    /// Whether another can be chosen here.
    changeable: bool,
    /// Why not, and what to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
    /// Whether the gateway's program is on this computer.
    trial_available: bool,
    /// Where a link leads that somebody clicked and has not answered for yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<Offered>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    /// This computer's own, which only this computer reaches.
    Trial,
    Configured,
    None,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Named {
    /// An option or a variable of the program.
    Option,
    /// The configuration file.
    File,
    /// `porthole login`, or this API.
    Login,
}

/// A link without its token, which stays here.
#[derive(Debug, Serialize, ToSchema)]
struct Offered {
    gateway: String,
    has_token: bool,
}

/// A link that somebody clicked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferInput {
    /// `porthole://connect?…`
    #[schema(schema_with = link)]
    link: String,
}

/// A gateway and a token for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayInput {
    /// Like `https://tunnel.example.com`, or a whole `porthole://connect?…` link.
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default)]
    token: Option<String>,
    /// Take what the clicked link holds.
    #[serde(default)]
    offer: bool,
}

/// The same, and where the token is to be kept.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayChoice {
    /// Like `https://tunnel.example.com`, or a whole `porthole://connect?…` link.
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default)]
    token: Option<String>,
    /// Take what the clicked link holds.
    #[serde(default)]
    offer: bool,
    keep: KeepWord,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KeepWord {
    Keychain,
    /// A file that only this user can read.
    File,
    /// Nowhere: it is asked for at each start.
    Session,
}

/// How far a try came.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Tried {
    /// The gateway's origin.
    gateway: String,
    ok: bool,
    steps: Vec<Tread>,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
struct Tread {
    step: StepWord,
    outcome: OutcomeWord,
    /// Of a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Of a problem: what is wrong and what to do.
    message: String,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StepWord {
    Name,
    Reach,
    Tls,
    Gateway,
    Token,
    Version,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OutcomeWord {
    Ok,
    Problem,
    Skipped,
}

/// What outlasts one request: the link that was clicked last, and that one gateway is tried at a time.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    offer: Arc<Mutex<Option<ConnectLink>>>,
    trying: Arc<Semaphore>,
}

impl Default for Desk {
    fn default() -> Self {
        Self { offer: Arc::default(), trying: Arc::new(Semaphore::new(1)) }
    }
}

impl Desk {
    fn offer(&self) -> Option<ConnectLink> {
        self.offer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, link: Option<ConnectLink>) {
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }
}

/// Which gateway is used, and who chose it.
#[utoipa::path(get, path = "/gateway", operation_id = "getGateway", tag = "gateway",
    responses((status = OK, body = Gateway)))]
pub(super) async fn read(State(api): State<Api>) -> Json<Gateway> {
    let choice = api.engine.choice();
    Json(Gateway {
        kind: match api.engine.kind() {
            Kind::Trial => KindWord::Trial,
            Kind::Configured => KindWord::Configured,
            Kind::None => KindWord::None,
        },
        origin: api.engine.origin(),
        from: match choice.by {
            ChosenBy::Option => Some(Named::Option),
            ChosenBy::File => Some(Named::File),
            ChosenBy::Login => Some(Named::Login),
            ChosenBy::Trial | ChosenBy::Nobody => None,
        },
        chosen: choice.by != ChosenBy::Nobody,
        changeable: choice.fixed.is_none(),
        why_not: choice.fixed.as_ref().map(ToString::to_string),
        trial_available: trial::find_program().is_some(),
        offer: api
            .desk
            .offer()
            .map(|link| Offered { gateway: link.gateway, has_token: link.token.is_some() }),
    })
}

/// Tries a gateway, and keeps nothing.
#[utoipa::path(post, path = "/gateway/check", operation_id = "checkGateway", tag = "gateway",
    request_body = GatewayToTry, responses((status = OK, body = Tried)))]
pub(super) async fn check(
    State(api): State<Api>,
    Body(GatewayInput { gateway, token, offer }): Body<GatewayInput>,
) -> Result<Json<Tried>, Problem> {
    let connection = wanted(&api, gateway, token, offer)?;
    Ok(Json(Tried::of(&connection, tried(&api, &connection).await?)))
}

/// Tries a gateway, keeps it with its token, and connects to it from now on: the engine starts anew.
#[utoipa::path(put, path = "/gateway", operation_id = "chooseGateway", tag = "gateway",
    request_body = GatewayChoice, responses((status = ACCEPTED)))]
pub(super) async fn choose(
    State(api): State<Api>,
    Body(GatewayChoice { gateway, token, offer, keep }): Body<GatewayChoice>,
) -> Result<StatusCode, Problem> {
    if let Some(fixed) = api.engine.choice().fixed {
        return Err(ChooseError::Fixed(fixed).into());
    }
    let connection = wanted(&api, gateway, token, offer)?;
    for Walked { outcome, .. } in tried(&api, &connection).await? {
        if let Outcome::Problem { code, message } = outcome {
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, message));
        }
    }
    let keep = match keep {
        KeepWord::Keychain => Keep::Keychain,
        KeepWord::File => Keep::File,
        KeepWord::Session => Keep::Session,
    };
    api.engine.connect_to(connection.gateway, connection.token, keep).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Uses a trial gateway on this computer from now on.
#[utoipa::path(post, path = "/gateway/trial", operation_id = "tryHere", tag = "gateway",
    responses((status = ACCEPTED)))]
pub(super) async fn try_here(State(api): State<Api>) -> Result<StatusCode, Problem> {
    if trial::find_program().is_none() {
        let detail = "the program porthole-gateway is not installed: install the package porthole-gateway";
        return Err(Problem::new(StatusCode::CONFLICT, "no-trial", detail));
    }
    api.engine.try_here().await?;
    Ok(StatusCode::ACCEPTED)
}

/// A link was clicked: its gateway is offered, and nothing is done until somebody chooses it.
#[utoipa::path(post, path = "/gateway/offer", operation_id = "offerGateway", tag = "gateway",
    request_body = OfferInput, responses((status = NO_CONTENT)))]
pub(super) async fn offer(
    State(api): State<Api>,
    Body(OfferInput { link }): Body<OfferInput>,
) -> Result<StatusCode, Problem> {
    let read = gateway_link::read(&link).ok().flatten();
    let link = read.ok_or_else(|| Problem::field("link", "link", gateway_link::BrokenLink.to_string()))?;
    // What cannot be a gateway is not worth a question.
    parse(&link.gateway)?;
    api.desk.put(Some(link));
    Ok(StatusCode::NO_CONTENT)
}

/// No, thanks.
#[utoipa::path(delete, path = "/gateway/offer", operation_id = "declineGateway", tag = "gateway",
    responses((status = NO_CONTENT)))]
pub(super) async fn decline(State(api): State<Api>) -> StatusCode {
    api.desk.put(None);
    StatusCode::NO_CONTENT
}

/// The gateway that is meant, with its token.
fn wanted(
    api: &Api,
    gateway: Option<String>,
    token: Option<String>,
    offer: bool,
) -> Result<Connection, Problem> {
    let link = if offer {
        let gone = || Problem::not_found("no link was clicked, or it was answered already");
        Some(api.desk.offer().ok_or_else(gone)?)
    } else {
        let text = gateway.as_deref().unwrap_or_default();
        gateway_link::read(text).map_err(|error| Problem::field("link", "gateway", error.to_string()))?
    };
    let (url, linked) = match link {
        Some(ConnectLink { gateway, token }) => (gateway, token),
        None => (gateway.unwrap_or_default(), None),
    };
    let given = token.map(Secret::new).filter(|token| !token.expose().is_empty());
    let Some(token) = given.or(linked) else {
        let sentence = "a token is needed: ask for one at the gateway with `porthole-gateway token create`";
        return Err(Problem::field("token-missing", "token", sentence));
    };
    Ok(api.engine.connection(parse(&url)?, token))
}

fn parse(url: &str) -> Result<GatewayUrl, Problem> {
    url.parse().map_err(|error: crate::gateway_url::GatewayUrlError| {
        Problem::field("gateway-url", "gateway", error.to_string())
    })
}

async fn tried(api: &Api, connection: &Connection) -> Result<Vec<Walked>, Problem> {
    let busy =
        || Problem::busy("already-trying", "a gateway is being tried already: wait until that is done");
    let _one = api.desk.trying.try_acquire().map_err(|_| busy())?;
    Ok(walked(connection, &probe(connection).await))
}

impl Tried {
    fn of(connection: &Connection, walked: Vec<Walked>) -> Self {
        let steps: Vec<Tread> = walked.into_iter().map(Tread::from).collect();
        let ok = steps.iter().all(|step| matches!(step.outcome, OutcomeWord::Ok));
        Self { gateway: connection.gateway.origin(), ok, steps }
    }
}

impl From<Walked> for Tread {
    fn from(Walked { step, outcome }: Walked) -> Self {
        let step = match step {
            Step::Name => StepWord::Name,
            Step::Reach => StepWord::Reach,
            Step::Tls => StepWord::Tls,
            Step::Gateway => StepWord::Gateway,
            Step::Token => StepWord::Token,
            Step::Version => StepWord::Version,
        };
        let (outcome, code, message) = match outcome {
            Outcome::Well(message) => (OutcomeWord::Ok, None, message),
            Outcome::Problem { code, message } => (OutcomeWord::Problem, Some(code), message),
            Outcome::Skipped => (OutcomeWord::Skipped, None, "an earlier problem comes first".into()),
        };
        Self { step, outcome, code, message }
    }
}

impl From<ChooseError> for Problem {
    fn from(error: ChooseError) -> Self {
        let code = match error {
            ChooseError::Store(error) => return error.into(),
            ChooseError::Fixed(_) => "gateway-fixed",
            ChooseError::NoKeychain(_) => "no-keychain",
            ChooseError::Credentials(_) => "credentials",
        };
        Self::new(StatusCode::CONFLICT, code, error.to_string())
    }
}
