//! What a mapping asks of its visitors.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BearerKey, CannedAnswer, Cors, HeaderRules, JwtRule, Maintenance, Rewrite};

/// The fields of a policy that came after its first three. A gateway says in its welcome which of them it
/// enforces; one from before skips them all, so an agent keeps mappings from it that need one.
pub const POLICIES: &[&str] = &[
    "rate_limit",
    "visitor_rate_limit",
    "max_concurrent",
    "max_body",
    "maintenance",
    "allow_methods",
    "public_paths",
    "private_paths",
    "answers",
    "request_headers",
    "response_headers",
    "bearer_keys",
    "jwt",
    "cors",
    "rewrites",
];

/// What is decided before a request crosses the link.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Any of these may enter; empty: no password asked.
    pub basic_auth: Vec<BasicAuth>,
    /// CIDRs; when not empty, only these visitors.
    pub allow_ip: Vec<String>,
    /// CIDRs; never these visitors.
    pub deny_ip: Vec<String>,
    /// For all visitors together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// For each visitor's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor_rate_limit: Option<RateLimit>,
    /// Requests (of TCP mappings: connections) under way at once, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// Bytes of one request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<Maintenance>,
    /// When not empty, only requests of these methods; GET stands for HEAD, too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<String>,
    /// Path prefixes, as the service would see them, under which nobody is asked for a password. Of these and
    /// the next ones the longest counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_paths: Vec<String>,
    /// Path prefixes under which nothing is served.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private_paths: Vec<String>,
    /// What the gateway answers in the service's place; the longest path counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<CannedAnswer>,
    /// Of requests that go to the service, once they were let in.
    #[serde(skip_serializing_if = "HeaderRules::is_empty")]
    pub request_headers: HeaderRules,
    /// Of the service's answers, and of those that the gateway gives in its place.
    #[serde(skip_serializing_if = "HeaderRules::is_empty")]
    pub response_headers: HeaderRules,
    /// Any of these may enter, as any of [`Self::basic_auth`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bearer_keys: Vec<BearerKey>,
    /// Whoever comes with such a token may enter, as with any of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtRule>,
    /// The gateway speaks of other origins in the service's place; none: the service does so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Of paths, once everything was decided on the one that came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rewrites: Vec<Rewrite>,
    /// What a newer agent asks for beside. Skipping it would open what it is meant to close: a gateway
    /// refuses the mapping.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Policy {
    /// The fields that not every gateway enforces.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let asked = [
            self.rate_limit.is_some(),
            self.visitor_rate_limit.is_some(),
            self.max_concurrent.is_some(),
            self.max_body.is_some(),
            self.maintenance.is_some(),
            !self.allow_methods.is_empty(),
            !self.public_paths.is_empty(),
            !self.private_paths.is_empty(),
            !self.answers.is_empty(),
            !self.request_headers.is_empty(),
            !self.response_headers.is_empty(),
            !self.bearer_keys.is_empty(),
            self.jwt.is_some(),
            self.cors.is_some(),
            !self.rewrites.is_empty(),
        ];
        let known = POLICIES.iter().copied().zip(asked).filter_map(|(name, asked)| asked.then_some(name));
        known.chain(self.unknown.names())
    }
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasicAuth {
    pub user: String,
    /// An argon2id PHC string; the password itself never leaves the agent.
    pub hash: String,
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth").field("user", &self.user).field("hash", &"***").finish()
    }
}

/// So many requests within so many seconds: a bucket that holds `requests` tokens and is filled evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    pub requests: u32,
    pub seconds: u32,
}

impl RateLimit {
    /// Requests in one limit.
    pub const MAX_REQUESTS: u32 = 1_000_000;
    /// Seconds in one limit: a day. What is counted is forgotten when the gateway or the agent starts anew.
    pub const MAX_SECONDS: u32 = 24 * 60 * 60;

    /// Whether both numbers are within their bounds.
    pub fn is_usable(self) -> bool {
        (1..=Self::MAX_REQUESTS).contains(&self.requests) && (1..=Self::MAX_SECONDS).contains(&self.seconds)
    }
}

/// Fields by name, kept as they came and not shown: there may be a secret in them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unknown(BTreeMap<String, serde_json::Value>);

impl Unknown {
    /// Those that ask for something; one that is empty keeps nobody out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| asks(value)).map(|(name, _)| name.as_str())
    }
}

fn asks(value: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    match value {
        Null => false,
        Bool(on) => *on,
        Number(_) => true,
        String(text) => !text.is_empty(),
        Array(items) => !items.is_empty(),
        Object(members) => !members.is_empty(),
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_rule_that_is_empty_asks_for_nothing() {
        let text = r#"{"a":null,"b":false,"c":"","d":[],"e":{},"f":true,"g":"x","h":[0],"i":{"j":0},"k":0}"#;
        let policy: Policy = serde_json::from_str(text).expect("a policy");
        assert_eq!(policy.needs().collect::<Vec<_>>(), ["f", "g", "h", "i", "k"]);
    }

    #[test]
    fn what_is_not_known_of_a_policy_stays_in_it_and_is_not_shown() {
        let text = r#"{"basic_auth":[],"allow_ip":[],"deny_ip":[],"tomorrow":{"key":"s3cret"}}"#;
        let policy: Policy = serde_json::from_str(text).expect("a policy");
        assert_eq!(policy.needs().collect::<Vec<_>>(), ["tomorrow"]);
        assert_eq!(serde_json::to_string(&policy).expect("JSON"), text);
        assert!(!format!("{policy:?}").contains("s3cret"));
    }

    #[test]
    fn a_policy_needs_what_came_later_and_is_set() {
        let limit = RateLimit { requests: 1, seconds: 1 };
        let needs = |policy: &Policy| policy.needs().map(str::to_owned).collect::<Vec<_>>();
        assert!(needs(&Policy { allow_ip: vec!["::/0".into()], ..Policy::default() }).is_empty());
        let all = Policy {
            rate_limit: Some(limit),
            visitor_rate_limit: Some(limit),
            max_concurrent: Some(1),
            max_body: Some(0),
            maintenance: Some(Maintenance { message: None, retry_after: 1 }),
            allow_methods: vec!["GET".into()],
            public_paths: vec!["/".into()],
            private_paths: vec!["/".into()],
            answers: vec![CannedAnswer::default()],
            request_headers: HeaderRules { remove: vec!["a".into()], ..HeaderRules::default() },
            response_headers: HeaderRules { remove: vec!["a".into()], ..HeaderRules::default() },
            bearer_keys: vec![BearerKey::default()],
            jwt: Some(JwtRule::default()),
            rewrites: vec![Rewrite::default()],
            cors: Some(Cors { origins: vec!["*".into()], ..Cors::default() }),
            ..Policy::default()
        };
        assert_eq!(needs(&all), POLICIES);
        let one = Policy { visitor_rate_limit: Some(limit), ..Policy::default() };
        assert_eq!(needs(&one), ["visitor_rate_limit"]);
    }

    #[test]
    fn a_limit_has_bounds_on_both_sides() {
        let usable = |requests, seconds| RateLimit { requests, seconds }.is_usable();
        assert!(usable(1, 1) && usable(RateLimit::MAX_REQUESTS, RateLimit::MAX_SECONDS));
        assert!(!usable(0, 1) && !usable(1, 0));
        assert!(!usable(RateLimit::MAX_REQUESTS + 1, 1) && !usable(1, RateLimit::MAX_SECONDS + 1));
    }
}
