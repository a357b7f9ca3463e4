//! Settings about what is changed of requests and answers onto a mapping's policy.

use porthole_link::control::{HeaderRules, Policy};

use super::{MappingFields, each};
use crate::mapping::{MappingError, checked_headers, parse_header};

pub(super) fn apply(fields: &MappingFields, policy: &mut Policy) -> Result<(), MappingError> {
    let (set, add, remove) =
        (&fields.request_header, &fields.add_request_header, &fields.remove_request_header);
    apply_headers(set, add, remove, &mut policy.request_headers)?;
    let (set, add, remove) =
        (&fields.response_header, &fields.add_response_header, &fields.remove_response_header);
    apply_headers(set, add, remove, &mut policy.response_headers)
}

fn apply_headers(
    set: &[String],
    add: &[String],
    remove: &[String],
    rules: &mut HeaderRules,
) -> Result<(), MappingError> {
    let mut changed = rules.clone();
    if !set.is_empty() {
        changed.set = each(set, parse_header)?;
    }
    if !add.is_empty() {
        changed.add = each(add, parse_header)?;
    }
    if !remove.is_empty() {
        changed.remove = each(remove, |name| Ok::<_, MappingError>(name.trim_matches(' ').to_owned()))?;
    }
    *rules = checked_headers(changed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn fields_are_set_added_and_removed_apart_and_cleared_by_an_empty_text() {
        let mut policy = Policy::default();
        let all = MappingFields {
            request_header: texts(&["X-Env: dev"]),
            remove_request_header: texts(&["Cookie", "authorization"]),
            add_response_header: texts(&["Set-Cookie: a=1; Path=/", "Set-Cookie: b=2"]),
            ..Default::default()
        };
        apply(&all, &mut policy).unwrap();
        assert_eq!(policy.request_headers.set[0].value, "dev");
        assert_eq!(policy.request_headers.remove, ["Cookie", "authorization"]);
        assert_eq!(policy.response_headers.add.len(), 2);
        let some = MappingFields { remove_request_header: texts(&[""]), ..Default::default() };
        apply(&some, &mut policy).unwrap();
        assert_eq!((policy.request_headers.set.len(), policy.request_headers.remove.len()), (1, 0));
        let clear = MappingFields {
            request_header: texts(&[""]),
            add_response_header: texts(&[""]),
            ..Default::default()
        };
        apply(&clear, &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn what_is_not_to_be_touched_is_refused_whichever_way() {
        for fields in [
            MappingFields { request_header: texts(&["Host: a"]), ..Default::default() },
            MappingFields { add_request_header: texts(&["X-Forwarded-For: ::1"]), ..Default::default() },
            MappingFields { remove_request_header: texts(&["Content-Length"]), ..Default::default() },
            MappingFields { response_header: texts(&["Transfer-Encoding: chunked"]), ..Default::default() },
            MappingFields { add_response_header: texts(&["porthole-error: x"]), ..Default::default() },
            MappingFields { remove_response_header: texts(&["Connection"]), ..Default::default() },
            MappingFields { remove_response_header: texts(&["a\n"]), ..Default::default() },
        ] {
            let mut policy = Policy::default();
            assert!(apply(&fields, &mut policy).is_err(), "{fields:?}");
            assert_eq!(policy, Policy::default());
        }
    }
}
