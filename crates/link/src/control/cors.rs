//! Which pages of other origins may read a mapping's answers. Both ends check it.

use serde::{Deserialize, Serialize};

/// Cross-origin resource sharing, in the service's place (Fetch §3.2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cors {
    /// As browsers write them (`https://app.example`), or `*` alone: any.
    pub origins: Vec<String>,
    /// Beside GET, HEAD and POST, which no browser asks about; `*`: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Fields that pages may send; `*`: any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Fields of answers that pages may read beside the usual ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<String>,
    /// With cookies and passwords; never with any origin.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub credentials: bool,
    /// Seconds for which a browser need not ask again; none: as it likes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
}

impl Cors {
    /// Origins, methods or names on one list: origins are looked through for each request.
    pub const MAX_ENTRIES: usize = 100;
    /// Bytes of one entry: the longest host name with scheme and port, and some.
    pub const MAX_ENTRY_BYTES: usize = 300;
    /// Seconds that a browser may be told to remember: a day, more than any of them does.
    pub const MAX_AGE: u32 = 24 * 60 * 60;

    /// Whether any origin may read the answers.
    pub fn is_any(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let lists = [&self.origins, &self.methods, &self.headers, &self.expose];
        if lists.iter().any(|list| list.len() > Self::MAX_ENTRIES) {
            return Err("each of its lists has at most 100 entries");
        }
        if self.origins.is_empty() {
            return Err("it names at least one origin, like https://app.example");
        }
        if self.is_any() && self.origins.len() > 1 {
            return Err("* is any origin and stands alone");
        }
        if self.is_any() && self.credentials {
            return Err(
                "any origin with credentials would let every page act for its visitors: name the origins",
            );
        }
        if !self.is_any() && !self.origins.iter().all(|origin| is_origin(origin)) {
            return Err(
                "an origin is a scheme, a host and perhaps a port in lower case, like https://app.example",
            );
        }
        let star_or_token = |entry: &String| is_token(entry);
        if !self.methods.iter().chain(&self.headers).all(star_or_token) {
            return Err("methods and names of fields have letters, digits and dashes; * is any of them");
        }
        if !self.expose.iter().all(|name| is_token(name) && name != "*") {
            return Err("names of fields to be read have letters, digits and dashes, one by one");
        }
        if self.max_age.is_some_and(|seconds| seconds > Self::MAX_AGE) {
            return Err("a browser may be told to remember for 0 seconds to 1 day");
        }
        Ok(())
    }
}

fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=Cors::MAX_ENTRY_BYTES).contains(&text.len()) && text.bytes().all(token)
}

/// `scheme://host` or `scheme://host:port` as a browser writes it: in lower case, without what every scheme has
/// anyway. `null` is none: it is what any page in a frame without rights says.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let scheme_fits = scheme.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| letters(byte) || b"+-.".contains(&byte));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_fits = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| letters(byte) || b"-._".contains(&byte)),
    };
    let number = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && !port.starts_with('0')
            && port.parse::<u16>().is_ok()
    };
    let usual = matches!((scheme, port), ("http", Some("80")) | ("https", Some("443")));
    text.len() <= Cors::MAX_ENTRY_BYTES && scheme_fits && host_fits && port.is_none_or(number) && !usual
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    fn of(origins: &[&str]) -> Cors {
        Cors { origins: texts(origins), ..Cors::default() }
    }

    #[test]
    fn an_origin_is_what_a_browser_writes() {
        for origin in [
            "https://app.example",
            "http://localhost:5173",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "tauri://localhost",
            "chrome-extension://abcdef",
        ] {
            assert_eq!(of(&[origin]).check(), Ok(()), "{origin}");
        }
        for origin in [
            "",
            "null",
            "app.example",
            "https://",
            "https://App.example",
            "https://app.example/",
            "https://app.example:443",
            "http://app.example:80",
            "https://app.example:0443",
            "https://app.example:70000",
            "https://*.example",
            "https://a b",
            "https://u@app.example",
            "https://app.example\r\nX-Canary: 1",
            "https://b\u{fc}cher.example",
            "http://[::1",
            "1http://a",
        ] {
            assert!(of(&[origin]).check().is_err(), "{origin:?}");
        }
    }

    #[test]
    fn any_origin_stands_alone_and_never_has_credentials() {
        assert!(of(&["*"]).check().is_ok());
        assert!(of(&["*", "https://app.example"]).check().is_err());
        assert!(Cors { credentials: true, ..of(&["*"]) }.check().is_err());
        assert!(Cors { credentials: true, ..of(&["https://app.example"]) }.check().is_ok());
        assert!(of(&[]).check().is_err());
    }

    #[test]
    fn names_are_tokens_and_everything_is_bounded() {
        let base = || of(&["https://app.example"]);
        let all = Cors {
            methods: texts(&["PUT", "*"]),
            headers: texts(&["X-Env", "*"]),
            expose: texts(&["X-Total"]),
            max_age: Some(Cors::MAX_AGE),
            ..base()
        };
        assert_eq!(all.check(), Ok(()));
        for bad in ["", "a b", "a,b", "a\r\nX-Canary: 1", "\0", "\u{10a}"] {
            let bad = texts(&[bad]);
            assert!(Cors { methods: bad.clone(), ..base() }.check().is_err(), "{bad:?}");
            assert!(Cors { headers: bad.clone(), ..base() }.check().is_err(), "{bad:?}");
            assert!(Cors { expose: bad.clone(), ..base() }.check().is_err(), "{bad:?}");
        }
        assert!(Cors { expose: texts(&["*"]), ..base() }.check().is_err());
        assert!(Cors { max_age: Some(Cors::MAX_AGE + 1), ..base() }.check().is_err());
        let headers = |count| Cors { headers: vec!["a".into(); count], ..base() };
        assert!(
            headers(Cors::MAX_ENTRIES).check().is_ok() && headers(Cors::MAX_ENTRIES + 1).check().is_err()
        );
    }
}
