//! What all links of one token may have together.

use super::*;
use crate::agents::InUse;
use crate::allowance::TokenLimits;

fn limited(limits: TokenLimits) -> World {
    World::with(|config| config.token_limits = limits)
}

fn codes_of(results: &[MappingResult]) -> Vec<&str> {
    results.iter().map(code).collect()
}

#[tokio::test]
async fn mappings_of_all_a_tokens_agents_count_together_and_other_tokens_have_their_own() {
    let world = limited(TokenLimits { mappings: Some(3), ..TokenLimits::default() });
    let set = |names: &[&str]| {
        names.iter().zip(1..).map(|(name, number)| named(name, number, name)).collect::<Vec<_>>()
    };
    let (one, welcome, _told) = world.joined("alice", "a", 1, set(&["a", "b"])).await;
    assert_eq!(codes_of(&welcome.results), ["ok", "ok"]);
    let (two, welcome, mut told) = world.joined("alice", "b", 1, set(&["c", "d"])).await;
    assert_eq!(codes_of(&welcome.results), ["ok", codes::TOKEN_LIMIT]);
    assert!(welcome.results[1].message.as_deref().is_some_and(|message| message.contains("3 mapping(s)")));
    let (_bobs, welcome, _messages) = world.joined("bob", "a", 1, set(&["e", "f", "g", "h"])).await;
    assert_eq!(codes_of(&welcome.results), ["ok", "ok", "ok", codes::TOKEN_LIMIT]);

    // What is served already goes first, wherever it stands.
    let replace = ToGateway::Mappings { revision: 2, mappings: set(&["x", "c"]) };
    two.send_control(&replace);
    let mapped = |message: ToAgent| match message {
        ToAgent::Mapped { results, .. } => Some(results),
        _ => None,
    };
    let results = loop {
        let message = tokio::time::timeout(Duration::from_secs(30), told.recv()).await;
        if let Some(results) = mapped(message.expect("in time").expect("a message")) {
            break results;
        }
    };
    assert_eq!(codes_of(&results), [codes::TOKEN_LIMIT, "ok"]);

    // Those of a link that is gone are to be had again, and a newer start counts once.
    one.close();
    world.until("a.t.example", "/", "away a").await;
    let (_two, welcome, _told) = world.joined("alice", "b", 2, set(&["c", "d", "x"])).await;
    assert_eq!(codes_of(&welcome.results), ["ok", "ok", "ok"]);
    assert_eq!(world.gateway.allowances.told.read()[2], ("mappings", 3));
}

#[tokio::test]
async fn agents_beyond_a_tokens_number_are_told_to_come_again_and_one_replaces_itself() {
    let world = limited(TokenLimits { links: Some(2), ..TokenLimits::default() });
    let (one, ..) = world.joined("alice", "a", 1, vec![named("m1", 1, "shop")]).await;
    let (_two, ..) = world.joined("alice", "b", 1, vec![]).await;
    let Err(LinkError::Refused(refused)) = world.join("alice", "c", 1, vec![]).await else {
        panic!("refused")
    };
    assert_eq!((refused.code.as_str(), refused.retry), (codes::TOKEN_LIMIT, true));
    let (_bobs, ..) = world.joined("bob", "c", 1, vec![]).await;
    let (again, ..) = world.joined("alice", "a", 2, vec![named("m1", 1, "shop")]).await;
    eventually(|| world.gateway.registry.links() == 3).await;
    let alices = world.tokens["alice"].1.as_str();
    let in_use = world.gateway.registry.in_use();
    assert_eq!(in_use.get(alices), Some(&InUse { links: 2, mappings: 1, streams: 0 }));
    again.close();
    eventually(|| world.gateway.registry.links() == 2).await;
    let (_three, ..) = world.joined("alice", "c", 1, vec![]).await;
    drop(one);
}
