//! What is asked of requests.

use std::time::Instant;

use porthole_http1::Fields;
use porthole_link::control::{BasicAuth, CannedAnswer};
use proptest::prelude::*;

use super::*;
use crate::policy::{Compiled, Decision, decide};

/// A hash that nothing here is checked against.
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA";

fn compiled(policy: &Policy) -> Compiled {
    Compiled::new(policy, "shop").expect("valid")
}

fn ask(policy: &Policy, method: &str, path: &str, fields: &Fields) -> Decision {
    let visitor = "203.0.113.9".parse().expect("an address");
    decide(&compiled(policy), &PolicyRequest { visitor, method, path, fields, now: Instant::now() })
}

/// The status of a refusal; 0 where a password is asked for, 1 where the request is let in.
fn status(policy: &Policy, method: &str, path: &str) -> u16 {
    match ask(policy, method, path, &Fields::new()) {
        Decision::Refuse(problem) => problem.status(),
        Decision::NeedsPassword(..) | Decision::NeedsKey(..) | Decision::NeedsToken(..) => 0,
        Decision::Allow(None) => 1,
        Decision::Allow(Some(canned)) => canned.answer().head.status,
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn guarded() -> Policy {
    Policy { basic_auth: vec![BasicAuth { user: "ann".into(), hash: HASH.into() }], ..Policy::default() }
}

#[test]
fn maintenance_answers_everybody_with_its_sentence_and_time() {
    let maintenance = Some(Maintenance { message: Some("Back at noon.".into()), retry_after: 600 });
    let policy = Policy { maintenance, public_paths: texts(&["/"]), ..guarded() };
    let Decision::Refuse(Problem::Policy(refusal)) = ask(&policy, "GET", "/x/../y", &Fields::new()) else {
        panic!("refused");
    };
    assert_eq!((refusal.status, refusal.code, &*refusal.message), (503, "maintenance", "Back at noon."));
    assert_eq!(refusal.retry_after, Some(600));
    let plain =
        Policy { maintenance: Some(Maintenance { message: None, retry_after: 1 }), ..Policy::default() };
    assert_eq!(status(&plain, "GET", "/"), 503);
}

#[test]
fn nobody_is_asked_for_a_password_on_a_public_path_and_everybody_elsewhere() {
    let policy =
        Policy { public_paths: texts(&["/hooks"]), private_paths: texts(&["/hooks/x"]), ..guarded() };
    assert_eq!(status(&policy, "POST", "/hooks/github"), 1);
    assert_eq!(status(&policy, "POST", "/hooks/x"), 404);
    assert_eq!(status(&policy, "POST", "/hook"), 401);
    assert_eq!(status(&policy, "POST", "/hooks/../admin"), 400);
    assert_eq!(status(&policy, "POST", "/"), 401);
}

#[test]
fn only_listed_methods_get_in_and_a_head_where_a_get_does() {
    let policy = Policy { allow_methods: texts(&["GET", "POST"]), ..Policy::default() };
    for (method, expected) in
        [("GET", 1), ("HEAD", 1), ("POST", 1), ("PUT", 405), ("get", 405), ("GE", 405), ("GET,", 405)]
    {
        assert_eq!(status(&policy, method, "/"), expected, "{method}");
    }
    let Decision::Refuse(Problem::MethodNotListed { allow }) = ask(&policy, "PUT", "/", &Fields::new())
    else {
        panic!("refused");
    };
    assert_eq!(&*allow, "GET, POST, HEAD");
    let policy = Policy { allow_methods: texts(&["POST"]), ..Policy::default() };
    assert_eq!((status(&policy, "HEAD", "/"), status(&policy, "POST", "/")), (405, 1));
}

#[test]
fn a_canned_answer_waits_for_the_password_where_one_is_asked_for() {
    let answers = vec![CannedAnswer { path: "/old".into(), status: 410, ..CannedAnswer::default() }];
    let open = Policy { answers: answers.clone(), ..Policy::default() };
    assert_eq!((status(&open, "GET", "/old/x"), status(&open, "GET", "/older")), (410, 1));
    let guarded = Policy { answers, ..guarded() };
    assert_eq!(status(&guarded, "GET", "/old"), 401);
    let known = Fields::from_iter([("Authorization", "Basic YW5uOng=")]);
    let Decision::NeedsPassword(_, canned) = ask(&guarded, "GET", "/old", &known) else { panic!("asked") };
    assert_eq!(canned.map(|canned| canned.answer().head.status), Some(410));
    let public = Policy { public_paths: texts(&["/old"]), ..guarded };
    assert_eq!(status(&public, "GET", "/old"), 410);
}

#[test]
fn rules_that_cannot_be_kept_are_refused_with_a_sentence() {
    let split = "a\r\nX-Canary: 1".to_owned();
    let answer = |answer| Policy { answers: vec![answer], ..Policy::default() };
    let methods = |list: Vec<String>| Policy { allow_methods: list, ..Policy::default() };
    let base = CannedAnswer { path: "/x".into(), status: 302, ..CannedAnswer::default() };
    for policy in [
        Policy {
            maintenance: Some(Maintenance { message: Some(split.clone()), retry_after: 1 }),
            ..Policy::default()
        },
        Policy { maintenance: Some(Maintenance { message: None, retry_after: 0 }), ..Policy::default() },
        methods(vec!["get".into()]),
        methods(vec![String::new()]),
        methods(vec![split.clone()]),
        methods(vec!["GET, PUT".into()]),
        methods(vec!["G".repeat(MAX_METHOD_BYTES + 1)]),
        methods(vec!["GET".into(); MAX_METHODS + 1]),
        answer(CannedAnswer { location: Some(format!("/{split}")), ..base.clone() }),
        answer(CannedAnswer { status: 200, content_type: Some(split), ..base.clone() }),
        answer(base),
        Policy {
            answers: vec![CannedAnswer { path: "/x".into(), status: 200, ..CannedAnswer::default() }; 33],
            ..Policy::default()
        },
    ] {
        let sentence = Compiled::new(&policy, "shop").expect_err("refused");
        assert!(sentence.ends_with('.') && !sentence.chars().any(char::is_control), "{sentence:?}");
    }
    let most = vec!["G".repeat(MAX_METHOD_BYTES); MAX_METHODS];
    assert!(Compiled::new(&methods(most), "shop").is_ok());
}

proptest! {
    #[test]
    fn a_body_is_refused_by_its_announced_length_and_only_beyond_the_bound(most in any::<u64>(), length in 0..1_u64 << 62) {
        let policy = Policy { max_body: Some(most), ..Policy::default() };
        let fields = Fields::from_iter([("Content-Length", length.to_string())]);
        let expected = if length > most { Decision::Refuse(Problem::BodyTooLarge) } else { Decision::Allow(None) };
        prop_assert_eq!(ask(&policy, "POST", "/", &fields), expected);
        prop_assert_eq!(compiled(&policy).max_body(), most);
    }

    /// Against the plain meaning, each rule on its own.
    #[test]
    fn what_is_let_in_breaks_no_rule(
        method in "GET|HEAD|POST|PUT",
        methods in proptest::collection::vec("GET|POST|PUT", 0..3),
        path in "(/[ab]){1,3}",
        public in proptest::collection::vec("(/[ab]){1,2}", 0..3),
        private in proptest::collection::vec("(/[ab]){1,2}", 0..3),
        password in any::<bool>(),
    ) {
        let base = if password { guarded() } else { Policy::default() };
        let policy = Policy { allow_methods: methods.clone(), public_paths: public.clone(), private_paths: private.clone(), ..base };
        let longest = |list: &[String]| {
            list.iter().filter(|prefix| format!("{path}/").starts_with(&format!("{prefix}/"))).map(String::len).max()
        };
        let (open, closed) = (longest(&public), longest(&private));
        let listed = methods.is_empty() || methods.contains(&method) || (method == "HEAD" && methods.contains(&"GET".into()));
        let expected = if closed.is_some() && closed >= open {
            404
        } else if !listed {
            405
        } else if password && open.is_none() {
            401
        } else {
            1
        };
        prop_assert_eq!(status(&policy, &method, &path), expected);
    }
}
