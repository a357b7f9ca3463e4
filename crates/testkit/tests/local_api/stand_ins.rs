//! Answers that stand in while a service is down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use http::{HeaderMap, Response};
use porthole_testkit::exchanges::{ended, shown};
use porthole_testkit::service::body::{self, Body, pattern};
use porthole_testkit::wait::until;
use porthole_testkit::{LocalPage, LocalService, World};
use serde_json::{Value, json};

/// More than one piece of what is kept, and more than fits beside a head.
const BODY_BYTES: usize = 150_000;

fn orders() -> Response<Body> {
    let answer = Response::builder().header("content-type", "application/x-orders").header("x-kept", "yes");
    answer.body(body::generated(BODY_BYTES as u64)).expect("an answer")
}

/// The service goes away, with its connections.
async fn goes_down(world: &mut World) {
    let address = world.service.address;
    world.service = LocalService::sample().await;
    until("nothing listens any more", async || {
        tokio::net::TcpStream::connect(address).await.is_err().then_some(())
    })
    .await;
}

async fn stand_in(page: &LocalPage, id: &Value) -> Value {
    let made = page.call("PUT", &format!("/exchanges/{id}/stand-in"), &Value::Null).await;
    assert_eq!(made.status, 200, "{}", made.text());
    made.json()
}

#[tokio::test]
async fn a_kept_answer_stands_in_while_the_service_is_down_and_only_then() {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = broken.clone();
    let service = LocalService::http(move |_, _| {
        let breaks = breaks.clone();
        async move {
            let mut answer = orders();
            if breaks.load(SeqCst) {
                *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            }
            answer
        }
    });
    let mut world = World::of(service.await).await;
    let page = LocalPage::of(&mut world.agent).await;
    let mut events = page.events().await;
    let own = world.get("/orders?page=1").await;
    assert_eq!((own.status, own.body.len()), (200, BODY_BYTES));
    let original = ended(world.agent.home(), "/orders?page=1").await;
    let id = &original["id"];
    let made = stand_in(&page, id).await;
    assert_eq!(
        (&made["exchange_id"], &made["method"], &made["path"]),
        (id, &"GET".into(), &"/orders".into())
    );
    events.find("stand-ins-changed", |told| told["mapping_id"] == original["mapping_id"]).await;
    assert_eq!(page.read(&format!("/exchanges/{id}")).await["stand_in"], made);
    let mapping = original["mapping_id"].as_str().expect("a mapping");
    assert_eq!(page.read(&format!("/mappings/{mapping}/stand-ins")).await, json!({ "stand_ins": [made] }));

    // A service that fails answers for itself.
    broken.store(true, SeqCst);
    let failed = world.get("/orders").await;
    assert_eq!((failed.status, failed.field("porthole-stand-in")), (500, None));

    goes_down(&mut world).await;
    // It outlives the exchange that it is from.
    assert_eq!(page.call("DELETE", &format!("/exchanges/{id}"), &Value::Null).await.status, 204);
    let answer = world.get("/orders?page=2").await;
    assert_eq!((answer.status, answer.field("porthole-stand-in")), (200, Some(id.to_string().as_str())));
    assert_eq!(
        (answer.field("content-type"), answer.field("x-kept")),
        (Some("application/x-orders"), Some("yes"))
    );
    assert_eq!(answer.field("content-length"), Some(BODY_BYTES.to_string().as_str()));
    assert!(answer.body == own.body, "{} bytes", answer.body.len());
    let row = ended(world.agent.home(), "/orders?page=2").await;
    assert_eq!(
        (&row["source"], &row["original_id"], &row["status"], &row["state"]),
        (&"stand-in".into(), id, &200.into(), &"done".into())
    );
    assert_eq!(row["response_bytes"], BODY_BYTES);
    let found = world.agent.home().run(&["exchanges", "list", "--json", "is:stand-in"]).await;
    assert_eq!(found.stdout.lines().count(), 1, "{found:?}");
    let other = world.visitor().post("/orders", "another method").await;
    assert_eq!((other.status, other.error_code()), (502, Some("service-down")));
    assert_eq!(world.get("/orders/").await.status, 502, "another path");

    let off = page.call("DELETE", &format!("/exchanges/{id}/stand-in"), &Value::Null).await;
    assert_eq!(off.status, 204, "{}", off.text());
    assert_eq!(world.get("/orders").await.status, 502);
    let again = page.call("DELETE", &format!("/exchanges/{id}/stand-in"), &Value::Null).await;
    assert_eq!((again.status, &again.json()["code"]), (404, &"no-stand-in".into()));
    // Neither what is gone nor what never had an answer stands in.
    let gone = page.call("PUT", &format!("/exchanges/{id}/stand-in"), &Value::Null).await;
    assert_eq!((gone.status, &gone.json()["code"]), (404, &"no-exchange".into()));
    let down = ended(world.agent.home(), "/orders/").await;
    let refused = page.call("PUT", &format!("/exchanges/{}/stand-in", down["id"]), &Value::Null).await;
    assert_eq!((refused.status, &refused.json()["code"]), (422, &"no-response".into()));
    assert_eq!(page.get("/api/v1/mappings/nothing/stand-ins").await.status, 404);
}

#[tokio::test]
async fn what_was_posted_while_the_service_was_down_is_kept_whole() {
    let service = LocalService::http(|request, _| async move {
        let _ = porthole_testkit::visitor::collect(Response::new(request.into_body())).await;
        Response::new(body::full("taken"))
    });
    let mut world = World::of(service.await).await;
    assert_eq!(world.visitor().post("/hook", "first").await.text(), "taken");
    let home = world.agent.home();
    let id = ended(home, "/hook").await["id"].clone();
    let on = home.run(&["exchanges", "stand-in", &id.to_string()]).await;
    assert!(on.code == Some(0) && on.stdout.contains("POST /hook is answered with this (200)"), "{on:?}");
    goes_down(&mut world).await;
    let answer = world.visitor().post("/hook?again", pattern(BODY_BYTES)).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "taken"));
    let home = world.agent.home();
    let row = ended(home, "/hook?again").await;
    assert_eq!((&row["source"], &row["request_bytes"]), (&"stand-in".into(), &BODY_BYTES.into()));
    assert_eq!(row["request_kept"], BODY_BYTES);
    // Sent again, it is the service that is asked, and nobody in its place.
    let again = home.run(&["exchanges", "replay", "--json", &row["id"].to_string()]).await;
    let again = again.stdout.lines().next().expect("the new exchange");
    let again: Value = serde_json::from_str(again).expect("one JSON object a line");
    assert_eq!((&again["source"], &again["error"]), (&"replay".into(), &"service-down".into()));

    let listed = home.run(&["exchanges", "stand-ins", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.stdout).expect("one JSON object a line");
    assert_eq!((&listed["exchange_id"], &listed["body_bytes"]), (&id, &5.into()));
    let off = home.run(&["exchanges", "stand-in", &id.to_string(), "--off"]).await;
    assert_eq!(off.code, Some(0), "{off:?}");
    assert_eq!(world.visitor().post("/hook", "more").await.status, 502);
    let off = world.agent.home().run(&["exchanges", "stand-in", &id.to_string(), "--off"]).await;
    assert!(off.code == Some(2) && off.stderr.contains("does not stand in"), "{off:?}");
}

#[tokio::test]
async fn trailers_stand_in_too() {
    let service = LocalService::h2c(|_, _| async {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        Response::new(body::with_trailers("message", trailers))
    });
    let mut world = World::builder().scheme("h2c").service(service.await).start().await;
    let page = LocalPage::of(&mut world.agent).await;
    assert_eq!(world.get("/pkg.Service/Call").await.text(), "message");
    let id = ended(world.agent.home(), "/pkg.Service/Call").await["id"].clone();
    stand_in(&page, &id).await;
    goes_down(&mut world).await;
    let answer = world.get("/pkg.Service/Call?down").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "message"));
    let row = ended(world.agent.home(), "/pkg.Service/Call?down").await;
    assert_eq!(row["source"], "stand-in");
    let trailers = &shown(world.agent.home(), &row["id"]).await["response"]["trailers"];
    assert_eq!(*trailers, json!([["grpc-status", "0"]]));
}
