//! What is changed of requests and answers, as people write it: header fields.

use porthole_link::control::{HeaderField, HeaderRules, WrongHeader};

use super::{MappingError, shown};

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

#[cfg(test)]
mod tests {
    use super::*;

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
