//! The tests that are made, run: against a service that answers as it did, and against ones that do not.

use serde_json::{Value, json};

use super::super::diff::Ignore;
use super::super::recorded::{Recorded, RecordedRequest, RecordedResponse};
use super::{Subject, node, script};

fn recorded(media_type: &str, body: &str) -> Recorded {
    let fields = |media: &str| vec![("Content-Type".to_owned(), media.as_bytes().to_vec())];
    Recorded {
        id: 7,
        request: RecordedRequest {
            method: "POST".into(),
            scheme: "https".into(),
            host: "shop.example.com".into(),
            target: "/orders/42?it's=$HOME".into(),
            fields: fields("application/json"),
            body: b"{\"name\":\"it's\"}".to_vec(),
            body_bytes: 15,
            ..RecordedRequest::default()
        },
        response: Some(RecordedResponse {
            status: 201,
            fields: fields(media_type),
            body: body.as_bytes().to_vec(),
            body_bytes: body.len() as u64,
            ..RecordedResponse::default()
        }),
        ..Recorded::default()
    }
}

fn order() -> Value {
    // In the order of their names: whatever order the rest of a build keeps members in, it is this.
    json!({
        "created": 1_763_000_000,
        "id": 42,
        "if": { "empty": {}, "odd name": null },
        "items": [{ "sku": "a" }, { "sku": "b" }],
        "request_id": "req_8f3a1b2c9d0e4f5a",
        "state": "it's \"paid\" \\(1) <b>\u{7f}\u{1b}[2J é",
        "total": 12.5,
    })
}

fn made(recorded: &Recorded, base: &str, ignore: &[&str]) -> [String; 2] {
    let ignore = Ignore::parse(ignore.iter().copied()).unwrap();
    let subject = Subject::new(recorded, base, &ignore).unwrap();
    [script(&subject), node(&subject)]
}

#[test]
fn a_script_reads_like_one_written_by_hand() {
    let recorded = recorded("application/json; charset=utf-8", &json!({"id": 1, "list": ["x"]}).to_string());
    let [script, _] = made(&recorded, "http://127.0.0.1:3000", &[]);
    assert_eq!(
        script,
        r#"#!/bin/sh
# POST /orders/42 answers 201.
# Made from exchange 7 of 1970-01-01. BASE is where the request goes.
# What looks like an id, a time or a random word is held to its type only.
BASE=${BASE:-http://127.0.0.1:3000}

command -v curl > /dev/null || { echo 'curl is needed' >&2; exit 2; }
command -v jq > /dev/null || { echo 'jq is needed' >&2; exit 2; }
answer=$(mktemp) || exit 2
trap 'rm -f "$answer"' EXIT
failed=0
fail() { printf 'not ok: %s\n' "$1" >&2; failed=1; }

told=$(curl --http1.1 \
  --request-target '/orders/42?it'\''s=$HOME' \
  "$BASE"/ \
  --header 'Content-Type: application/json' \
  --header User-Agent: \
  --header Accept: \
  --header Expect: \
  --data-raw '{"name":"it'\''s"}' \
  --silent --show-error --max-time 30 --output "$answer" \
  --write-out '%{http_code} %{content_type}') || { fail "no answer from $BASE"; exit 1; }

[ "${told%% *}" = 201 ] || fail "the status is ${told%% *}, not 201"
type=$(printf '%s' "${told#* }" | tr '[:upper:]' '[:lower:]')
[ "${type%%[; ]*}" = application/json ] || fail "the type is $type, not "application/json
json() { jq --exit-status "$1" "$answer" > /dev/null 2>&1 || fail "$1"; }
json '(.id | type) == "number"'
json '(.list | type) == "array" and (.list | length) == 1'
json '.list[0] == "x"'
[ "$failed" = 0 ] && echo ok
exit "$failed"
"#
    );
}

#[test]
fn a_module_reads_like_one_written_by_hand() {
    let recorded = recorded("application/json", &order().to_string());
    let [_, node] = made(&recorded, "http://127.0.0.1:3000", &["$.items", "header:content-type"]);
    assert_eq!(
        node,
        r#"// Made from exchange 7 of 1970-01-01. BASE is where the request goes.
// What looks like an id, a time or a random word is held to its type only.
import assert from "node:assert/strict";
import { test } from "node:test";

const BASE = process.env.BASE ?? "http://127.0.0.1:3000";

test("POST /orders/42 answers 201", async () => {
  const response = await fetch(BASE + "/orders/42?it's=$HOME", {
    method: "POST",
    headers: [
      ["Content-Type", "application/json"],
    ],
    redirect: "manual",
    body: new TextEncoder().encode("{\"name\":\"it's\"}"),
  });
  assert.equal(response.status, 201);
  const body = await response.json();
  assert.equal(typeof body?.created, "number");
  assert.equal(body?.id, 42);
  assert.equal(typeof body?.if?.empty, "object");
  assert.equal(body?.if?.["odd name"], null);
  assert.equal(typeof body?.request_id, "string");
  assert.equal(body?.state, "it's \"paid\" \\(1) \u003cb>\u007f\u001b[2J é");
  assert.equal(body?.total, 12.5);
});
"#
    );
}

#[test]
fn what_was_not_kept_whole_is_not_compared_and_said_so() {
    let mut recorded = recorded("text/plain", "first");
    recorded.response.as_mut().unwrap().body_bytes = 99;
    recorded.request.body_bytes = 99;
    for text in made(&recorded, "http://x", &[]) {
        assert!(text.contains("The answer's body was not kept whole: it is not compared."), "{text}");
        assert!(text.contains("only the first 15 of 99 bytes of the body were kept"), "{text}");
        assert!(!text.contains("first\"") && !text.contains("cmp"), "{text}");
    }
    recorded.response = None;
    assert!(Subject::new(&recorded, "http://x", &Ignore::default()).is_none());
}

#[cfg(unix)]
mod executed {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::path::Path;
    use std::process::{Command, Output, Stdio};
    use std::time::Duration;

    use super::*;

    /// Takes one request whole and gives this answer.
    fn serve(listener: &TcpListener, status: u16, media_type: &str, body: &str) {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a bound");
        let (mut read, mut piece) = (Vec::new(), [0; 4096]);
        while !read.ends_with(b"{\"name\":\"it's\"}") {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(count) => read.extend_from_slice(&piece[..count]),
            }
        }
        let answer = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        // A client that has seen enough may be gone.
        let _ = stream.write_all(answer.as_bytes());
    }

    fn run(program: &str, file: &Path, base: &str) -> Output {
        let mut command = Command::new(program);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.arg(file).env_clear().env("PATH", path).env("HOME", "/nonexistent").env("BASE", base);
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    /// Whether each kind of test passes against such an answer.
    fn verdicts(recorded: &Recorded, status: u16, media_type: &str, body: &str) -> [(bool, String); 2] {
        let [script, node] = made(recorded, "http://127.0.0.1:9", &[]);
        let dir = tempfile::tempdir().expect("a folder");
        [("sh", "a.sh", script), ("node", "a.test.mjs", node)].map(|(program, name, text)| {
            let file = dir.path().join(name);
            std::fs::write(&file, &text).expect("the test");
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("its address");
            std::thread::scope(|scope| {
                let server = scope.spawn(|| serve(&listener, status, media_type, body));
                let output = run(program, &file, &format!("http://{address}"));
                if !server.is_finished() {
                    // Nothing came: the server is to see an end.
                    drop(TcpStream::connect(address));
                }
                let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                (output.status.success(), format!("{program}: {told}\n{text}"))
            })
        })
    }

    fn passes(recorded: &Recorded, status: u16, media_type: &str, body: &str) {
        for (passed, told) in verdicts(recorded, status, media_type, body) {
            assert!(passed, "{told}");
        }
    }

    fn fails(recorded: &Recorded, status: u16, media_type: &str, body: &str) {
        for (passed, told) in verdicts(recorded, status, media_type, body) {
            assert!(!passed, "{status} {media_type} {body}\n{told}");
        }
    }

    const JSON: &str = "application/json";

    #[test]
    fn a_test_passes_for_the_same_answer_and_for_one_that_only_changed_what_always_does() {
        let recorded = recorded(JSON, &order().to_string());
        passes(&recorded, 201, "Application/JSON; charset=utf-8", &order().to_string());
        let mut later = order();
        later["request_id"] = json!("req_000000000000000");
        later["created"] = json!(1_764_000_000);
        later["more"] = json!(true);
        passes(&recorded, 201, JSON, &later.to_string());
    }

    #[test]
    fn a_test_fails_for_another_answer() {
        let recorded = recorded(JSON, &order().to_string());
        let same = order().to_string();
        fails(&recorded, 200, JSON, &same);
        fails(&recorded, 201, "text/json", &same);
        let mut other = order();
        for (pointer, value) in [
            ("/request_id", json!(5)),
            ("/if/odd name", json!("there")),
            ("/items/1/sku", json!("c")),
            ("/total", json!(12)),
        ] {
            *other.pointer_mut(pointer).expect("a place") = value;
        }
        let [(script, told), (node, _)] = verdicts(&recorded, 201, JSON, &other.to_string());
        assert!(!script && !node, "{told}");
        // The script says all that differs, and nothing else.
        let said = told.lines().map(|line| line.strip_prefix("sh: ").unwrap_or(line));
        let said: Vec<&str> = said.filter_map(|line| line.strip_prefix("not ok: ")).collect();
        let wanted = [
            r#".["if"]["odd name"] == null"#,
            r#".items[1].sku == "b""#,
            r#"(.request_id | type) == "string""#,
            ".total == 12.5",
        ];
        assert_eq!(said, wanted, "{told}");
    }

    #[test]
    fn a_text_is_compared_as_a_whole() {
        let text = "it's 100% \\n `here` $HOME\r\n\u{1b}[2J é";
        let recorded = recorded("text/plain", text);
        passes(&recorded, 201, "text/plain", text);
        fails(&recorded, 201, "text/plain", "it's another");
    }
}
