//! Settings about what is changed of requests and answers onto a mapping's policy.

use porthole_link::control::{Cors, HeaderRules, Policy};

use super::{MappingFields, each, unless_empty};
use crate::mapping::{
    MappingError, checked_cors, checked_headers, checked_rewrites, parse_header, parse_max_age, parse_method,
    parse_origin, parse_rewrite,
};

pub(super) fn apply(fields: &MappingFields, policy: &mut Policy) -> Result<(), MappingError> {
    let (set, add, remove) =
        (&fields.request_header, &fields.add_request_header, &fields.remove_request_header);
    apply_headers(set, add, remove, &mut policy.request_headers)?;
    let (set, add, remove) =
        (&fields.response_header, &fields.add_response_header, &fields.remove_response_header);
    apply_headers(set, add, remove, &mut policy.response_headers)?;
    if !fields.rewrite_path.is_empty() {
        policy.rewrites = checked_rewrites(each(&fields.rewrite_path, parse_rewrite)?)?;
    }
    apply_cors(fields, policy)
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

fn apply_cors(fields: &MappingFields, policy: &mut Policy) -> Result<(), MappingError> {
    let mut cors = policy.cors.clone().unwrap_or_default();
    if !fields.cors_origin.is_empty() {
        cors.origins = each(&fields.cors_origin, parse_origin)?;
        if cors.origins.is_empty() {
            // Without origins there is nothing that the rest could be for.
            cors = Cors::default();
        }
    }
    if !fields.cors_method.is_empty() {
        cors.methods = each(&fields.cors_method, |text| match text.trim() {
            "*" => Ok("*".to_owned()),
            method => parse_method(method),
        })?;
    }
    let name = |text: &str| Ok::<_, MappingError>(text.trim_matches(' ').to_owned());
    if !fields.cors_header.is_empty() {
        cors.headers = each(&fields.cors_header, name)?;
    }
    if !fields.cors_expose.is_empty() {
        cors.expose = each(&fields.cors_expose, name)?;
    }
    cors.credentials = fields.cors_credentials.unwrap_or(cors.credentials);
    if let Some(text) = &fields.cors_max_age {
        cors.max_age = unless_empty(text, parse_max_age)?;
    }
    policy.cors = if cors == Cors::default() {
        None
    } else if cors.origins.is_empty() {
        return Err(MappingError::NoCors);
    } else {
        Some(checked_cors(cors)?)
    };
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
    fn paths_are_rewritten_each_to_one_other() {
        let mut policy = Policy::default();
        let set =
            MappingFields { rewrite_path: texts(&["/v1=/api/2024", "/v2=/api/2025"]), ..Default::default() };
        apply(&set, &mut policy).unwrap();
        assert_eq!((policy.rewrites.len(), policy.rewrites[1].to.as_str()), (2, "/api/2025"));
        let twice = MappingFields { rewrite_path: texts(&["/v1=/a", "/v1/=/b"]), ..Default::default() };
        assert!(matches!(apply(&twice, &mut policy), Err(MappingError::Rewrites(_))));
        let clear = MappingFields { rewrite_path: texts(&[""]), ..Default::default() };
        apply(&clear, &mut policy).unwrap();
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn cors_begins_and_ends_with_its_origins() {
        let mut policy = Policy::default();
        let rest = MappingFields {
            cors_method: texts(&["put", "*"]),
            cors_header: texts(&["X-Env"]),
            cors_credentials: Some(true),
            cors_expose: texts(&["X-Total"]),
            cors_max_age: Some("10m".into()),
            ..Default::default()
        };
        assert_eq!(apply(&rest, &mut policy), Err(MappingError::NoCors));
        let all = MappingFields { cors_origin: texts(&["HTTPS://App.example/"]), ..rest };
        apply(&all, &mut policy).unwrap();
        let cors = policy.cors.clone().unwrap();
        assert_eq!((cors.origins[0].as_str(), cors.methods[0].as_str()), ("https://app.example", "PUT"));
        assert_eq!((cors.credentials, cors.max_age), (true, Some(600)));
        let any = MappingFields { cors_origin: texts(&["*"]), ..Default::default() };
        assert!(matches!(apply(&any, &mut policy), Err(MappingError::Cors(_))), "with credentials");
        let without = MappingFields { cors_credentials: Some(false), ..any };
        apply(&without, &mut policy).unwrap();
        assert_eq!(policy.cors.as_ref().map(|cors| cors.headers.len()), Some(1));
        let clear = MappingFields { cors_origin: texts(&[""]), ..Default::default() };
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
