//! kill -9 of the gateway while claims and tokens change.

use std::collections::BTreeMap;
use std::time::Duration;

use porthole_testkit::light_agent::{LightAgent, hello, named};
use porthole_testkit::wait::within;
use porthole_testkit::{Gateway, Process, gateway};
use serde_json::Value;

use super::{Dice, sized};

/// What was acknowledged.
#[derive(Default)]
struct Told {
    /// Names whose agents were welcomed with them.
    claims: Vec<String>,
    /// Tokens by id, and whether they are revoked.
    tokens: BTreeMap<String, bool>,
    made: u32,
}

/// One agent with a name of its own, as often as the gateway lives to welcome it.
async fn claim(gateway: std::net::SocketAddr, token: &str, told: &mut Told) {
    for _ in 0..5 {
        told.made += 1;
        let name = format!("claimed{}", told.made);
        let hello = hello(&format!("agent{}", told.made), 1, vec![named(1, &name)]);
        let connected =
            within("a welcome or a broken link", LightAgent::connect(gateway, token, hello)).await;
        if let Ok(agent) = connected
            && agent.welcome.results.iter().any(|result| result.public_url.is_some())
        {
            told.claims.push(name);
        }
    }
}

/// A new token, and one that is revoked; sometimes the command is killed as well.
async fn tokens(home: &std::path::Path, dice: &mut Dice, told: &mut Told) {
    let mut run = async |words: &[&str]| {
        let mut command = gateway::command(home);
        command.arg("token").args(words);
        let mut process = Process::start("porthole-gateway token", command);
        process.close_stdin();
        if dice.below(5) == 0 {
            tokio::time::sleep(Duration::from_millis(dice.below(40))).await;
            process.kill9();
        }
        (process.exit_code().await, process.stdout())
    };
    told.made += 1;
    let (code, made) = run(&["create", "--name", &format!("user{}", told.made), "--json"]).await;
    if code == Some(0) {
        let made: Value = serde_json::from_str(made.trim()).expect("token create prints JSON");
        told.tokens.insert(made["id"].as_str().expect("an id").to_owned(), false);
    }
    let live = told.tokens.iter().find(|(_, revoked)| !**revoked).map(|(id, _)| id.clone());
    if let Some(id) = live {
        match run(&["revoke", &id]).await.0 {
            Some(0) => _ = told.tokens.insert(id, true),
            // Nobody was told: it may be either from now on.
            _ => _ = told.tokens.remove(&id),
        }
    }
}

#[tokio::test]
async fn acknowledged_claims_tokens_and_revocations_survive_kill_9_of_the_gateway() {
    let rounds = sized(10, 100);
    let mut dice = Dice::new("kill -9 of the gateway");
    let mut gateway = Gateway::start().await;
    let keeper = gateway.token("keeper", &[]).await;
    let mut claims = Told::default();
    let mut book = Told::default();
    for round in 0..rounds {
        if round > 0 {
            gateway.restart().await;
        }
        let strikes = Duration::from_millis(dice.below(400));
        let (address, home) = (gateway.address, gateway.home().to_owned());
        let data = home.join("gateway");
        let strike = async {
            tokio::time::sleep(strikes).await;
            gateway.process.kill9();
        };
        tokio::join!(claim(address, &keeper.token, &mut claims), tokens(&home, &mut dice, &mut book), strike);

        // Not one round's luck: everything that was ever acknowledged.
        let text = std::fs::read_to_string(data.join("claims.json")).unwrap_or_else(|_| "{}".into());
        let file: Value = serde_json::from_str(&text).expect("claims.json is whole");
        let keys: Vec<&str> =
            file["claims"].as_array().into_iter().flatten().filter_map(|row| row["key"].as_str()).collect();
        for name in &claims.claims {
            let key = format!("host:{name}.localhost");
            assert!(keys.iter().any(|kept| kept.trim_end_matches('/') == key), "{name} is lost: {keys:?}");
        }
        let listed = gateway.run(&["token", "list", "--json"]).await;
        let listed: Value = serde_json::from_str(&listed.stdout).expect("token list prints JSON");
        for (id, revoked) in &book.tokens {
            let kept = listed.as_array().into_iter().flatten().find(|token| token["id"] == **id);
            let kept = kept.unwrap_or_else(|| panic!("token {id} is lost: {listed}"));
            assert_eq!(kept["revoked"].is_string(), *revoked, "{kept}");
        }
    }
    println!("{rounds} kills, {} claims and {} tokens kept", claims.claims.len(), book.tokens.len());

    gateway.restart().await;
    let stranger = gateway.token("stranger", &[]).await;
    for name in claims.claims.iter().take(3) {
        let hello = hello("thief", 1, vec![named(1, name)]);
        let agent = LightAgent::connect(gateway.address, &stranger.token, hello).await.expect("a link");
        assert!(agent.welcome.results[0].public_url.is_none(), "{name} went to a stranger");
    }
    let left = std::fs::read_dir(gateway.home().join("gateway")).expect("the folder").flatten();
    let drafts = left.filter(|entry| entry.file_name().to_string_lossy().starts_with('.')).count();
    println!("{drafts} drafts left behind");
}
