//! Settings about requests onto a mapping's policy.

use porthole_link::control::{CannedAnswer, Policy};

use super::{MappingFields, each};
use crate::mapping::{
    MappingError, RETRY_AFTER, parse_answer, parse_maintenance, parse_method, parse_redirect,
    parse_retry_after, parse_rule_path,
};

pub(super) fn apply(fields: &MappingFields, policy: &mut Policy) -> Result<(), MappingError> {
    if let Some(text) = &fields.maintenance {
        let before = policy.maintenance.as_ref().map_or(RETRY_AFTER, |maintenance| maintenance.retry_after);
        policy.maintenance = parse_maintenance(text, before)?;
    }
    if let Some(text) = &fields.maintenance_retry {
        match (&mut policy.maintenance, text.trim()) {
            (Some(maintenance), "") => maintenance.retry_after = RETRY_AFTER,
            (Some(maintenance), text) => maintenance.retry_after = parse_retry_after(text)?,
            (None, "") => {}
            (None, _) => return Err(MappingError::NoMaintenance),
        }
    }
    if !fields.allow_method.is_empty() {
        policy.allow_methods = each(&fields.allow_method, parse_method)?;
    }
    if !fields.public_path.is_empty() {
        policy.public_paths = each(&fields.public_path, parse_rule_path)?;
    }
    if !fields.private_path.is_empty() {
        policy.private_paths = each(&fields.private_path, parse_rule_path)?;
    }
    if !fields.answer.is_empty() {
        policy.answers.retain(CannedAnswer::is_redirect);
        policy.answers.extend(each(&fields.answer, parse_answer)?);
    }
    if !fields.redirect.is_empty() {
        policy.answers.retain(|answer| !answer.is_redirect());
        policy.answers.extend(each(&fields.redirect, parse_redirect)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn answers_and_redirects_are_set_and_cleared_apart() {
        let mut policy = Policy::default();
        let mut both = MappingFields { answer: texts(&["/a=404"]), ..Default::default() };
        both.redirect = texts(&["/b=/c", "/d=308 /e"]);
        apply(&both, &mut policy).unwrap();
        let paths = |policy: &Policy| policy.answers.iter().map(|one| one.path.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&policy), ["/a", "/b", "/d"]);
        let other = MappingFields { redirect: texts(&[""]), ..Default::default() };
        apply(&other, &mut policy).unwrap();
        assert_eq!(paths(&policy), ["/a"]);
        let none = MappingFields { answer: texts(&[""]), ..Default::default() };
        apply(&none, &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn the_time_to_wait_goes_with_the_maintenance_and_stays_when_its_sentence_changes() {
        let mut policy = Policy::default();
        let wait = MappingFields { maintenance_retry: Some("10m".into()), ..Default::default() };
        assert_eq!(apply(&wait, &mut policy), Err(MappingError::NoMaintenance));
        let on = MappingFields { maintenance: Some("on".into()), ..wait };
        apply(&on, &mut policy).unwrap();
        let told = MappingFields { maintenance: Some("Back at noon.".into()), ..Default::default() };
        apply(&told, &mut policy).unwrap();
        let now = policy.maintenance.clone().unwrap();
        assert_eq!((now.message.as_deref(), now.retry_after), (Some("Back at noon."), 600));
        let off = MappingFields { maintenance: Some("off".into()), ..Default::default() };
        apply(&off, &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn lists_are_replaced_whole_and_cleared_by_an_empty_text() {
        let mut policy = Policy::default();
        let set = MappingFields {
            allow_method: texts(&["get", "post"]),
            public_path: texts(&["/hooks/"]),
            private_path: texts(&["/", "/admin"]),
            ..Default::default()
        };
        apply(&set, &mut policy).unwrap();
        assert_eq!(policy.allow_methods, ["GET", "POST"]);
        assert_eq!((policy.public_paths.len(), policy.public_paths[0].as_str()), (1, "/hooks"));
        assert_eq!(policy.private_paths, ["/", "/admin"]);
        apply(&MappingFields::default(), &mut policy).unwrap();
        assert_eq!(policy.private_paths.len(), 2);
        let clear = MappingFields {
            allow_method: texts(&[""]),
            public_path: texts(&[""]),
            private_path: texts(&[""]),
            ..Default::default()
        };
        apply(&clear, &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
    }
}
