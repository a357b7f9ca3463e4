//! Which gateway a command's engine uses, and what may be asked about others.

use porthole_testkit::{LocalPage, World};
use serde_json::{Value, json};

/// A step's outcome, and its code where it is a problem.
fn outcome(tried: &Value, step: &str) -> (String, Option<String>) {
    let steps = tried["steps"].as_array().expect("steps");
    let found = steps.iter().find(|tread| tread["step"] == step).expect("the step");
    let text = |key: &str| found[key].as_str().map(str::to_owned);
    (text("outcome").unwrap_or_default(), text("code"))
}

#[tokio::test]
async fn the_gateway_of_a_commands_engine_is_told_and_stays() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let gateway = page.read("/gateway").await;
    assert_eq!((&gateway["kind"], &gateway["chosen"]), (&"configured".into(), &true.into()), "{gateway}");
    assert_eq!((&gateway["changeable"], &gateway["origin"]), (&false.into(), &world.gateway.url().into()));
    assert!(gateway["why_not"].as_str().is_some_and(|why| why.contains("porthole login")), "{gateway}");
    let other = json!({"gateway": "https://tunnel.example.com", "token": "t", "keep": "file"});
    for (method, path, body) in [("PUT", "/gateway", other), ("POST", "/gateway/trial", json!({}))] {
        let refused = page.call(method, path, &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &"gateway-fixed".into()), "{path}");
    }
}

#[tokio::test]
async fn a_gateway_is_tried_from_the_page_and_each_failure_is_told_at_its_step() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let tried = async |gateway: &str, token: &str| {
        let reply = page.call("POST", "/gateway/check", &json!({"gateway": gateway, "token": token})).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let url = world.gateway.url();
    let fine = tried(&url, &world.token.token).await;
    assert_eq!((&fine["ok"], outcome(&fine, "version").0.as_str()), (&true.into(), "ok"), "{fine}");
    let wrong = tried(&url, "wrong").await;
    assert_eq!(outcome(&wrong, "token"), ("problem".into(), Some("token-invalid".into())));
    let nobody = tried("http://localhost:1", "t").await;
    assert_eq!(outcome(&nobody, "reach"), ("problem".into(), Some("gateway-down".into())));
    let unknown = tried("http://nowhere.invalid", "t").await;
    assert_eq!(outcome(&unknown, "name"), ("problem".into(), Some("gateway-unknown-host".into())));
    let no_tls = tried(&url.replace("http:", "https:"), "t").await;
    assert_eq!(outcome(&no_tls, "tls"), ("problem".into(), Some("gateway-tls".into())));
    // Something else that speaks HTTP: the engine's own page.
    let other = tried(&format!("http://{}", page.visitor.host), "t").await;
    assert_eq!(outcome(&other, "gateway").0, "problem", "{other}");
    let link = world.token.link.clone().expect("a link");
    let linked = page.call("POST", "/gateway/check", &json!({ "gateway": link })).await;
    assert_eq!(linked.json()["ok"], true, "{}", linked.text());
}

#[tokio::test]
async fn what_is_no_gateway_or_has_no_token_is_told_at_its_field() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    for (body, code, field) in [
        (json!({"gateway": "tunnel.example.com", "token": "t"}), "gateway-url", "gateway"),
        (json!({"gateway": "https://tunnel.example.com"}), "token-missing", "token"),
        (json!({"gateway": "porthole://connect"}), "link", "gateway"),
    ] {
        let refused = page.call("POST", "/gateway/check", &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (422, &code.into()), "{body}");
        assert!(refused.json()["fields"][field].is_string(), "{}", refused.text());
    }
    let offered = page.call("POST", "/gateway/check", &json!({"offer": true})).await;
    assert_eq!(offered.status, 404, "nobody clicked a link");
}

#[tokio::test]
async fn an_offer_is_told_without_its_token_until_it_is_declined() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let link = world.token.link.clone().expect("a link");
    let taken = page.call("POST", "/gateway/offer", &json!({ "link": link })).await;
    assert_eq!(taken.status, 204, "{}", taken.text());
    let told = page.read("/gateway").await;
    assert_eq!(told["offer"], json!({"gateway": world.gateway.public_url, "has_token": true}));
    assert!(!told.to_string().contains(&world.token.token));
    let tried = page.call("POST", "/gateway/check", &json!({"offer": true})).await;
    assert_eq!(tried.json()["ok"], true, "{}", tried.text());
    assert_eq!(page.call("DELETE", "/gateway/offer", &json!({})).await.status, 204);
    assert!(page.read("/gateway").await["offer"].is_null());
}
