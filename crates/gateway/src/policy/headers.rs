//! Fields that a mapping takes off the heads that pass, and puts onto them.

use porthole_http1::Fields;
use porthole_link::control::{HeaderRules, WrongHeader};

use super::compile::shown;

/// Changes that were checked: nothing in them can end a line, or touches framing.
#[derive(Debug, Default)]
pub(super) struct Headers(HeaderRules);

impl Headers {
    /// # Errors
    /// One sentence that names the field which is wrong.
    pub(super) fn new(asked: &HeaderRules) -> Result<Self, String> {
        let wrong = |WrongHeader { name, what }| match name {
            Some(name) => format!("The header field \"{}\" cannot be changed: {what}.", shown(&name)),
            None => format!("The changes to header fields are not usable: {what}."),
        };
        asked.check().map_err(wrong)?;
        Ok(Self(asked.clone()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves all other fields as they are, in their order.
    pub(super) fn apply(&self, fields: &mut Fields) {
        let HeaderRules { remove, set, add } = &self.0;
        if !remove.is_empty() {
            fields.retain(|name, _| !remove.iter().any(|gone| name.eq_ignore_ascii_case(gone.as_bytes())));
        }
        for field in set {
            fields.set(&field.name, &field.value);
        }
        for field in add {
            fields.push(&field.name, &field.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use porthole_link::control::HeaderField;
    use proptest::prelude::*;

    use super::*;

    fn pairs(fields: &Fields) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn changed(rules: &HeaderRules, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields: Fields = fields.iter().copied().collect();
        Headers::new(rules).expect("valid").apply(&mut fields);
        pairs(&fields)
    }

    fn field(name: &str, value: &str) -> HeaderField {
        HeaderField { name: name.into(), value: value.into() }
    }

    #[test]
    fn a_field_is_set_in_its_place_and_case_and_others_stay_in_order() {
        let rules = HeaderRules {
            remove: vec!["cookie".into()],
            set: vec![field("x-env", "dev"), field("X-New", "1")],
            add: vec![field("Set-Cookie", "b=2"), field("Set-Cookie", "c=3")],
        };
        let before = [("X-Env", "prod"), ("COOKIE", "a"), ("Set-Cookie", "a=1"), ("x-env", "test")];
        let after = changed(&rules, &before);
        let expected = [
            ("X-Env", "dev"),
            ("Set-Cookie", "a=1"),
            ("X-New", "1"),
            ("Set-Cookie", "b=2"),
            ("Set-Cookie", "c=3"),
        ];
        assert_eq!(after, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_removed_can_be_put_back_as_something_else() {
        let rules = HeaderRules {
            remove: vec!["authorization".into()],
            set: vec![field("Authorization", "Bearer x")],
            add: Vec::new(),
        };
        let after = changed(&rules, &[("authorization", "Basic eA=="), ("Accept", "*/*")]);
        assert_eq!(after.last(), Some(&("Authorization".into(), "Bearer x".into())));
        assert_eq!(after.len(), 2);
    }

    #[test]
    fn a_field_that_is_not_an_agents_to_change_is_named_in_a_sentence() {
        let rules = HeaderRules { remove: vec!["Content-Length\n".into()], ..HeaderRules::default() };
        let sentence = Headers::new(&rules).expect_err("refused");
        assert!(sentence.contains("\"Content-Length\"") && !sentence.contains('\n'), "{sentence:?}");
    }

    proptest! {
        /// Against the plain meaning, field by field.
        #[test]
        fn only_what_is_named_changes(
            fields in proptest::collection::vec(("[a-dA-D]", "[a-z]{0,3}"), 0..12),
            remove in proptest::collection::vec("[a-dA-D]", 0..3),
            set in proptest::collection::vec(("[a-dA-D]", "[A-Z]{1,3}"), 0..3),
            add in proptest::collection::vec(("[a-dA-D]", "[0-9]{1,3}"), 0..3),
        ) {
            let list = |pairs: &[(String, String)]| pairs.iter().map(|(name, value)| field(name, value)).collect();
            let rules = HeaderRules { remove: remove.clone(), set: list(&set), add: list(&add) };
            let before: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let mut expected = fields.clone();
            expected.retain(|(name, _)| !remove.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
            for (name, value) in &set {
                let mut first = true;
                expected.retain_mut(|field| {
                    if !field.0.eq_ignore_ascii_case(name) {
                        return true;
                    }
                    field.1.clone_from(value);
                    std::mem::take(&mut first)
                });
                if first {
                    expected.push((name.clone(), value.clone()));
                }
            }
            expected.extend(add);
            prop_assert_eq!(changed(&rules, &before), expected);
        }
    }
}
