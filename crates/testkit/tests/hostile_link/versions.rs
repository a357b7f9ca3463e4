//! Ends of the version before, of the next one, and of one far off.

use porthole_link::frame::{self, Kind};
use porthole_testkit::light_agent::{hello, named};
use porthole_testkit::wait::within;
use porthole_testkit::{BareLink, FalseGateway};
use serde_json::{Value, json};

use crate::agents::{tenant_is_well, world_with_mallory};
use crate::frames::{answer, get, put};
use crate::gateways::{agent, own, works};

#[tokio::test]
async fn the_newest_version_that_both_ends_speak_is_chosen_and_none_is_told_in_a_sentence() {
    let (world, mallory) = world_with_mallory().await;
    let rows: [(u64, u64, Result<u64, &str>); 6] = [
        (1, 1, Ok(1)),
        // The next version, which still speaks this one; and one that speaks the one before.
        (2, 1, Ok(1)),
        (1, 0, Ok(1)),
        (9, 2, Err("update the gateway")),
        (0, 0, Err("update the agent")),
        // A range that is none.
        (1, 5, Err("update the")),
    ];
    for (newest, oldest, expected) in rows {
        let mut link = BareLink::agent(world.gateway.address, &mallory.token).await.expect("a good token");
        let mut said =
            serde_json::to_value(porthole_link::ToGateway::Hello(hello("a", 1, Vec::new()))).expect("JSON");
        (said["protocol"], said["protocol_oldest"]) = (json!(newest), json!(oldest));
        link.say(&said).await;
        match expected {
            Ok(version) => assert_eq!(link.control("welcome").await["protocol"], version),
            Err(part) => {
                let refused = link.control("refused").await;
                assert_eq!(
                    (&refused["code"], &refused["retry"]),
                    (&json!("protocol-version"), &json!(false))
                );
                assert!(
                    refused["message"].as_str().is_some_and(|message| message.contains(part)),
                    "{refused}"
                );
            }
        }
    }
    tenant_is_well(&world).await;
}

#[tokio::test]
async fn a_gateway_skips_what_an_agent_of_tomorrow_says_beside_what_it_knows() {
    let (world, mallory) = world_with_mallory().await;
    let mut link = BareLink::agent(world.gateway.address, &mallory.token).await.expect("a good token");
    let mut said =
        serde_json::to_value(porthole_link::ToGateway::Hello(hello("a", 1, vec![named(1, "mallory")])))
            .expect("JSON");
    said["compression"] = json!({"zstd": [1, 2, 3]});
    said["mappings"][0]["colour"] = json!("blue");
    said["mappings"][0]["policy"]["passkeys"] = json!([]);
    link.say(&said).await;
    let welcome = link.control("welcome").await;
    assert!(welcome["results"][0]["public_url"].is_string(), "{welcome}");
    link.say(&json!({"type": "telemetry", "anything": [Value::Null]})).await;
    link.frames(|out| put(out, Kind::Unknown(200), 0xff, 12345, b"a frame of tomorrow")).await;

    let visitor = world.gateway.visitor("mallory");
    let asked = tokio::spawn(async move { visitor.get("/").await.text() });
    let id = link.frame(|frame| frame.kind == Kind::Open).await.stream;
    link.frames(|out| {
        put(out, Kind::Unknown(201), 0, id, b"about this stream");
        // A flag that nobody knows beside the end.
        frame::put_head(out, id, &answer(200, &[]), frame::FLAG_END | 0x80, b"fine");
        // More than a code.
        put(out, Kind::Reset, 0, id, &[0, 1, 2, 3, 4]);
    })
    .await;
    assert_eq!(within("the answer", asked).await.expect("no panic"), "fine");
}

#[tokio::test]
async fn an_agent_skips_what_a_gateway_of_tomorrow_says_beside_what_it_knows() {
    let (gateway, own) = (FalseGateway::start().await, own().await);
    let mut agent = agent(&gateway, &own, &["--json"]);
    // The first link is lost, so that the second begins with what the agent has to serve.
    drop(gateway.welcomed().await);
    let (mut link, hello) = gateway.hello().await;
    link.say(&json!({"type": "advice", "text": "before the welcome"})).await;
    link.say(&json!({"type": "welcome", "protocol": 1, "gateway_version": "9.0.0", "session_id": "s", "revision": 1,
        "motd": "hello", "results": [{"id": hello.mappings[0].id, "public_url": "http://x.example", "region": "eu"}]}))
        .await;
    agent.event_after(0, |event| event["public_url"] == "http://x.example", "ready").await;
    link.say(&json!({"type": "advice", "text": "after the welcome"})).await;
    link.frames(|out| {
        put(out, Kind::Unknown(99), 7, 3, b"?");
        frame::put_open(out, 1, &get("/"), &[], true);
    })
    .await;
    link.frame(|frame| frame.kind == Kind::Head && frame.stream == 1).await;
    works(&mut link, 2).await;

    // One that speaks only what this agent does not is told apart from one that is broken.
    drop(link);
    let from = agent.process.line_count();
    let (mut link, _) = gateway.hello().await;
    link.say(&json!({"type": "welcome", "protocol": 2, "gateway_version": "9.0.0", "session_id": "s", "revision": 1, "results": []}))
        .await;
    let event = agent.event_after(from, |event| event["code"] == "link-protocol", "what is wrong").await;
    assert!(event["message"].as_str().is_some_and(|message| message.contains("same version")), "{event}");
}
