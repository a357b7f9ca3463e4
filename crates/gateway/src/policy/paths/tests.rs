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

    #[test]
    fn any_path_is_looked_up_without_panic(path in "\\PC{0,40}|[/.%;a-d0-9\\\\]{0,40}") {
        let paths = paths(&["/a", "/b/c"], &["/", "/b"], &[("/a", 200)]);
        let _ = paths.find(&path);
    }
}
