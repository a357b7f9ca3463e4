use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::recorded::{RecordedRequest, RecordedResponse};
use super::*;

fn answer(media: &str, body: impl Into<Vec<u8>>) -> RecordedResponse {
    let body = body.into();
    RecordedResponse {
        status: 200,
        fields: vec![("Content-Type".into(), media.as_bytes().to_vec())],
        body_bytes: body.len() as u64,
        body,
        ..RecordedResponse::default()
    }
}

fn of_json(before: &Value, after: &Value, rules: &[&str]) -> Value {
    let ignore = Ignore::parse(rules.iter().copied()).expect("rules");
    let (before, after) =
        (answer("application/json", before.to_string()), answer("application/json", after.to_string()));
    serde_json::to_value(responses(&before, &after, &ignore).body.difference).expect("serializable")
}

#[test]
fn status_and_fields_are_told_by_name_whatever_their_order_and_case() {
    let mut before = answer("text/plain", "a");
    let mut after = before.clone();
    after.status = 404;
    let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    before.fields.extend([
        field("X-Gone", "1"),
        field("Set-Cookie", "a"),
        field("Set-Cookie", "b"),
        field("Date", "x"),
    ]);
    after.fields.splice(
        0..0,
        [field("set-cookie", "a"), field("SET-COOKIE", "c"), field("X-New", "2"), field("date", "y")],
    );
    let ignore = Ignore::parse(["header: Date"]).expect("a rule");
    let diff = responses(&before, &after, &ignore);
    assert_eq!(diff.status, Some(Changed { before: 200, after: 404 }));
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let names = |name: &str, before: &[&str], after: &[&str]| FieldDiff {
        name: name.into(),
        before: texts(before),
        after: texts(after),
    };
    assert_eq!(
        diff.fields,
        [
            names("set-cookie", &["a", "b"], &["a", "c"]),
            names("x-gone", &["1"], &[]),
            names("x-new", &[], &["2"])
        ]
    );
    assert!(!diff.is_same());
    assert!(responses(&before, &before, &Ignore::default()).is_same());
}

#[test]
fn json_is_told_by_paths() {
    let before = json!({"a": 1, "gone": true, "list": [{"n": 1}, {"n": 2}], "odd key": "x"});
    let after = json!({"a": 2, "list": [{"n": 0}, {"n": 1}, {"n": 2}], "odd key": "y", "new": null});
    assert_eq!(
        of_json(&before, &after, &[]),
        json!({"kind": "json", "more": false, "changes": [
            {"change": "changed", "path": "$.a", "before": "1", "after": "2"},
            {"change": "removed", "path": "$.gone", "before": "true"},
            {"change": "added", "path": "$.list[0]", "after": "{\"n\":0}"},
            {"change": "changed", "path": "$['odd key']", "before": "\"x\"", "after": "\"y\""},
            {"change": "added", "path": "$.new", "after": "null"},
        ]})
    );
}

#[test]
fn what_is_ignored_is_no_difference_wherever_it_stands() {
    let before = json!({"id": 1, "timestamp": 5, "items": [{"id": 2, "name": "a", "at": 1}], "deep": {"er": {"id": 9}}});
    let after =
        json!({"timestamp": 6, "items": [{"id": 3, "name": "a", "at": 2}], "deep": {"er": {"id": 8}}});
    let rules = ["$.timestamp", "$..id", "$.items[*].at"];
    assert_eq!(of_json(&before, &after, &rules), json!({"kind": "json", "changes": [], "more": false}));
    for left_out in 0..rules.len() {
        let mut fewer = rules.to_vec();
        fewer.remove(left_out);
        assert_ne!(of_json(&before, &after, &fewer)["changes"], json!([]), "{fewer:?}");
    }
    assert_eq!(of_json(&json!([1, 2]), &json!([1, 3]), &["$[1]"])["changes"], json!([]));
    assert_eq!(of_json(&json!({"a b": 1}), &json!({"a b": 2}), &["$['a b']"])["changes"], json!([]));
}

#[test]
fn a_rule_that_is_none_is_refused_in_a_sentence_and_bounds_are_kept() {
    for rule in ["", "$", "id", "$.", "$.a[", "$.a[x]", "$['a'", "header:", "$a"] {
        let error = Ignore::parse([rule]).expect_err(rule).to_string();
        assert!(error.contains("is no rule: write $.name"), "{error}");
    }
    let long = format!("$.{}", "a".repeat(MAX_RULE_BYTES - 2));
    Ignore::parse([long.as_str()]).expect("at the bound");
    assert_eq!(Ignore::parse([format!("{long}a").as_str()]), Err(IgnoreError::TooLong));
    Ignore::parse(vec!["$.a"; MAX_RULES]).expect("at the bound");
    assert_eq!(Ignore::parse(vec!["$.a"; MAX_RULES + 1]), Err(IgnoreError::TooMany));
}

#[test]
fn json_with_other_spaces_is_the_same_values_and_not_the_same_bytes() {
    let (before, after) =
        (answer("application/json", "{\"a\":1}"), answer("application/json", "{ \"a\": 1 }"));
    let diff = responses(&before, &after, &Ignore::default());
    assert_eq!(diff.body.difference, Difference::Json { changes: Vec::new(), more: false });
    assert!(diff.is_same());
}

#[test]
fn text_is_told_by_lines_with_some_around_them() {
    let line = |n: usize| format!("line {n}\n");
    let before: String = (1..=20).map(line).collect();
    let after = before.replace("line 10\n", "line ten\nand more\n");
    let diff = responses(&answer("text/plain", before), &answer("text/plain", after), &Ignore::default());
    let Difference::Text { hunks, more: false } = diff.body.difference else {
        panic!("{diff:?}");
    };
    let [hunk] = &hunks[..] else { panic!("{hunks:?}") };
    assert_eq!((hunk.before, hunk.after), (7, 7));
    let shown: Vec<String> = hunk.lines.iter().map(|line| format!("{:?} {}", line.mark, line.text)).collect();
    assert_eq!(
        shown,
        [
            "Both line 7",
            "Both line 8",
            "Both line 9",
            "Removed line 10",
            "Added line ten",
            "Added and more",
            "Both line 11",
            "Both line 12",
            "Both line 13"
        ]
    );
}

#[test]
fn other_bytes_are_told_by_the_first_that_differs() {
    let diff =
        responses(&answer("image/png", b"\0abc\xff"), &answer("image/png", b"\0abd"), &Ignore::default());
    assert_eq!(
        diff.body.difference,
        Difference::Bytes { before_bytes: 5, after_bytes: 4, first_difference: 3 }
    );
}

#[test]
fn bodies_are_compared_decoded_and_a_truncated_one_is_said_to_be_partial() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"a\":1}").expect("a vector takes everything");
    let mut coded = answer("application/json", encoder.finish().expect("written"));
    coded.fields.push(("Content-Encoding".into(), b"gzip".to_vec()));
    let plain = answer("application/json", "{\"a\":1}");
    let diff = responses(&coded, &plain, &Ignore::default());
    assert_eq!(diff.body, BodyDiff { partial: false, difference: Difference::None });
    assert_eq!(diff.fields.len(), 1);
    coded.body_bytes += 1;
    assert!(responses(&coded, &plain, &Ignore::default()).body.partial);
}

#[test]
fn differences_beyond_the_bound_are_counted_out() {
    let list = |n: usize, offset: usize| Value::from((0..n).map(|i| i + offset).collect::<Vec<_>>());
    let at = of_json(&list(MAX_DIFFERENCES, 0), &list(MAX_DIFFERENCES, 1_000_000), &[]);
    assert_eq!((at["changes"].as_array().map(Vec::len), &at["more"]), (Some(MAX_DIFFERENCES), &json!(false)));
    let above = of_json(&list(MAX_DIFFERENCES + 1, 0), &list(MAX_DIFFERENCES + 1, 1_000_000), &[]);
    assert_eq!(
        (above["changes"].as_array().map(Vec::len), &above["more"]),
        (Some(MAX_DIFFERENCES), &json!(true))
    );
    let text = |n: usize, word: &str| answer("text/plain", format!("{word}\n").repeat(n));
    let diff = responses(&text(lines::MAX_LINES, "a"), &text(lines::MAX_LINES, "b"), &Ignore::default());
    assert!(matches!(diff.body.difference, Difference::Text { more: true, .. }));
    let diff = responses(&text(lines::MAX_LINES + 1, "a"), &text(1, "b"), &Ignore::default());
    assert!(matches!(diff.body.difference, Difference::Bytes { first_difference: 0, .. }));
    let long = answer("text/plain", "é".repeat(SHOWN_BYTES));
    responses(&long, &text(1, "b"), &Ignore::default());
}

#[test]
fn requests_are_compared_the_same_way() {
    let before = RecordedRequest {
        method: "GET".into(),
        scheme: "http".into(),
        host: "a".into(),
        target: "/1".into(),
        ..RecordedRequest::default()
    };
    let after = RecordedRequest { target: "/2".into(), ..before.clone() };
    let diff = requests(&before, &after, &Ignore::default());
    assert_eq!(diff.method, None);
    assert_eq!(diff.url, Some(Changed { before: "http://a/1".into(), after: "http://a/2".into() }));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), (0..4).prop_map(Value::from)];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c' .]{0,2}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn json_has_no_differences_exactly_when_it_is_equal(before in value(), after in value()) {
        let (changes, more) = json::compare(&before, &after, &Ignore::default());
        prop_assert!(!more);
        prop_assert_eq!(changes.is_empty(), before == after);
    }

    #[test]
    fn lines_of_all_hunks_lead_from_one_text_to_the_other(
        before in prop::collection::vec("[ab]{0,2}\r?\n", 0..12),
        after in prop::collection::vec("[ab]{0,2}\r?\n", 0..12),
    ) {
        let Some((hunks, false)) = lines::compare(&before.concat(), &after.concat()) else {
            return Err(TestCaseError::fail("too many lines"));
        };
        let side = |texts: &[String], other: Mark, start: fn(&Hunk) -> usize| {
            let mut rebuilt = texts.to_vec();
            for hunk in &hunks {
                for (line, place) in hunk.lines.iter().filter(|line| line.mark != other).zip(start(hunk) - 1..) {
                    assert_eq!(format!("{}\n", line.text), rebuilt[place]);
                    rebuilt[place] = if line.mark == Mark::Both { rebuilt[place].clone() } else { String::new() };
                }
            }
            rebuilt.retain(|line| !line.is_empty());
            rebuilt
        };
        // Without what was removed and what was added, both are the same lines.
        prop_assert_eq!(side(&before, Mark::Added, |h| h.before), side(&after, Mark::Removed, |h| h.after));
    }
}
