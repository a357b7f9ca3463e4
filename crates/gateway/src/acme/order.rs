//! One order, from the name to its certificate (RFC 8555 §7.4).

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, KeyAuthorization, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::CertifiedKey;

use super::challenges::{Challenges, Pending};
use super::hook::{Act, HOOK_TIME, Hook, HookError, Record};
use crate::config::ChallengeKind;

/// For a whole order, but for what a DNS hook takes: an authority looks at a name from several places, and
/// tries again.
pub const ORDER_TIME: Duration = Duration::from_secs(120);

/// For the authority to look at a name, and then to make the certificate.
const STEP_TIME: Duration = Duration::from_secs(60);
/// Before an order is looked at again, the first time; doubled with each further one.
const FIRST_LOOK: Duration = Duration::from_millis(250);

/// Source: RFC 8555 §6.7.
const UNKNOWN_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why an order brought no certificate.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Nothing was said about the name.
    #[error("the certificate authority cannot be reached or does not speak ACME: {}", innermost(.0))]
    Away(Error),
    #[error("the certificate authority does not know this gateway's account; another is made")]
    UnknownAccount,
    #[error("the certificate authority gives this gateway no account: {0}")]
    NoAccount(String),
    #[error("the certificate authority refused: {0}")]
    Refused(String),
    #[error("the certificate authority offers no {0} challenge for this name; choose another")]
    NoChallenge(&'static str),
    #[error("the certificate authority did not find that this name leads here: {0}")]
    NotFound(String),
    #[error("the order took longer than {ORDER_TIME:?}")]
    TooLong,
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error("a key or a request for a certificate cannot be made: {0}")]
    Crypto(String),
}

impl OrderError {
    /// Stable; counted by.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Away(_) => "authority-away",
            Self::UnknownAccount => "account-unknown",
            Self::NoAccount(_) => "no-account",
            Self::Refused(_) => "refused",
            Self::NoChallenge(_) => "no-challenge",
            Self::NotFound(_) => "name-not-found",
            Self::TooLong => "too-long",
            Self::Hook(_) => "hook-failed",
            Self::Crypto(_) => "crypto",
        }
    }

    /// Whether it is the same for every name.
    pub fn is_of_all_names(&self) -> bool {
        matches!(self, Self::Away(_) | Self::UnknownAccount | Self::NoAccount(_))
    }
}

impl From<Error> for OrderError {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(problem) if problem.r#type.as_deref() == Some(UNKNOWN_ACCOUNT) => Self::UnknownAccount,
            Error::Api(problem) => Self::Refused(crate::logging::shown(&problem.to_string())),
            Error::Timeout(_) => Self::TooLong,
            error => Self::Away(error),
        }
    }
}

/// The cause that says most, in one line: the outer ones say only that sending failed.
fn innermost(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    crate::logging::shown(&cause.to_string())
}

/// How the authority is shown that a name is ours.
#[derive(Debug)]
pub enum Proof {
    /// It comes here and looks.
    Here(ChallengeKind, Arc<Challenges>),
    /// It looks into the name server.
    Dns(Arc<Hook>),
}

/// Orders a certificate for `name`; returns its key and chain as PEM, the key first.
///
/// # Errors
/// [`OrderError`]; after [`ORDER_TIME`] at the latest, or with a hook, once it has its turn, after that and
/// [`HOOK_TIME`] for each record that it puts there and takes away.
pub async fn order(account: &Account, name: &str, proof: &Proof) -> Result<String, OrderError> {
    let mut shown = Vec::new();
    let (time, turn) = match proof {
        Proof::Here(..) => (ORDER_TIME, None),
        Proof::Dns(hook) => (ORDER_TIME + HOOK_TIME, Some((hook, hook.turn().await))),
    };
    let ordering = run(account, name, proof, &mut shown);
    let result = tokio::time::timeout(time, ordering).await.unwrap_or(Err(OrderError::TooLong));
    if let Some((hook, _turn)) = turn {
        for record in &shown {
            if let Err(error) = hook.run(Act::Cleanup, record).await {
                tracing::warn!(name, %error, "the record of a challenge was not taken away");
            }
        }
    }
    result
}

/// `records` are those that the hook was asked to put there, whether it did or not.
async fn run(
    account: &Account,
    name: &str,
    proof: &Proof,
    records: &mut Vec<Record>,
) -> Result<String, OrderError> {
    let identifiers = [Identifier::Dns(name.to_owned())];
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let looks = RetryPolicy::new().initial_delay(FIRST_LOOK).timeout(STEP_TIME);
    // Answered until the authority has looked, and not a moment longer.
    let pending = show(&mut order, name, proof, records).await?;
    let status = order.poll_ready(&looks).await;
    drop(pending);
    match status? {
        OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Processing => {}
        OrderStatus::Pending => return Err(OrderError::TooLong),
        OrderStatus::Invalid => return Err(OrderError::NotFound(reason(&mut order).await)),
    }
    let crypto = |error: rcgen::Error| OrderError::Crypto(error.to_string());
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(crypto)?;
    params.distinguished_name = DistinguishedName::new();
    let key = KeyPair::generate().map_err(crypto)?;
    let request = params.serialize_request(&key).map_err(crypto)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&looks).await?;
    Ok(key.serialize_pem() + &chain)
}

/// Has the challenge answered and tells the authority so. Names that it still knows need none.
async fn show(
    order: &mut Order,
    name: &str,
    proof: &Proof,
    records: &mut Vec<Record>,
) -> Result<Option<Pending>, OrderError> {
    let mut pending = None;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let (wanted, shown) = match proof {
            Proof::Here(ChallengeKind::TlsAlpn01, _) => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
            Proof::Here(ChallengeKind::Http01, _) => (ChallengeType::Http01, "http-01"),
            Proof::Dns(_) => (ChallengeType::Dns01, "dns-01"),
        };
        let mut challenge = authorization.challenge(wanted).ok_or(OrderError::NoChallenge(shown))?;
        let answer = challenge.key_authorization();
        match proof {
            Proof::Here(ChallengeKind::TlsAlpn01, challenges) => {
                pending = Some(challenges.offer_tls(name, certificate(name, &answer)?));
            }
            Proof::Here(ChallengeKind::Http01, challenges) => {
                pending = Some(challenges.offer_http(name, &challenge.token, answer.as_str()));
            }
            Proof::Dns(hook) => {
                let domain = name.strip_prefix("*.").unwrap_or(name);
                let record = Record::of(domain, answer.dns_value());
                records.push(record.clone());
                hook.run(Act::Present, &record).await?;
            }
        }
        challenge.set_ready().await?;
    }
    Ok(pending)
}

/// What TLS-ALPN-01 is answered with. Source: RFC 8737 §3.
fn certificate(name: &str, answer: &KeyAuthorization) -> Result<Arc<CertifiedKey>, OrderError> {
    let crypto = |error: rcgen::Error| OrderError::Crypto(error.to_string());
    let key = KeyPair::generate().map_err(crypto)?;
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(crypto)?;
    params.custom_extensions.push(CustomExtension::new_acme_identifier(answer.digest().as_ref()));
    let certificate = params.self_signed(&key).map_err(crypto)?;
    let key = any_supported_type(&PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .map_err(|error| OrderError::Crypto(error.to_string()))?;
    // Not looked at by rustls, which does not know the critical extension.
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}

/// What the authority says of the challenge that failed.
async fn reason(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { continue };
        // What was read at first was still pending.
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
            return crate::logging::shown(&problem.to_string());
        }
    }
    "it gives no reason".to_owned()
}
