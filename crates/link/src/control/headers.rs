//! What a policy does to header fields. Both ends check it: an agent to tell its user, a gateway because it believes
//! no agent.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Changes to the fields of one head: some go, then some are set, then some are added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeaderRules {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
    /// Each in the place of the first field of its name, whose repeats go; last where there was none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<HeaderField>,
    /// Behind all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<HeaderField>,
}

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderField {
    pub name: String,
    pub value: String,
}

/// The name alone: the value may be a credential for the service.
impl fmt::Debug for HeaderField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderField").field("name", &self.name).field("value", &"***").finish()
    }
}

/// What is wrong with changes to a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongHeader {
    /// The field; none: all of them together.
    pub name: Option<String>,
    /// The end of a sentence.
    pub what: &'static str,
}

/// What belongs to connections, to framing and to the handshakes of protocols, and who the visitor is.
const OURS: [&str; 15] = [
    "connection",
    "content-length",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-real-ip",
];
const OUR_BEGINNINGS: [&str; 4] = ["porthole-", "sec-websocket-", "x-forwarded-", "x-porthole-"];

impl HeaderRules {
    /// Changes to one head: looked through for each request or answer.
    pub const MAX_CHANGES: usize = 32;
    /// Bytes of all names and values together: an eighth of what a visitor's head may have.
    pub const MAX_BYTES: usize = 8 * 1024;

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        self.remove.len() + self.set.len() + self.add.len()
    }

    /// Whether they leave alone what is not theirs to change, and can be written as they stand.
    ///
    /// # Errors
    /// The field that is wrong, and why.
    pub fn check(&self) -> Result<(), WrongHeader> {
        let fields = || self.set.iter().chain(&self.add);
        let names = self.remove.iter().chain(fields().map(|field| &field.name));
        let bytes: usize = names.map(String::len).chain(fields().map(|field| field.value.len())).sum();
        if self.len() > Self::MAX_CHANGES || bytes > Self::MAX_BYTES {
            let what = "there are at most 32 changes, of 8 KiB together";
            return Err(WrongHeader { name: None, what });
        }
        for name in &self.remove {
            check_name(name)?;
        }
        for field in fields() {
            check_name(&field.name)?;
            let plain = field.value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if !plain || field.value.trim() != field.value {
                let what = "its value has visible ASCII characters, with spaces between them only";
                return Err(WrongHeader { name: Some(field.name.clone()), what });
            }
        }
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), WrongHeader> {
    let wrong = |what| Err(WrongHeader { name: Some(name.to_owned()), what });
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return wrong("a name has letters, digits and dashes, like X-Env");
    }
    // Some servers read `X_Forwarded_For` and `X.Forwarded.For` as the name with dashes.
    let plain = name.to_ascii_lowercase().replace(['_', '.'], "-");
    if OURS.contains(&plain.as_str()) || OUR_BEGINNINGS.iter().any(|begin| plain.starts_with(begin)) {
        return wrong("it belongs to connections, or tells who the visitor is");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> HeaderField {
        HeaderField { name: name.into(), value: value.into() }
    }

    fn set(name: &str, value: &str) -> HeaderRules {
        HeaderRules { set: vec![field(name, value)], ..HeaderRules::default() }
    }

    #[test]
    fn what_belongs_to_connections_and_who_the_visitor_is_cannot_be_touched_in_any_spelling() {
        for name in [
            "Host",
            "CONTENT-LENGTH",
            "Content_Length",
            "transfer-encoding",
            "Connection",
            "Upgrade",
            "Trailer",
            "TE",
            "Expect",
            "Keep-Alive",
            "Forwarded",
            "X-Forwarded-For",
            "X_Forwarded_For",
            "x.forwarded.host",
            "X-Real-IP",
            "Porthole-Error",
            "X-Porthole-Client",
            "Sec-WebSocket-Key",
        ] {
            let removed = HeaderRules { remove: vec![name.into()], ..HeaderRules::default() };
            let added = HeaderRules { add: vec![field(name, "1")], ..HeaderRules::default() };
            for rules in [removed, set(name, "1"), added] {
                let wrong = rules.check().expect_err(name);
                assert_eq!(wrong.name.as_deref(), Some(name));
            }
        }
        for name in ["X-Env", "authorization", "Cookie", "Set-Cookie", "Vary", "Hosts", "X-Forward", "`|~"] {
            assert_eq!(set(name, "1").check(), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_name_is_a_token_and_a_value_ends_no_line() {
        for name in ["", "X Env", "X:Env", "X\r\nEnv", "X\0", "Ä", "(x)"] {
            assert!(set(name, "1").check().is_err(), "{name:?}");
        }
        for value in
            ["a\r\nX-Canary: 1", "a\n", "\r", "a\0b", "\u{10a}X-Canary: 1", "a\tb", " a", "a ", "\x7f"]
        {
            assert!(set("X-Env", value).check().is_err(), "{value:?}");
        }
        assert!(set("X-Env", "").check().is_ok() && set("X-Env", "a; b=\"c\"").check().is_ok());
    }

    #[test]
    fn changes_are_bounded_in_number_and_bytes() {
        let removed = |count| HeaderRules { remove: vec!["a".into(); count], ..HeaderRules::default() };
        assert!(removed(HeaderRules::MAX_CHANGES).check().is_ok());
        assert!(removed(HeaderRules::MAX_CHANGES + 1).check().is_err());
        let long = |bytes| set("a", &"x".repeat(bytes - 1));
        assert!(long(HeaderRules::MAX_BYTES).check().is_ok());
        assert!(long(HeaderRules::MAX_BYTES + 1).check().is_err());
    }

    #[test]
    fn the_values_of_fields_are_not_shown() {
        assert!(!format!("{:?}", set("Authorization", "s3cret")).contains("s3cret"));
    }
}
