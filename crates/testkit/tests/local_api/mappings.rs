//! Mappings added, changed, switched and removed through the API.

use porthole_testkit::wait::until;
use porthole_testkit::{LocalPage, World};
use serde_json::{Value, json};

/// The mapping once it is in that state.
async fn in_state(page: &LocalPage, id: &str, state: &str) -> Value {
    until(format!("{id} is {state}"), async || {
        let mapping = page.read(&format!("/mappings/{id}")).await;
        (mapping["state"] == state).then_some(mapping)
    })
    .await
}

#[tokio::test]
async fn a_mapping_is_added_served_changed_paused_and_removed() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await.browser().await;
    let port = world.service.port().to_string();
    let added = page.call("POST", "/mappings", &json!({"target": port, "name": "Shop"})).await;
    assert_eq!(added.status, 201, "{}", added.text());
    let mapping = added.json();
    let id = mapping["id"].as_str().expect("an id").to_owned();
    assert_eq!(added.field("location"), Some(format!("/api/v1/mappings/{id}").as_str()));
    assert_eq!((&mapping["name"], &mapping["source"]), (&"shop".into(), &"stored".into()));
    assert!(mapping["created_at"].is_string(), "{mapping}");
    let live = in_state(&page, &id, "live").await;
    assert_eq!(world.gateway.visitor("shop").get("/hello").await.text(), "hello");

    let secret = json!({"target": port, "name": "shop", "timeout_ms": 5000,
        "policy": {"basic_auth": [{"user": "me", "password": "hunter2"}],
            "bearer_keys": [{"name": "ci", "key": "0123456789abcdef"}]}});
    let changed = page.call("PUT", &format!("/mappings/{id}"), &secret).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert!(!changed.text().contains("hunter2") && !changed.text().contains("argon2"), "{}", changed.text());
    assert_eq!(changed.json()["policy"]["basic_auth"], json!([{"user": "me"}]));
    assert_eq!(changed.json()["policy"]["bearer_keys"], json!([{"name": "ci"}]));
    assert_eq!(changed.json()["created_at"], live["created_at"]);
    until("the password is asked for", async || {
        (world.gateway.visitor("shop").get("/hello").await.status == 401).then_some(())
    })
    .await;
    // Without a password the one that was there stays.
    let kept = json!({"target": port, "name": "shop", "policy": {"basic_auth": [{"user": "me"}]}});
    assert_eq!(page.call("PUT", &format!("/mappings/{id}"), &kept).await.status, 200);
    let visitor = world.gateway.visitor("shop");
    // Its state may still be that of before: the visitor tells.
    let answer = until("the password lets the visitor in", async || {
        let request = visitor.request("GET", "/hello").header("authorization", "Basic bWU6aHVudGVyMg==");
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
        let answer = visitor.fetch(request).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(answer.text(), "hello");

    let paused = page.call("PATCH", &format!("/mappings/{id}"), &json!({"enabled": false})).await;
    assert_eq!((paused.status, &paused.json()["state"]), (200, &"off".into()));
    until("the visitor is told", async || {
        (world.gateway.visitor("shop").get("/hello").await.status == 503).then_some(())
    })
    .await;
    assert_eq!(page.call("PATCH", &format!("/mappings/{id}"), &json!({"enabled": true})).await.status, 200);
    let again = in_state(&page, &id, "live").await;
    assert_eq!(again["public_url"], live["public_url"], "its address stayed its own");

    let new = json!({"target": port, "name": "shop", "policy": {"basic_auth": [{"user": "you"}]}});
    let new = page.call("PUT", &format!("/mappings/{id}"), &new).await;
    assert_eq!((new.status, &new.json()["code"]), (409, &"no-password".into()));
    assert!(new.json()["fields"]["policy.basic_auth"].is_string(), "{}", new.text());

    let removed = page.call("DELETE", &format!("/mappings/{id}"), &Value::Null).await;
    assert_eq!(removed.status, 204);
    assert_eq!(page.get(&format!("/api/v1/mappings/{id}")).await.status, 404);
    let listed = world.agent.home().run(&["mappings", "list", "--json"]).await;
    assert_eq!(listed.stdout, "", "{listed:?}");
}

#[tokio::test]
async fn each_wrong_field_is_told_in_a_sentence_and_nothing_is_kept() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    for (field, value) in [
        ("target", json!("localhost:70000")),
        ("name", json!("-shop")),
        ("host", json!("no host")),
        ("path", json!("no/path")),
        ("remote_port", json!(70000)),
        ("host_header", json!("a b")),
        ("timeout_ms", json!(0)),
        ("matches", json!([{"on": "header", "name": "a b", "value": null}])),
    ] {
        let mut input = json!({"target": "3000"});
        input[field] = value;
        wrong(&page, &input, field).await;
    }
    for (field, value) in [
        ("allow_ip", json!(["300.1.1.1"])),
        ("deny_ip", json!(["10.0.0.0/33"])),
        ("basic_auth", json!([{"user": "a:b", "password": "x"}])),
        ("bearer_keys", json!([{"name": "ci", "key": "too-short"}])),
    ] {
        let input = json!({"target": "3000", "policy": {(field): value}});
        wrong(&page, &input, &format!("policy.{field}")).await;
    }
    wrong(&page, &json!({"target": "tcp://db:1", "path": "/a"}), "path").await;
    wrong(&page, &json!({"target": "3000", "name": "a", "host": "b.example"}), "host").await;
    assert_eq!(page.read("/mappings").await["mappings"].as_array().map(Vec::len), Some(1));
    let fine = page.call("POST", "/mappings/check", &json!({"target": "3000"})).await;
    assert_eq!((fine.status, fine.json()), (200, json!({"fields": {}})));
    for (body, status, code) in [
        (json!({"target": "3000", "nonsense": 1}), 422, "invalid-body"),
        (json!({"target": 3000}), 422, "invalid-body"),
        (json!([]), 422, "invalid-body"),
        // To serde a list is as good as an object.
        (json!({"target": "3000", "policy": []}), 422, "invalid-body"),
        (json!({"target": "3000", "policy": {"maintenance": [null, null]}}), 422, "invalid-body"),
    ] {
        let refused = page.call("POST", "/mappings", &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (status, &code.into()), "{body}");
    }
    let request = page.request("POST", "/api/v1/mappings").header("content-type", "application/json");
    assert_eq!(page.send(request, "{").await.json()["code"], "invalid-json");
    let request = page.request("POST", "/api/v1/mappings").header("content-type", "application/json");
    assert_eq!(page.send(request, vec![b' '; 2 * 1024 * 1024]).await.json()["code"], "too-large");
}

async fn wrong(page: &LocalPage, input: &Value, field: &str) {
    let refused = page.call("POST", "/mappings", input).await;
    assert_eq!((refused.status, &refused.json()["code"]), (422, &"invalid-mapping".into()), "{input}");
    let fields = refused.json()["fields"].clone();
    assert_eq!(
        fields.as_object().map(|fields| fields.keys().collect::<Vec<_>>()),
        Some(vec![&field.to_owned()])
    );
    assert!(fields[field].as_str().is_some_and(|sentence| sentence.len() > 10), "{fields}");
    let checked = page.call("POST", "/mappings/check", input).await;
    assert_eq!((checked.status, &checked.json()["fields"]), (200, &fields), "{input}");
}

#[tokio::test]
async fn what_a_command_serves_is_read_only_and_an_address_is_given_once() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let mappings = page.read("/mappings").await;
    let id = mappings["mappings"][0]["id"].as_str().expect("an id");
    let path = format!("/mappings/{id}");
    for (method, body) in
        [("PUT", json!({"target": "3000"})), ("PATCH", json!({"enabled": false})), ("DELETE", Value::Null)]
    {
        let refused = page.call(method, &path, &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &"read-only".into()), "{method}");
    }
    let input = json!({"target": "3000", "name": "mine"});
    assert_eq!(page.call("POST", "/mappings", &input).await.status, 201);
    let taken = page.call("POST", "/mappings", &input).await;
    assert_eq!((taken.status, &taken.json()["code"]), (409, &"name-taken".into()));
    // Without any address there is a random name.
    let named = page.call("POST", "/mappings", &json!({"target": "3000", "enabled": false})).await.json();
    assert!(named["name"].as_str().is_some_and(|name| !name.is_empty()), "{named}");
    assert_eq!((&named["enabled"], &named["state"]), (&false.into(), &"off".into()));
    let nameless = page
        .call(
            "PUT",
            &format!("/mappings/{}", named["id"].as_str().unwrap_or_default()),
            &json!({"target": "3000"}),
        )
        .await;
    assert_eq!((nameless.status, nameless.json()["fields"]["name"].is_string()), (422, true));
    for method in ["PUT", "PATCH", "DELETE"] {
        let body = if method == "PUT" { json!({"target": "1"}) } else { json!({"enabled": true}) };
        assert_eq!(page.call(method, "/mappings/nobody", &body).await.status, 404, "{method}");
    }
}
