//! A mapping as somebody wants it: each field is looked at, and what is wrong with it told in a sentence.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use porthole_link::control::{self, BasicAuth, Match, RateLimit};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Problem;
use super::{Condition, On, Protocol};
use crate::mapping::{self, MappingError, MappingSpec};
use crate::target::{Scheme, Target};

/// Users of one mapping's password list: each new password takes 20 ms to hash.
pub(in super::super) const MAX_USERS: usize = 100;

/// What is wrong with which field.
pub(super) type Wrong = BTreeMap<&'static str, String>;

/// A mapping as it is wanted. Only the target is needed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct MappingInput {
    /// `3000`, `localhost:3000`, `https://localhost:8443`, `tcp://db:5432`.
    target: String,
    /// Needed only to make raw TCP of a target that does not say so.
    #[serde(default)]
    protocol: Option<Protocol>,
    /// A name under the gateway's domain. Without name, host and path one is made up.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    strip_prefix: bool,
    #[serde(default)]
    remote_port: Option<i64>,
    #[serde(default)]
    host_header: Option<String>,
    #[serde(default)]
    allow_invalid_certs: bool,
    #[serde(default)]
    timeout_ms: Option<i64>,
    /// Absent: as they were.
    #[serde(default)]
    matches: Option<Vec<Condition>>,
    #[serde(default)]
    inspect: Option<bool>,
    /// Absent: as it was.
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    #[serde(default)]
    policy: PolicyInput,
}

/// Who may come in.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PolicyInput {
    #[serde(default)]
    basic_auth: Vec<UserInput>,
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

impl MappingInput {
    /// The mapping that is meant, over the one that was there; or everything that is wrong with it.
    pub(super) fn read(
        self,
        id: String,
        before: Option<&MappingSpec>,
        passwords: Passwords,
    ) -> Result<MappingSpec, Wrong> {
        let mut wrong = Wrong::new();
        let target = self.target().map_err(|error| wrong.insert("target", error.to_string()));
        // Stands in for a wrong one while the other fields are looked at.
        let somewhere = || Target { scheme: Scheme::Http, host: String::new(), port: 0 };
        let mut spec = MappingSpec::new(id, target.unwrap_or_else(|_| somewhere()));
        if self.protocol == Some(Protocol::Http) && spec.target.scheme == Scheme::Tcp {
            let sentence = "the target is raw TCP: leave the protocol out, or write the target as a URL";
            wrong.insert("protocol", sentence.into());
        }
        let (name, host, path) =
            (text(self.name.as_ref()), text(self.host.as_ref()), text(self.path.as_ref()));
        spec.name = take(&mut wrong, "name", name.map(mapping::parse_name).transpose());
        spec.host = take(&mut wrong, "host", host.map(mapping::parse_host).transpose());
        spec.path = take(&mut wrong, "path", path.map(mapping::parse_path).transpose()).flatten();
        spec.strip_prefix = self.strip_prefix;
        spec.remote_port = take(&mut wrong, "remote_port", self.remote_port.map(port).transpose());
        spec.allow_invalid_certs = self.allow_invalid_certs;
        if let Some(header) = text(self.host_header.as_ref()) {
            spec.host_header = take(&mut wrong, "host_header", header.parse());
        }
        if let Some(ms) = self.timeout_ms {
            spec.timeout_ms = take(&mut wrong, "timeout_ms", mapping::parse_timeout(&format!("{ms}ms")));
        }
        spec.inspect = self.inspect.unwrap_or(true);
        spec.matches = match self.matches {
            Some(matches) => take(&mut wrong, "matches", matches.into_iter().map(Match::try_from).collect()),
            None => before.map(|before| before.matches.clone()).unwrap_or_default(),
        };
        let kept = before.map(|before| before.policy.basic_auth.as_slice()).unwrap_or_default();
        spec.policy = control::Policy {
            basic_auth: take(&mut wrong, "policy.basic_auth", users(self.policy.basic_auth, kept, passwords)),
            allow_ip: take(&mut wrong, "policy.allow_ip", each_cidr(&self.policy.allow_ip)),
            deny_ip: take(&mut wrong, "policy.deny_ip", each_cidr(&self.policy.deny_ip)),
            rate_limit: take(&mut wrong, "policy.rate_limit", rate(self.policy.rate_limit.as_ref())),
            visitor_rate_limit: take(
                &mut wrong,
                "policy.visitor_rate_limit",
                rate(self.policy.visitor_rate_limit.as_ref()),
            ),
            max_concurrent: take(
                &mut wrong,
                "policy.max_concurrent",
                self.policy
                    .max_concurrent
                    .map(|most| mapping::parse_concurrent(&most.to_string()))
                    .transpose(),
            ),
            max_body: take(
                &mut wrong,
                "policy.max_body",
                text(self.policy.max_body.as_ref()).map(mapping::parse_body).transpose(),
            ),
            // Nobody can have meant to take off what is not known here.
            unknown: before.map(|before| before.policy.unknown.clone()).unwrap_or_default(),
        };
        if !wrong.contains_key("target") {
            for (field, error) in spec.problems() {
                wrong.entry(field).or_insert_with(|| error.to_string());
            }
        }
        if wrong.is_empty() { Ok(spec) } else { Err(wrong) }
    }

    /// Somebody who is to keep a password, and has none.
    pub(super) fn user_without_password(&self, kept: &[BasicAuth]) -> Option<String> {
        let known = |user: &str| kept.iter().any(|kept| kept.user == user);
        let without = |given: &&UserInput| given.password.is_none() && !known(&given.user);
        self.policy.basic_auth.iter().find(without).map(|given| mapping::shown(&given.user))
    }

    fn target(&self) -> Result<Target, crate::target::TargetError> {
        match self.protocol {
            Some(Protocol::Tcp) => Target::parse_tcp(self.target.trim()),
            _ => Target::parse_any(&self.target),
        }
    }
}

/// Everything that is wrong, as one refusal.
pub(super) fn refusal(wrong: Wrong) -> Problem {
    let detail = match wrong.len() {
        1 => wrong.values().next().cloned().unwrap_or_default(),
        count => format!("{count} fields are wrong"),
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-mapping", detail).with_fields(wrong)
}

/// Empty means absent.
fn text(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.trim().is_empty())
}

/// The value, or a note of what is wrong with it.
fn take<T: Default, E: ToString>(wrong: &mut Wrong, field: &'static str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| {
        wrong.insert(field, error.to_string());
        T::default()
    })
}

fn port(number: i64) -> Result<u16, String> {
    let port = u16::try_from(number).ok().filter(|port| *port != 0);
    port.ok_or_else(|| format!("{number} is not a port: give a number from 1 to 65535"))
}

fn rate(limit: Option<&String>) -> Result<Option<RateLimit>, MappingError> {
    text(limit).map(mapping::parse_rate).transpose()
}

fn each_cidr(texts: &[String]) -> Result<Vec<String>, MappingError> {
    texts.iter().filter(|text| !text.trim().is_empty()).map(|text| mapping::parse_cidr(text)).collect()
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

impl TryFrom<Condition> for Match {
    type Error = MappingError;

    fn try_from(condition: Condition) -> Result<Self, MappingError> {
        let Condition { on, name, value } = condition;
        let whole = value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}"));
        let (checked, _) = mapping::parse_condition(&whole)?;
        if checked != name {
            return Err(MappingError::Match(mapping::shown(&whole)));
        }
        Ok(match on {
            On::Header => Self::Header { name, value },
            On::Query => Self::Query { name, value },
            On::Cookie => Self::Cookie { name, value },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(input: Value) -> Result<MappingSpec, Wrong> {
        let input: MappingInput = serde_json::from_value(input).unwrap();
        input.read("id".into(), None, Passwords::Hash)
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let wrong = read(json!({
            "target": "localhost:70000", "name": "-a", "host": "no host", "path": "a", "remote_port": 70000,
            "host_header": "a b", "timeout_ms": 0, "matches": [{"on": "header", "name": "a b"}],
            "policy": {"basic_auth": [{"user": "me"}], "allow_ip": ["x"], "deny_ip": ["1.2.3.4/33"],
                "rate_limit": "10", "visitor_rate_limit": "0/s", "max_concurrent": 0,
                "max_body": "much"},
        }))
        .unwrap_err();
        let fields: Vec<&str> = wrong.keys().copied().collect();
        assert_eq!(
            fields,
            [
                "host",
                "host_header",
                "matches",
                "name",
                "path",
                "policy.allow_ip",
                "policy.basic_auth",
                "policy.deny_ip",
                "policy.max_body",
                "policy.max_concurrent",
                "policy.rate_limit",
                "policy.visitor_rate_limit",
                "remote_port",
                "target",
                "timeout_ms",
            ]
        );
        assert!(wrong.values().all(|sentence| !sentence.is_empty()));
    }

    #[test]
    fn what_does_not_go_together_is_told_at_its_field() {
        let twice = json!([{"user": "a", "password": "b"}, {"user": "a"}]);
        for (input, field) in [
            (json!({"target": "3000", "name": "a", "host": "a.example"}), "host"),
            (json!({"target": "3000", "remote_port": 1}), "remote_port"),
            (json!({"target": "tcp://db:1", "path": "/a"}), "path"),
            (json!({"target": "tcp://db:1", "strip_prefix": true}), "strip_prefix"),
            (json!({"target": "tcp://db:1", "protocol": "http"}), "protocol"),
            (json!({"target": "http://db:1", "protocol": "tcp"}), "target"),
            (json!({"target": "1", "policy": {"basic_auth": twice}}), "policy.basic_auth"),
        ] {
            let wrong = read(input.clone()).unwrap_err();
            assert!(wrong.len() == 1 && wrong.contains_key(field), "{input}: {wrong:?}");
        }
        assert!(read(json!({"target": "3000"})).is_ok());
        assert_eq!(read(json!({"target": "5432", "protocol": "tcp"})).unwrap().target.scheme, Scheme::Tcp);
    }

    #[test]
    fn a_password_that_is_not_given_stays_and_one_that_is_leaves_as_a_hash() {
        let given =
            json!({"target": "3000", "policy": {"basic_auth": [{"user": "me", "password": "hunter2"}]}});
        assert!(!format!("{:?}", serde_json::from_value::<MappingInput>(given.clone())).contains("hunter2"));
        let before = read(given).unwrap();
        assert!(before.policy.basic_auth[0].hash.starts_with("$argon2id$"));
        let again = json!({"target": "3000", "policy": {"basic_auth": [{"user": "me"}]}});
        let again: MappingInput = serde_json::from_value(again).unwrap();
        let after = again.read("id".into(), Some(&before), Passwords::Hash).unwrap();
        assert_eq!(after.policy, before.policy);
    }
}
