//! Which part of a mapping a path belongs to.

use proptest::prelude::*;

use super::*;

fn paths(public: &[&str], private: &[&str], answers: &[(&str, u16)]) -> Paths {
    let own = |list: &[&str]| list.iter().map(|&path| path.to_owned()).collect();
    let answer =
        |&(path, status): &(&str, u16)| CannedAnswer { path: path.into(), status, ..CannedAnswer::default() };
    let policy = Policy {
        public_paths: own(public),
        private_paths: own(private),
        answers: answers.iter().map(answer).collect(),
        ..Policy::default()
    };
    Paths::new(&policy).expect("valid")
}

/// `public`, `private`, `plain`, or `ambiguous`.
fn part(paths: &Paths, path: &str) -> &'static str {
    match paths.find(path).map(|found| found.part) {
        None => "ambiguous",
        Some(None) => "plain",
        Some(Some(Part::Public)) => "public",
        Some(Some(Part::Private)) => "private",
    }
}

#[test]
fn the_longest_prefix_decides_and_ends_at_a_segment() {
    let paths = paths(&["/admin/login", "/hooks/"], &["/admin", "/hooks/secret"], &[]);
    for (path, expected) in [
        ("/", "plain"),
        ("/admin", "private"),
        ("/admin/", "private"),
        ("/admin/x", "private"),
        ("/administrator", "plain"),
        ("/admin.php", "plain"),
        ("/x/admin", "plain"),
        ("/admin/login", "public"),
        ("/admin/login/x", "public"),
        ("/admin/loginx", "private"),
        ("/hooks", "public"),
        ("/hooks/secret/x", "private"),
        ("*", "plain"),
    ] {
        assert_eq!(part(&paths, path), expected, "{path}");
    }
}

#[test]
fn all_may_be_private_but_for_a_public_part() {
    let paths = paths(&["/hooks"], &["/"], &[]);
    for (path, expected) in
        [("/", "private"), ("*", "private"), ("/x", "private"), ("/hooks/github", "public")]
    {
        assert_eq!(part(&paths, path), expected, "{path}");
    }
}

#[test]
fn case_makes_nothing_public_and_hides_nothing_private() {
    let paths = paths(&["/Hooks", "/admin/login"], &["/admin", "/hooks"], &[]);
    for (path, expected) in [
        ("/ADMIN/x", "private"),
        ("/Admin/Login", "private"),
        ("/admin/login", "public"),
        ("/hooks", "private"),
        ("/Hooks", "private"),
    ] {
        assert_eq!(part(&paths, path), expected, "{path}");
    }
}

#[test]
fn a_path_that_a_server_might_read_as_another_one_is_ambiguous_only_where_that_matters() {
    let paths = paths(&[], &["/admin"], &[]);
    for path in
        ["//admin", "/x/../admin", "/%61dmin", "/admin/../x", "/x/..;/admin", "/x\\..\\admin", "/admin;v=1"]
    {
        assert_eq!(part(&paths, path), "ambiguous", "{path}");
    }
    for path in ["/x//y", "/a%20b", "/x;v=1", "/.well-known/acme"] {
        assert_eq!(part(&paths, path), "plain", "{path}");
    }
    assert_eq!(part(&paths, "/admin//x"), "private");
    let none = Paths::new(&Policy::default()).expect("valid");
    assert_eq!(part(&none, "/x/../%61dmin"), "plain", "without rules nothing is refused");
}

#[test]
fn the_answer_at_the_longest_path_counts_and_the_first_of_two_at_one() {
    let paths = paths(&[], &[], &[("/", 503), ("/old", 404), ("/old/er", 410), ("/old", 200)]);
    let status = |path: &str| {
        let at = paths.find(path).expect("clear").answer.expect("answered");
        paths.canned(at).answer().head.status
    };
    for (path, expected) in [("/", 503), ("/older", 503), ("/old", 404), ("/old/er/x", 410), ("/old/x", 404)]
    {
        assert_eq!(status(path), expected, "{path}");
    }
    assert_eq!(paths.find("/%6fld"), None);
}

#[test]
fn a_path_that_could_be_read_twice_is_no_rule() {
    for path in ["", "admin", "/a//b", "/../a", "/a%41", "/a;b", "/a b", "/a?b", "/a\r\nb"] {
        for policy in [
            Policy { public_paths: vec![path.into()], ..Policy::default() },
            Policy { private_paths: vec![path.into()], ..Policy::default() },
            Policy {
                answers: vec![CannedAnswer { path: path.into(), status: 200, ..CannedAnswer::default() }],
                ..Policy::default()
            },
        ] {
            let sentence = Paths::new(&policy).expect_err(path);
            assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
        }
    }
    let list = |count: usize| Policy { public_paths: vec!["/a".into(); count], ..Policy::default() };
    assert!(Paths::new(&list(MAX_PATHS)).is_ok() && Paths::new(&list(MAX_PATHS + 1)).is_err());
}

fn rewriting(rewrites: &[(&str, &str)]) -> Paths {
    let one = |&(from, to): &(&str, &str)| Rewrite { from: from.into(), to: to.into() };
    let policy = Policy { rewrites: rewrites.iter().map(one).collect(), ..Policy::default() };
    Paths::new(&policy).expect("valid")
}

#[test]
fn the_longest_prefix_is_replaced_once_and_the_rest_stays_byte_for_byte() {
    let paths = rewriting(&[("/v1", "/api/2024"), ("/v1/old/", "/v2"), ("/v2", "/"), ("/deep", "/v1")]);
    for (target, expected) in [
        ("/v1", Some("/api/2024")),
        ("/v1/", Some("/api/2024/")),
        ("/v1?a=/v1", Some("/api/2024?a=/v1")),
        ("/v1/%7Ex%20y;v=1?q=%2f", Some("/api/2024/%7Ex%20y;v=1?q=%2f")),
        ("/v1/old/x", Some("/v2/x")),
        ("/v1/older", Some("/api/2024/older")),
        ("/v2", Some("/")),
        ("/v2?q", Some("/?q")),
        ("/v2/x", Some("/x")),
        ("/deep/v1/x", Some("/v1/v1/x")),
        ("/v10", None),
        ("/V1/x", None),
        ("/", None),
        ("*", None),
    ] {
        assert_eq!(paths.rewritten(target).as_deref(), expected, "{target}");
    }
    let all = rewriting(&[("/", "/app")]);
    for (target, expected) in
        [("/", Some("/app/")), ("/?q", Some("/app/?q")), ("/x", Some("/app/x")), ("*", None)]
    {
        assert_eq!(all.rewritten(target).as_deref(), expected, "{target}");
    }
}

#[test]
fn what_would_leave_the_place_it_is_rewritten_to_is_ambiguous() {
    let paths = rewriting(&[("/v1", "/api/2024"), ("/v2", "/")]);
    for path in [
        "/v1/../v2/x",
        "/v1/../v1/x",
        "/v1/%2e%2e/v1",
        "/v1/..;/v1/x",
        "/v1/x/../../v1",
        "/x/../v1",
        "/%761/x",
        "//v1",
        "/v1;a/../../v1",
        "/v2//evil.example",
        "/v2/\\..",
    ] {
        assert_eq!(paths.find(path), None, "{path}");
    }
    for path in ["/v1/x/../y", "/v1//x", "/v1/a%20b", "/v1/;v=1", "/x//y", "/v2/x//y"] {
        assert!(paths.find(path).is_some(), "{path}");
    }
}

#[test]
fn what_is_private_is_so_by_the_path_that_came() {
    let policy = Policy {
        private_paths: vec!["/api".into(), "/v1/admin".into()],
        rewrites: vec![Rewrite { from: "/v1".into(), to: "/api".into() }],
        ..Policy::default()
    };
    let paths = Paths::new(&policy).expect("valid");
    assert_eq!(
        (part(&paths, "/v1/x"), part(&paths, "/v1/admin"), part(&paths, "/api/x")),
        ("plain", "private", "private")
    );
}

#[test]
fn a_rewrite_that_could_be_read_twice_is_refused() {
    let of = |pairs: &[(&str, &str)]| {
        let one = |&(from, to): &(&str, &str)| Rewrite { from: from.into(), to: to.into() };
        Paths::new(&Policy { rewrites: pairs.iter().map(one).collect(), ..Policy::default() })
    };
    for path in ["", "a", "/a//b", "/../a", "/a%41", "/a;b", "/a b", "/a?b", "/a\r\nX-Canary: 1"] {
        for pair in [(path, "/x"), ("/x", path)] {
            let sentence = of(&[pair]).expect_err(path);
            assert!(!sentence.chars().any(char::is_control), "{sentence:?}");
        }
    }
    assert!(of(&[("/a", "/b"), ("/a/", "/c")]).is_err(), "two ways from one path");
}

/// A letter as it may be written in a path.
fn spelling(letter: char) -> impl Strategy<Value = String> {
    let code = u32::from(letter);
    prop_oneof![
        4 => Just(letter.to_string()),
        1 => Just(letter.to_ascii_uppercase().to_string()),
        1 => Just(format!("%{code:02x}")),
        1 => Just(format!("%{code:02X}")),
        1 => Just(format!("%25{code:02x}")),
    ]
}

/// Ways to write `/admin` and what is below it that one server or another understands.
fn spellings() -> impl Strategy<Value = String> {
    let begin = [
        "/",
        "//",
        "/./",
        "/x/../",
        "/%2e/",
        "/x/%2e%2e/",
        "/x/..;/",
        "/x;/..//",
        "/\\",
        "/%2f",
        "/x/%5c../",
    ];
    let end = ["", "/", "/x", "/x/y", "//", "/.", ";v=1", "%2fx", "\\x", "/x%00"];
    let word: Vec<_> = "admin".chars().map(spelling).collect();
    (proptest::sample::select(begin.to_vec()), word, proptest::sample::select(end.to_vec()))
        .prop_map(|(begin, word, end)| format!("{begin}{}{end}", word.concat()))
}

proptest! {
    #[test]
    fn no_spelling_of_a_private_path_is_let_through(path in spellings()) {
        let paths = paths(&["/x", "/public"], &["/admin"], &[]);
        let part = part(&paths, &path);
        prop_assert!(matches!(part, "private" | "ambiguous"), "{} is {}", path, part);
    }

    /// By a reader of its own: one pass over a path, percent-decoded or not, parameters taken off or not.
    #[test]
    fn a_rewritten_path_stays_inside_however_it_is_spelled(
        tail in "(/|\\.|\\.\\.|%2e|%2F|%5c|\\\\|;p|v1|v2|api|x){0,8}",
        decode in any::<bool>(),
        cut in any::<bool>(),
    ) {
        let paths = rewriting(&[("/v1", "/api/1"), ("/v2", "/")]);
        let path = format!("/v1{tail}");
        let Some(rewritten) = paths.find(&path).and_then(|_| paths.rewritten(&path)) else { return Ok(()) };
        let text = if decode {
            rewritten.replace("%2e", ".").replace("%2F", "/").replace("%5c", "\\").replace('\\', "/")
        } else {
            rewritten.clone()
        };
        let mut segments: Vec<&str> = Vec::new();
        for segment in text.split('/') {
            let segment = if cut { segment.split(';').next().unwrap_or_default() } else { segment };
            match segment {
                "" | "." => {}
                ".." => drop(segments.pop()),
                other => segments.push(other),
            }
        }
        prop_assert!(segments.starts_with(&["api", "1"]), "{} became {}", path, rewritten);
    }

    #[test]
    fn any_path_is_looked_up_without_panic(path in "\\PC{0,40}|[/.%;a-d0-9\\\\]{0,40}") {
        let paths = paths(&["/a", "/b/c"], &["/", "/b"], &[("/a", 200)]);
        let _ = paths.find(&path);
        let _ = rewriting(&[("/a", "/"), ("/", "/b/c")]).find(&path);
        let _ = rewriting(&[("/a", "/"), ("/", "/b/c")]).rewritten(&path);
    }
}
