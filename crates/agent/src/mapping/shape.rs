//! What is changed of requests and answers, as people write it: header fields, paths, and what pages of other
//! origins are told.

use porthole_link::control::{Cors, HeaderField, HeaderRules, Rewrite, WrongHeader};

use super::{MappingError, parse_duration, parse_rule_path, shown};

/// `NAME: VALUE`; the value may be empty.
pub fn parse_header(text: &str) -> Result<HeaderField, MappingError> {
    // Around it only: a line's end at its own is one too many.
    let spaces = |c| c == ' ' || c == '\t';
    let (name, value) = text.split_once(':').ok_or_else(|| MappingError::Header(shown(text)))?;
    Ok(HeaderField {
        name: name.trim_matches(spaces).to_owned(),
        value: value.trim_matches(spaces).to_owned(),
    })
}

/// The changes to one head, if they may be.
pub fn checked_headers(rules: HeaderRules) -> Result<HeaderRules, MappingError> {
    match rules.check() {
        Ok(()) => Ok(rules),
        Err(WrongHeader { name: Some(name), what }) => Err(MappingError::HeaderField(shown(&name), what)),
        Err(WrongHeader { name: None, what }) => Err(MappingError::HeaderRules(what)),
    }
}

/// `FROM=TO`, both path prefixes; `/` stands for all, or for nothing in its place.
pub fn parse_rewrite(text: &str) -> Result<Rewrite, MappingError> {
    let (from, to) = text.split_once('=').ok_or_else(|| MappingError::Rewrite(shown(text)))?;
    Ok(Rewrite { from: parse_rule_path(from)?, to: parse_rule_path(to)? })
}

pub fn checked_rewrites(rewrites: Vec<Rewrite>) -> Result<Vec<Rewrite>, MappingError> {
    Rewrite::check_all(&rewrites).map_err(MappingError::Rewrites)?;
    Ok(rewrites)
}

/// An origin as a browser would write it, or `*`.
pub fn parse_origin(text: &str) -> Result<String, MappingError> {
    let wrong = || MappingError::Origin(shown(text));
    let text = text.trim();
    if text == "*" {
        return Ok(text.to_owned());
    }
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let bare = url.path().trim_end_matches('/').is_empty()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let (Some(host), true) = (url.host_str(), bare) else { return Err(wrong()) };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let origin = format!("{}://{}{port}", url.scheme(), host.to_ascii_lowercase());
    let alone = Cors { origins: vec![origin.clone()], ..Cors::default() };
    alone.check().map(|()| origin).map_err(|_| wrong())
}

/// `10m`, `600` (seconds): 0 s to a day, in whole seconds.
pub fn parse_max_age(text: &str) -> Result<u32, MappingError> {
    let seconds = parse_duration(text).map(|duration| duration.as_secs());
    seconds
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| *seconds <= Cors::MAX_AGE)
        .ok_or_else(|| MappingError::MaxAge(shown(text)))
}

pub fn checked_cors(cors: Cors) -> Result<Cors, MappingError> {
    cors.check().map_err(MappingError::Cors)?;
    Ok(cors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_a_browser_would() {
        for (text, origin) in [
            ("https://App.Example", "https://app.example"),
            (" https://app.example:443/ ", "https://app.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("tauri://localhost", "tauri://localhost"),
            ("*", "*"),
        ] {
            assert_eq!(parse_origin(text).as_deref(), Ok(origin));
        }
        for bad in [
            "",
            "null",
            "app.example",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "*.example",
            "https://*.a",
        ] {
            assert_eq!(parse_origin(bad), Err(MappingError::Origin(bad.into())), "{bad}");
        }
    }

    #[test]
    fn a_rewriting_is_one_path_and_another() {
        let read = |text: &str| parse_rewrite(text).map(|Rewrite { from, to }| (from, to));
        assert_eq!(read("/v1=/api/2024"), Ok(("/v1".into(), "/api/2024".into())));
        assert_eq!(read("/v1/ = /"), Ok(("/v1".into(), "/".into())));
        for bad in
            ["", "/v1", "/v1=", "=/x", "v1=/x", "/v1=x", "/v1=/a/../b", "/v1=/a?b", "/a//b=/c", "/v1=/a b"]
        {
            assert!(parse_rewrite(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_browser_remembers_for_a_day_at_most() {
        for (text, seconds) in [("0", 0), ("10m", 600), ("1d", 86_400)] {
            assert_eq!(parse_max_age(text), Ok(seconds), "{text}");
        }
        for bad in ["", "86401", "2d", "soon", "-1"] {
            assert!(parse_max_age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_header_is_a_name_and_a_value_that_may_hold_colons() {
        let read = |text: &str| parse_header(text).map(|HeaderField { name, value }| (name, value));
        assert_eq!(read(" X-Env :  dev a:b "), Ok(("X-Env".into(), "dev a:b".into())));
        assert_eq!(read("X-Env:"), Ok(("X-Env".into(), String::new())));
        assert_eq!(read("X-Env"), Err(MappingError::Header("X-Env".into())));
    }

    #[test]
    fn changes_that_may_not_be_name_their_field() {
        let set = |text: &str| {
            let set = vec![parse_header(text).unwrap()];
            checked_headers(HeaderRules { set, ..HeaderRules::default() }).map_err(|error| error.to_string())
        };
        assert!(set("X-Env: dev").is_ok());
        for (bad, said) in [
            ("Host: a", "“Host”"),
            ("a b: c", "“a b”"),
            ("X: \u{e9}", "“X”"),
            ("X: a\n", "“X”"),
            (": x", "“”"),
        ] {
            let sentence = set(bad).unwrap_err();
            assert!(sentence.contains(said), "{bad:?}: {sentence}");
        }
    }
}
