//! How often an agent comes to a gateway that does not keep it.

use std::time::{Duration, Instant};

use porthole_testkit::agent::Home;
use porthole_testkit::false_gateway::welcome;
use porthole_testkit::wait::within;
use porthole_testkit::{Agent, FalseGateway};
use serde_json::json;
use tokio::io::AsyncWriteExt;

/// Tries that are counted.
const TRIES: u32 = 8;
/// What they take at least: the waits between them are 0.1, 0.2, 0.4 and then 0.8 s, each up to half
/// shorter.
const AT_LEAST: Duration = Duration::from_millis(50 + 100 + 200 + 4 * 400);

/// What a gateway does with each agent that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    HangsUp,
    AnswersUnavailable,
    Refuses,
    WelcomesAndCloses,
    WelcomesAndDrains,
}

async fn meet(gateway: &FalseGateway, manner: Manner) {
    match manner {
        Manner::HangsUp => drop(gateway.accept().await),
        Manner::AnswersUnavailable => {
            let mut socket = gateway.accept().await;
            let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
            let _ = socket.write_all(answer).await;
            let _ = socket.shutdown().await;
            // Read to the end: a reset could take the answer with it.
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        }
        Manner::Refuses => {
            let (mut link, _) = gateway.hello().await;
            let refused =
                json!({"type": "refused", "code": "limit", "message": "Come again.", "retry": true});
            link.say(&refused).await;
        }
        Manner::WelcomesAndCloses => {
            let (mut link, hello) = gateway.hello().await;
            link.say(&welcome(&hello)).await;
            let _ = link.socket.close(None).await;
        }
        Manner::WelcomesAndDrains => {
            let (mut link, hello) = gateway.hello().await;
            link.say(&welcome(&hello)).await;
            link.say(&json!({"type": "draining", "deadline_ms": u64::MAX})).await;
            // Kept open: the agent may want to finish its streams.
            tokio::spawn(async move { link.over().await });
        }
    }
}

async fn tries(manner: Manner) -> Duration {
    let gateway = FalseGateway::start().await;
    let words = ["http", "3000", "--gateway", &gateway.url(), "--token", "t", "--json"];
    let mut agent = Agent::start(&Home::new(), words);
    meet(&gateway, manner).await;
    let began = Instant::now();
    for _ in 1..TRIES {
        meet(&gateway, manner).await;
    }
    let took = began.elapsed();
    assert!(agent.process.is_running(), "{manner:?}: {}", agent.process.printed());
    println!("{manner:?}: {TRIES} tries in {took:?}");
    took
}

#[tokio::test]
async fn a_gateway_that_keeps_no_agent_is_tried_ever_less_often() {
    let manners = [
        Manner::HangsUp,
        Manner::AnswersUnavailable,
        Manner::Refuses,
        Manner::WelcomesAndCloses,
        Manner::WelcomesAndDrains,
    ];
    let all = futures_util::future::join_all(manners.map(tries)).await;
    for (manner, took) in manners.into_iter().zip(all) {
        assert!(took >= AT_LEAST, "{manner:?}: {TRIES} tries in {took:?}");
    }
}

#[tokio::test]
async fn links_that_a_gateway_wants_to_be_rid_of_are_kept_in_a_bounded_number() {
    let gateway = FalseGateway::start().await;
    let words = ["http", "3000", "--gateway", &gateway.url(), "--token", "t", "--json"];
    let agent = Agent::start(&Home::new(), words);
    let mut kept = tokio::task::JoinSet::new();
    // Each is kept for its streams, for a minute: until there are too many.
    let (over, others) = within("the end of a link that was asked to drain", async {
        loop {
            tokio::select! {
                Some(over) = kept.join_next() => return (over, kept.len()),
                socket = gateway.welcomed() => {
                    let (mut link, _) = socket;
                    link.say(&json!({"type": "draining", "deadline_ms": 60_000})).await;
                    kept.spawn(async move { link.over().await });
                }
            }
        }
    })
    .await;
    println!("closed with {others} others kept: {}", over.expect("no panic"));
    drop(agent);
}
