//! A mapping as somebody wants it: each field is looked at, and what is wrong with it told in a sentence.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use porthole_link::control::{Match, Policy};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Problem;
use super::policy::{Passwords, PolicyInput};
use super::{Condition, On, Protocol};
use crate::mapping::{self, MappingError, MappingSpec};
use crate::target::{Scheme, Target};

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
        // Not theirs to change, and kept where it still can be.
        spec.proxy_protocol =
            before.and_then(|before| before.proxy_protocol).filter(|_| spec.target.scheme == Scheme::Tcp);
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
        spec.policy = self.policy.read(before.map(|before| &before.policy), passwords, &mut wrong);
        if !wrong.contains_key("target") {
            for (field, error) in spec.problems() {
                wrong.entry(field).or_insert_with(|| error.to_string());
            }
        }
        if wrong.is_empty() { Ok(spec) } else { Err(wrong) }
    }

    /// The field of a password or a key that is to be kept, and was not there, with a code and a sentence.
    pub(super) fn nothing_to_keep(&self, kept: &Policy) -> Option<(&'static str, &'static str, String)> {
        self.policy.nothing_to_keep(kept)
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
pub(super) fn text(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.trim().is_empty())
}

/// The value, or a note of what is wrong with it.
pub(super) fn take<T: Default, E: ToString>(
    wrong: &mut Wrong,
    field: &'static str,
    result: Result<T, E>,
) -> T {
    result.unwrap_or_else(|error| {
        wrong.insert(field, error.to_string());
        T::default()
    })
}

fn port(number: i64) -> Result<u16, String> {
    let port = u16::try_from(number).ok().filter(|port| *port != 0);
    port.ok_or_else(|| format!("{number} is not a port: give a number from 1 to 65535"))
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
            "policy": {"basic_auth": [{"user": "me"}], "bearer_keys": [{"name": "ci"}], "jwt": {}, "allow_ip": ["x"], "deny_ip": ["1.2.3.4/33"],
                "rate_limit": "10", "visitor_rate_limit": "0/s", "max_concurrent": 0,
                "max_body": "much", "maintenance": {"retry_after_s": 0}, "allow_methods": ["G T"],
                "public_paths": ["a"], "private_paths": ["/a//b"], "answers": [{"path": "/", "status": 302}],
                "request_headers": {"set": [{"name": "Host", "value": "a"}]},
                "response_headers": {"remove": ["a b"]}, "cors": {"origins": ["*"], "credentials": true},
                "rewrites": [{"from": "/a", "to": "b"}]},
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
                "policy.allow_methods",
                "policy.answers",
                "policy.basic_auth",
                "policy.bearer_keys",
                "policy.cors",
                "policy.deny_ip",
                "policy.jwt",
                "policy.maintenance",
                "policy.max_body",
                "policy.max_concurrent",
                "policy.private_paths",
                "policy.public_paths",
                "policy.rate_limit",
                "policy.request_headers",
                "policy.response_headers",
                "policy.rewrites",
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
        let tokens = json!({"secret": "0123456789abcdef0123456789abcdef"});
        let key = json!({"name": "ci", "key": "0123456789abcdef"});
        let twice = json!([{"user": "a", "password": "b"}, {"user": "a"}]);
        for (input, field) in [
            (json!({"target": "3000", "name": "a", "host": "a.example"}), "host"),
            (json!({"target": "3000", "remote_port": 1}), "remote_port"),
            (json!({"target": "tcp://db:1", "path": "/a"}), "path"),
            (json!({"target": "tcp://db:1", "host": "a.example", "remote_port": 1}), "remote_port"),
            (json!({"target": "tcp://db:1", "host": "*.a.example"}), "host"),
            (json!({"target": "tcp://db:1", "strip_prefix": true}), "strip_prefix"),
            (json!({"target": "tcp://db:1", "protocol": "http"}), "protocol"),
            (json!({"target": "http://db:1", "protocol": "tcp"}), "target"),
            (json!({"target": "1", "policy": {"basic_auth": twice}}), "policy.basic_auth"),
            (json!({"target": "tcp://db:1", "policy": {"bearer_keys": [key]}}), "policy.bearer_keys"),
            (json!({"target": "tcp://db:1", "policy": {"jwt": tokens}}), "policy.jwt"),
        ] {
            let wrong = read(input.clone()).unwrap_err();
            assert!(wrong.len() == 1 && wrong.contains_key(field), "{input}: {wrong:?}");
        }
        assert!(read(json!({"target": "3000"})).is_ok());
        assert_eq!(read(json!({"target": "5432", "protocol": "tcp"})).unwrap().target.scheme, Scheme::Tcp);
    }

    #[test]
    fn what_is_asked_of_requests_is_kept_as_it_was_given() {
        let policy = json!({
            "maintenance": {"message": "Back at noon.", "retry_after_s": 60},
            "allow_methods": ["GET"], "public_paths": ["/hooks"], "private_paths": ["/"], "max_body": "10MB",
            "answers": [{"path": "/old", "status": 302, "location": "/new", "content_type": null, "body": ""}],
            "request_headers": {"remove": ["Cookie"], "set": [{"name": "X-Env", "value": "dev"}], "add": []},
            "response_headers": {"remove": [], "set": [], "add": [{"name": "Set-Cookie", "value": "a=1"}]},
            "cors": {"origins": ["https://app.example"], "methods": ["PUT"], "headers": ["*"], "expose": [],
                "credentials": true, "max_age_s": 600},
            "rewrites": [{"from": "/v1", "to": "/api/2024"}, {"from": "/", "to": "/app"}],
        });
        let spec = read(json!({"target": "3000", "policy": policy})).unwrap();
        let shown: super::super::policy::Policy = spec.policy.into();
        let shown = serde_json::to_value(shown).unwrap();
        for (member, value) in policy.as_object().unwrap() {
            assert_eq!(&shown[member], value, "{member}");
        }
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
