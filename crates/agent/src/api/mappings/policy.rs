//! Who may come in, and what is asked of requests: as it is shown, and as somebody writes it.

use porthole_link::control::{self, BasicAuth, RateLimit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::{Wrong, take, text};
use super::jwt::{self, Jwt, JwtInput};
use super::keys::{self, BearerKey, BearerKeyInput};
use super::rules::{CannedAnswer, Maintenance};
use super::shape::{Cors, HeaderRules, Rewrite, rewrites};
use crate::inspect::filter::bytes_text;
use crate::mapping::{self, MappingError};

/// Users of one mapping's password list: each new password takes 20 ms to hash.
pub(in super::super) const MAX_USERS: usize = 100;

/// Who may come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Policy {
    basic_auth: Vec<User>,
    /// Beside passwords: either will do.
    bearer_keys: Vec<BearerKey>,
    /// Beside both: any of them will do.
    jwt: Option<Jwt>,
    allow_ip: Vec<String>,
    deny_ip: Vec<String>,
    /// Requests within a time, like `10/s` or `5/10s`: for all visitors together.
    rate_limit: Option<String>,
    /// The same for each visitor's address.
    visitor_rate_limit: Option<String>,
    /// Requests (TCP: connections) at once.
    max_concurrent: Option<u32>,
    /// Bytes of one request's body, like `10MB` or `512KiB`.
    max_body: Option<String>,
    /// Set: nobody is served.
    maintenance: Option<Maintenance>,
    /// When not empty, only requests of these methods; GET stands for HEAD, too.
    allow_methods: Vec<String>,
    /// Paths under which nobody is asked for a password; of these and the private ones the longest counts.
    public_paths: Vec<String>,
    /// Paths under which nothing is served.
    private_paths: Vec<String>,
    /// What the gateway answers in the service's place.
    answers: Vec<CannedAnswer>,
    /// Of requests that go to the service.
    request_headers: HeaderRules,
    /// Of its answers, and of those given in its place.
    response_headers: HeaderRules,
    /// Null: the service speaks for itself.
    cors: Option<Cors>,
    /// Paths that the service sees as others.
    rewrites: Vec<Rewrite>,
}

/// Somebody with a password, which stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct User {
    user: String,
}

/// Who may come in.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyInput {
    #[serde(default)]
    basic_auth: Vec<UserInput>,
    /// Beside passwords: either will do.
    #[serde(default)]
    bearer_keys: Vec<BearerKeyInput>,
    /// Beside both: any of them will do.
    #[serde(default)]
    jwt: Option<JwtInput>,
    #[serde(default)]
    allow_ip: Vec<String>,
    #[serde(default)]
    deny_ip: Vec<String>,
    /// Requests within a time, like `10/s` or `5/10s`: for all visitors together.
    #[serde(default)]
    rate_limit: Option<String>,
    /// The same for each visitor's address.
    #[serde(default)]
    visitor_rate_limit: Option<String>,
    /// Requests (TCP: connections) at once.
    #[serde(default)]
    max_concurrent: Option<i64>,
    /// Bytes of one request's body, like `10MB` or `512KiB`.
    #[serde(default)]
    max_body: Option<String>,
    /// Set: nobody is served.
    #[serde(default)]
    maintenance: Option<Maintenance>,
    /// When not empty, only requests of these methods; GET stands for HEAD, too.
    #[serde(default)]
    allow_methods: Vec<String>,
    /// Paths under which nobody is asked for a password; of these and the private ones the longest counts.
    #[serde(default)]
    public_paths: Vec<String>,
    /// Paths under which nothing is served.
    #[serde(default)]
    private_paths: Vec<String>,
    /// What the gateway answers in the service's place.
    #[serde(default)]
    answers: Vec<CannedAnswer>,
    /// Of requests that go to the service.
    #[serde(default)]
    request_headers: HeaderRules,
    /// Of its answers, and of those given in its place.
    #[serde(default)]
    response_headers: HeaderRules,
    /// Null: the service speaks for itself.
    #[serde(default)]
    cors: Option<Cors>,
    /// Paths that the service sees as others.
    #[serde(default)]
    rewrites: Vec<Rewrite>,
}

/// Somebody with a password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserInput {
    user: String,
    /// Absent: as it was.
    #[serde(default)]
    password: Option<String>,
}

impl std::fmt::Debug for UserInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserInput").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What is done with passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passwords {
    /// 20 ms each.
    Hash,
    /// Only looked at: the mapping is not for keeping.
    Skip,
}

impl From<control::Policy> for Policy {
    fn from(policy: control::Policy) -> Self {
        Self {
            basic_auth: policy.basic_auth.into_iter().map(|auth| User { user: auth.user }).collect(),
            bearer_keys: policy.bearer_keys.into_iter().map(BearerKey::from).collect(),
            jwt: policy.jwt.map(Jwt::from),
            allow_ip: policy.allow_ip,
            deny_ip: policy.deny_ip,
            rate_limit: policy.rate_limit.map(mapping::rate_text),
            visitor_rate_limit: policy.visitor_rate_limit.map(mapping::rate_text),
            max_concurrent: policy.max_concurrent,
            max_body: policy.max_body.map(bytes_text),
            maintenance: policy.maintenance.map(Maintenance::from),
            allow_methods: policy.allow_methods,
            public_paths: policy.public_paths,
            private_paths: policy.private_paths,
            answers: policy.answers.into_iter().map(CannedAnswer::from).collect(),
            request_headers: policy.request_headers.into(),
            response_headers: policy.response_headers.into(),
            cors: policy.cors.map(Cors::from),
            rewrites: policy.rewrites.into_iter().map(Rewrite::from).collect(),
        }
    }
}

impl PolicyInput {
    /// The policy that is meant, over the one that was there; what is wrong with it goes to `wrong`.
    pub(super) fn read(
        self,
        before: Option<&control::Policy>,
        passwords: Passwords,
        wrong: &mut Wrong,
    ) -> control::Policy {
        let kept = before.map(|before| before.basic_auth.as_slice()).unwrap_or_default();
        let kept_keys = before.map(|before| before.bearer_keys.as_slice()).unwrap_or_default();
        let kept_jwt = before.and_then(|before| before.jwt.as_ref());
        control::Policy {
            basic_auth: take(wrong, "policy.basic_auth", users(self.basic_auth, kept, passwords)),
            bearer_keys: take(wrong, "policy.bearer_keys", keys::read(self.bearer_keys, kept_keys)),
            jwt: take(wrong, "policy.jwt", self.jwt.map(|jwt| jwt.read(kept_jwt)).transpose()),
            allow_ip: take(wrong, "policy.allow_ip", each(&self.allow_ip, mapping::parse_cidr)),
            deny_ip: take(wrong, "policy.deny_ip", each(&self.deny_ip, mapping::parse_cidr)),
            rate_limit: take(wrong, "policy.rate_limit", rate(self.rate_limit.as_ref())),
            visitor_rate_limit: take(
                wrong,
                "policy.visitor_rate_limit",
                rate(self.visitor_rate_limit.as_ref()),
            ),
            max_concurrent: take(
                wrong,
                "policy.max_concurrent",
                self.max_concurrent.map(|most| mapping::parse_concurrent(&most.to_string())).transpose(),
            ),
            max_body: take(
                wrong,
                "policy.max_body",
                text(self.max_body.as_ref()).map(mapping::parse_body).transpose(),
            ),
            maintenance: take(
                wrong,
                "policy.maintenance",
                self.maintenance.map(control::Maintenance::try_from).transpose(),
            ),
            allow_methods: take(
                wrong,
                "policy.allow_methods",
                each(&self.allow_methods, mapping::parse_method),
            ),
            public_paths: take(
                wrong,
                "policy.public_paths",
                each(&self.public_paths, mapping::parse_rule_path),
            ),
            private_paths: take(
                wrong,
                "policy.private_paths",
                each(&self.private_paths, mapping::parse_rule_path),
            ),
            answers: take(
                wrong,
                "policy.answers",
                self.answers.into_iter().map(control::CannedAnswer::try_from).collect(),
            ),
            request_headers: take(wrong, "policy.request_headers", self.request_headers.try_into()),
            response_headers: take(wrong, "policy.response_headers", self.response_headers.try_into()),
            cors: take(wrong, "policy.cors", self.cors.map(control::Cors::try_from).transpose()),
            rewrites: take(wrong, "policy.rewrites", rewrites(&self.rewrites)),
            // Nobody can have meant to take off what is not known here.
            unknown: before.map(|before| before.unknown.clone()).unwrap_or_default(),
        }
    }

    /// The field of a password or a key that is to be kept, and was not there, with a code and a sentence.
    pub(super) fn nothing_to_keep(
        &self,
        kept: &control::Policy,
    ) -> Option<(&'static str, &'static str, String)> {
        let known = |user: &str| kept.basic_auth.iter().any(|kept| kept.user == user);
        let without = |given: &&UserInput| given.password.is_none() && !known(&given.user);
        if let Some(user) = self.basic_auth.iter().find(without).map(|given| mapping::shown(&given.user)) {
            let sentence = format!("the user “{user}” has no password to keep: write one");
            return Some(("policy.basic_auth", "no-password", sentence));
        }
        if let Some(sentence) = keys::missing(&self.bearer_keys, &kept.bearer_keys) {
            return Some(("policy.bearer_keys", "no-key", sentence));
        }
        let keeps = self.jwt.as_ref().is_some_and(JwtInput::keeps);
        let missing = keeps && jwt::secret_of(kept.jwt.as_ref()).is_none();
        missing.then(|| ("policy.jwt", "no-secret", "there is no secret to keep: write one".to_owned()))
    }
}

fn rate(limit: Option<&String>) -> Result<Option<RateLimit>, MappingError> {
    text(limit).map(mapping::parse_rate).transpose()
}

fn each(
    texts: &[String],
    parse: impl Fn(&str) -> Result<String, MappingError>,
) -> Result<Vec<String>, MappingError> {
    texts.iter().filter(|text| !text.trim().is_empty()).map(|text| parse(text)).collect()
}

fn users(given: Vec<UserInput>, kept: &[BasicAuth], passwords: Passwords) -> Result<Vec<BasicAuth>, String> {
    if given.len() > MAX_USERS {
        return Err(format!("a mapping has at most {MAX_USERS} users"));
    }
    let mut users: Vec<BasicAuth> = Vec::with_capacity(given.len());
    for UserInput { user, password } in given {
        let shown = mapping::shown(&user);
        if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
            return Err(format!("“{shown}” cannot be a user: use a name without colon"));
        }
        if users.iter().any(|known| known.user == user) {
            return Err(format!("the user “{shown}” is there twice"));
        }
        let before = kept.iter().find(|kept| kept.user == user);
        users.push(match (password.filter(|password| !password.is_empty()), before) {
            (None, Some(before)) => before.clone(),
            (None, None) => return Err(format!("the user “{shown}” needs a password")),
            (Some(_), _) if passwords == Passwords::Skip => BasicAuth { user, hash: String::new() },
            (Some(password), _) => {
                let hash = mapping::hash_password(&password).map_err(|error| error.to_string())?;
                BasicAuth { user, hash }
            }
        });
    }
    Ok(users)
}
