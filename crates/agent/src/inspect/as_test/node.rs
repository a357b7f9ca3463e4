//! A test for Node's own runner: `node --test orders.test.mjs`.

use std::fmt::Write as _;

use super::super::copy::{fetch_from, string};
use super::super::diff::Step;
use super::expected::{Body, Check, Wanted};
use super::{Subject, is_plain, literal};

/// The module. It needs nothing beside Node 20 or newer.
pub fn node(subject: &Subject<'_>) -> String {
    let expected = subject.expected();
    let mut out = String::new();
    // Writing to a String cannot fail, here and below.
    for line in subject.comments(&expected) {
        let _ = writeln!(out, "// {line}");
    }
    out.push_str("import assert from \"node:assert/strict\";\nimport { test } from \"node:test\";\n\n");
    let _ = write!(out, "const BASE = process.env.BASE ?? {};\n\n", string(subject.base));
    let _ = writeln!(out, "test({}, async () => {{", string(&subject.title()));
    let path = if subject.request.target.starts_with('/') { subject.request.target.as_str() } else { "/" };
    let (notes, call) = fetch_from(subject.request, &format!("BASE + {}", string(path)));
    for note in notes {
        let _ = writeln!(out, "  // {note}");
    }
    let _ = writeln!(out, "  const response = {};", call.replace('\n', "\n  "));
    let _ = writeln!(out, "  assert.equal(response.status, {});", expected.status);
    if let Some(media) = &expected.media_type {
        out.push_str("  const type = response.headers.get(\"content-type\") ?? \"\";\n");
        let _ =
            writeln!(out, "  assert.equal(type.split(\";\")[0].trim().toLowerCase(), {});", string(media));
    }
    match &expected.body {
        Body::Json(checks) => {
            out.push_str("  const body = await response.json();\n");
            for check in checks {
                let _ = writeln!(out, "  {}", assertion(check));
            }
        }
        Body::Text(text) => {
            let _ = writeln!(out, "  assert.equal(await response.text(), {});", string(text));
        }
        Body::Any => {}
    }
    out.push_str("});\n");
    out
}

fn assertion(Check { path, wanted }: &Check) -> String {
    let place = place(path);
    match wanted {
        Wanted::Is(value) if value.is_object() => format!("assert.equal(typeof {place}, \"object\");"),
        Wanted::Is(value) => format!("assert.equal({place}, {});", literal(value)),
        Wanted::String => format!("assert.equal(typeof {place}, \"string\");"),
        Wanted::Number => format!("assert.equal(typeof {place}, \"number\");"),
        Wanted::List(length) => format!("assert.equal({place}?.length, {length});"),
    }
}

fn place(path: &[Step]) -> String {
    let mut out = String::from("body");
    for step in path {
        match step {
            Step::Key(key) if is_plain(key) => out.extend(["?.", key]),
            Step::Key(key) => out.extend(["?.[", &literal(&key.as_str().into()), "]"]),
            Step::Index(index) => out.extend(["?.[", &index.to_string(), "]"]),
        }
    }
    out
}
