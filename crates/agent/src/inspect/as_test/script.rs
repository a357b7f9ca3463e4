//! A test for a POSIX shell, with curl, and jq where the answer is JSON.

use std::fmt::Write as _;

use super::super::copy::{curl_from, shell};
use super::super::diff::Step;
use super::expected::{Body, Check, Wanted};
use super::{Subject, is_plain, literal};

/// Names that jq keeps for itself, also behind a dot in older versions.
const JQ_WORDS: [&str; 20] = [
    "and", "or", "not", "if", "then", "elif", "else", "end", "as", "def", "reduce", "foreach", "try",
    "catch", "label", "import", "include", "limit", "__loc__", "null",
];

/// The script: it ends with 0 where the answer is as it was, with 1 where it is not, having said what differs.
pub fn script(subject: &Subject<'_>) -> String {
    let expected = subject.expected();
    let json = matches!(expected.body, Body::Json(_));
    let mut out = String::from("#!/bin/sh\n");
    // Writing to a String cannot fail, here and below.
    for line in [format!("{}.", subject.title())].into_iter().chain(subject.comments(&expected)) {
        let _ = writeln!(out, "# {line}");
    }
    let _ = write!(out, "BASE=${{BASE:-{}}}\n\n", shell::argument(subject.base.as_bytes()));
    for program in ["curl", "jq"].iter().filter(|program| json || **program != "jq") {
        let _ = writeln!(
            out,
            "command -v {program} > /dev/null || {{ echo '{program} is needed' >&2; exit 2; }}"
        );
    }
    out.push_str(
        "answer=$(mktemp) || exit 2\ntrap 'rm -f \"$answer\"' EXIT\nfailed=0\n\
         fail() { printf 'not ok: %s\\n' \"$1\" >&2; failed=1; }\n\n",
    );
    let command = curl_from(subject.request, "\"$BASE\"");
    let _ = write!(
        out,
        "told=$({command} \\\n  --silent --show-error --max-time 30 --output \"$answer\" \\\n  \
         --write-out '%{{http_code}} %{{content_type}}') || {{ fail \"no answer from $BASE\"; exit 1; }}\n\n"
    );
    let status = expected.status;
    let _ = writeln!(
        out,
        "[ \"${{told%% *}}\" = {status} ] || fail \"the status is ${{told%% *}}, not {status}\""
    );
    if let Some(media) = &expected.media_type {
        let media = shell::argument(media.as_bytes());
        let _ = writeln!(
            out,
            "type=$(printf '%s' \"${{told#* }}\" | tr '[:upper:]' '[:lower:]')\n\
             [ \"${{type%%[; ]*}}\" = {media} ] || fail \"the type is $type, not \"{media}"
        );
    }
    match &expected.body {
        Body::Json(checks) => {
            out.push_str("json() { jq --exit-status \"$1\" \"$answer\" > /dev/null 2>&1 || fail \"$1\"; }\n");
            for check in checks {
                let _ = writeln!(out, "json {}", shell::argument(condition(check).as_bytes()));
            }
        }
        Body::Text(text) => {
            let _ = writeln!(
                out,
                "{} | cmp -s - \"$answer\" || fail 'the body differs'",
                shell::printf(text.as_bytes())
            );
        }
        Body::Any => {}
    }
    out.push_str("[ \"$failed\" = 0 ] && echo ok\nexit \"$failed\"\n");
    out
}

fn condition(Check { path, wanted }: &Check) -> String {
    let place = place(path);
    match wanted {
        Wanted::Is(value) => format!("{place} == {}", literal(value)),
        Wanted::String => format!("({place} | type) == \"string\""),
        Wanted::Number => format!("({place} | type) == \"number\""),
        Wanted::List(length) => format!("({place} | type) == \"array\" and ({place} | length) == {length}"),
    }
}

fn place(path: &[Step]) -> String {
    let mut out = String::from(".");
    for step in path {
        match step {
            Step::Key(key) if is_plain(key) && !JQ_WORDS.contains(&key.as_str()) => {
                if !out.ends_with('.') {
                    out.push('.');
                }
                out += key;
            }
            Step::Key(key) => out.extend(["[", &literal(&key.as_str().into()), "]"]),
            Step::Index(index) => out.extend(["[", &index.to_string(), "]"]),
        }
    }
    out
}
