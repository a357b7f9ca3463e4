use proptest::prelude::*;

use super::*;

fn name(method: &str, target: &str, fields: &[(&str, &str)], body: &str) -> Option<String> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Hint::of(method, target, fields)?.name(body.as_bytes())
}

#[test]
fn webhooks_are_called_what_happened() {
    let stripe = r#"{"id": "evt_1", "data": {"object": {"type": "card"}}, "type": "charge.succeeded"}"#;
    for (field, value, body, wanted) in [
        (
            "X-GitHub-Event",
            "pull_request",
            r#"{"action": "opened", "number": 1"#,
            Some("pull_request.opened"),
        ),
        ("x-github-event", "ping", r#"{"zen": "Keep it simple."}"#, Some("ping")),
        ("Stripe-Signature", "t=1", stripe, Some("charge.succeeded")),
        ("X-Gitlab-Event", "Merge Request Hook", "{}", Some("Merge Request Hook")),
        ("X-Shopify-Topic", "orders/create", "", Some("orders/create")),
        (
            "X-Slack-Signature",
            "v0=1",
            r#"{"type": "event_callback", "event": {"type": "app_mention"}}"#,
            Some("app_mention"),
        ),
        ("X-Slack-Signature", "v0=1", r#"{"type": "url_verification"}"#, Some("url_verification")),
        ("X-Twilio-Signature", "x", "SmsSid=1&MessageStatus=delivered", Some("delivered")),
        ("svix-id", "msg_1", r#"{"type": "user.created"}"#, Some("user.created")),
        ("webhook-id", "msg_1", r#"{"data": [1, {"a": "]"}], "type": "invoice.paid"}"#, Some("invoice.paid")),
        ("Stripe-Signature", "t=1", "no JSON", None),
        ("Stripe-Signature", "t=1", r#"{"type": 7}"#, None),
        ("X-GitHub-Event", "\x1b[2J", "", Some("[2J")),
    ] {
        assert_eq!(name("POST", "/hook", &[(field, value)], body).as_deref(), wanted, "{field} {body}");
    }
}

#[test]
fn graphql_is_called_by_its_operation_or_by_what_it_asks_for_first() {
    let json = [("content-type", "application/json; charset=utf-8")];
    for (body, wanted) in [
        (r#"{"query": "query GetOrders($n: Int) { orders }", "variables": {}}"#, Some("query GetOrders")),
        (r#"{"operationName": "B", "query": "mutation A { a } mutation B { b }"}"#, Some("mutation B")),
        (r#"{"operationName": "Persisted", "extensions": {"persistedQuery": {}}}"#, Some("Persisted")),
        (r#"{"operationName": null, "query": "{ mine: orders(first: 1) { id } }"}"#, Some("query {orders}")),
        (r#"{"query": "query ($a: A = {b: 1}) @live { orders }"}"#, Some("query {orders}")),
        (
            r##"{"query": "# a { b\nfragment F on T { a { b } }\nsubscription Live { x }"}"##,
            Some("subscription Live"),
        ),
        (r#"[{"query": "{ a }"}, {"query": "{ b }"}]"#, Some("query {a}")),
        (r#"{"query": "shoes"}"#, None),
        (r#"{"size": 10, "query": {"match_all": {}}}"#, None),
        (r#"{"order": 42}"#, None),
    ] {
        assert_eq!(name("POST", "/api", &json, body).as_deref(), wanted, "{body}");
    }
    let query = "/graphql?query=query%20Get%20%7B%20a%20%7D";
    assert_eq!(name("GET", query, &[], "").as_deref(), Some("query Get"));
    assert_eq!(name("GET", "/search?query=query%20Get", &[], ""), None);
    let itself = [("Content-Type", "application/graphql")];
    assert_eq!(name("POST", "/", &itself, "{ \"\"\"doc }\"\"\" a }").as_deref(), Some("query {a}"));
}

#[test]
fn a_name_is_cut_at_its_bound() {
    let long = "ä".repeat(NAME_BYTES);
    let cut = name("POST", "/", &[("x-shopify-topic", &long)], "").expect("a name");
    assert_eq!(cut.len(), NAME_BYTES);
    let fits = "a".repeat(NAME_BYTES);
    assert_eq!(name("POST", "/", &[("x-shopify-topic", &fits)], ""), Some(fits));
}

proptest! {
    #[test]
    fn anything_is_read_without_harm(
        body in "[\\[{]?\"?(query|operationName|type|event)?\"?:?\"?[ -~é\"\\\\{}()#:@,\n]{0,40}",
        field in prop::sample::select(vec!["stripe-signature", "x-slack-signature", "content-type"]),
    ) {
        let named = name("POST", "/graphql", &[(field, "application/json")], &body);
        prop_assert!(named.is_none_or(|named| !named.is_empty() && named.len() <= NAME_BYTES));
    }
}
