//! What is asked of requests, as people write it: methods, paths, maintenance, answers and redirects.

use porthole_link::control::{CannedAnswer, Maintenance};

use super::{MappingError, parse_duration, parse_path, shown};

/// Seconds after which visitors may try again, unless somebody says otherwise.
pub const RETRY_AFTER: u32 = 300;

/// `on`, `off`, or a sentence for visitors; `retry_after` in seconds.
pub fn parse_maintenance(text: &str, retry_after: u32) -> Result<Option<Maintenance>, MappingError> {
    let text = text.trim();
    let message = match text {
        "" | "off" => return Ok(None),
        "on" => None,
        sentence => Some(sentence.to_owned()),
    };
    checked_maintenance(Maintenance { message, retry_after }).map(Some)
}

pub fn checked_maintenance(maintenance: Maintenance) -> Result<Maintenance, MappingError> {
    maintenance.check().map_err(MappingError::Maintenance)?;
    Ok(maintenance)
}

/// `10m`, `90` (seconds): 1 s to 7 days, in whole seconds.
pub fn parse_retry_after(text: &str) -> Result<u32, MappingError> {
    let seconds = parse_duration(text).map(|duration| duration.as_secs());
    seconds
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| (1..=Maintenance::MAX_RETRY_AFTER).contains(seconds))
        .ok_or_else(|| MappingError::RetryAfter(shown(text)))
}

/// A method, in capitals.
pub fn parse_method(text: &str) -> Result<String, MappingError> {
    let method = text.trim().to_ascii_uppercase();
    let fits = (1..=32).contains(&method.len())
        && method.bytes().all(|byte| byte.is_ascii_uppercase() || b"-_".contains(&byte));
    if fits { Ok(method) } else { Err(MappingError::Method(shown(text))) }
}

/// A path prefix for a rule; `/` stands for all.
pub fn parse_rule_path(text: &str) -> Result<String, MappingError> {
    Ok(parse_path(text)?.unwrap_or_else(|| "/".into()))
}

/// `PATH=STATUS` or `PATH=STATUS BODY`.
pub fn parse_answer(text: &str) -> Result<CannedAnswer, MappingError> {
    let wrong = || MappingError::Answer(shown(text));
    let (path, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (status, body) = rest.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
    let answer = CannedAnswer {
        path: parse_rule_path(path)?,
        status: status.parse().map_err(|_| wrong())?,
        body: body.to_owned(),
        ..CannedAnswer::default()
    };
    checked_answer(answer)
}

/// `PATH=LOCATION`, a 302, or `PATH=STATUS LOCATION`.
pub fn parse_redirect(text: &str) -> Result<CannedAnswer, MappingError> {
    let wrong = || MappingError::Redirect(shown(text));
    let (path, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (status, location) = match rest.trim().split_once(' ') {
        Some((status, location)) => (status.parse().map_err(|_| wrong())?, location.trim()),
        None => (302, rest.trim()),
    };
    let location = Some(location.to_owned());
    checked_answer(CannedAnswer { path: parse_rule_path(path)?, status, location, ..CannedAnswer::default() })
}

/// The answer with the type of its body, where nobody has told it: JSON, HTML or text, as it looks.
pub fn checked_answer(mut answer: CannedAnswer) -> Result<CannedAnswer, MappingError> {
    if answer.content_type.is_none() && !answer.body.is_empty() {
        let begins = answer.body.trim_start().chars().next();
        let json = || serde_json::from_str::<serde::de::IgnoredAny>(&answer.body).is_ok();
        let kind = match begins {
            Some('{' | '[') if json() => "application/json",
            Some('<') => "text/html; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        };
        answer.content_type = Some(kind.to_owned());
    }
    answer.check().map_err(MappingError::AnswerParts)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintenance_is_on_off_or_a_sentence() {
        let read = |text: &str| parse_maintenance(text, 60);
        assert_eq!((read("off"), read("")), (Ok(None), Ok(None)));
        assert_eq!(read(" on "), Ok(Some(Maintenance { message: None, retry_after: 60 })));
        let sentence = Maintenance { message: Some("Back at noon.".into()), retry_after: 60 };
        assert_eq!(read("Back at noon."), Ok(Some(sentence)));
        assert!(read("a\nX-Canary: 1").is_err() && read(&"x".repeat(1001)).is_err());
    }

    #[test]
    fn visitors_are_told_to_wait_a_second_to_a_week() {
        for (text, seconds) in [("90", 90), ("10m", 600), ("7d", 604_800), ("1500ms", 1)] {
            assert_eq!(parse_retry_after(text), Ok(seconds), "{text}");
        }
        for bad in ["", "0", "999ms", "8d", "soon", "-1"] {
            assert!(parse_retry_after(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn methods_are_letters_in_capitals() {
        assert_eq!(parse_method(" get ").as_deref(), Ok("GET"));
        assert_eq!(parse_method("m-search").as_deref(), Ok("M-SEARCH"));
        for bad in ["", "G E", "GET,PUT", "GÉT", "GET\r\nX", &"G".repeat(33)] {
            assert!(parse_method(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_rules_path_may_be_all_of_them() {
        assert_eq!(parse_rule_path("/").as_deref(), Ok("/"));
        assert_eq!(parse_rule_path("/a/b/").as_deref(), Ok("/a/b"));
        assert!(parse_rule_path("").is_err() && parse_rule_path("a").is_err());
    }

    #[test]
    fn an_answer_is_a_status_and_perhaps_a_body_whose_type_shows() {
        let read = |text: &str| {
            let answer = parse_answer(text).unwrap();
            (answer.path, answer.status, answer.content_type.unwrap_or_default(), answer.body)
        };
        let expected = |path: &str, status, kind: &str, body: &str| {
            (path.to_owned(), status, kind.to_owned(), body.to_owned())
        };
        assert_eq!(read("/gone=410"), expected("/gone", 410, "", ""));
        assert_eq!(
            read("/robots.txt=200 User-agent: *\nDisallow: /"),
            expected("/robots.txt", 200, "text/plain; charset=utf-8", "User-agent: *\nDisallow: /")
        );
        assert_eq!(read("/a=200 {\"a\":1}").2, "application/json");
        assert_eq!(read("/a=200 {not json}").2, "text/plain; charset=utf-8");
        assert_eq!(read("/a=200 <h1>a=b</h1>").2, "text/html; charset=utf-8");
        for bad in ["", "/a", "/a=", "/a=x", "/a=99", "/a=304", "/a=302", "/a=204 x", "a=200", "/a/../b=200"]
        {
            assert!(parse_answer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_redirect_is_a_302_unless_it_says_otherwise() {
        let read = |text: &str| {
            let answer = parse_redirect(text).unwrap();
            (answer.path, answer.status, answer.location.unwrap())
        };
        assert_eq!(read("/old=/new?a=b"), ("/old".into(), 302, "/new?a=b".into()));
        assert_eq!(read("/=308 https://a.example/"), ("/".into(), 308, "https://a.example/".into()));
        for bad in
            ["/old", "/old=", "/old=200 /new", "/old=new", "/old=/a b", "/old=/a\r\nX: 1", "/old=x /new"]
        {
            assert!(parse_redirect(bad).is_err(), "{bad}");
        }
    }
}
