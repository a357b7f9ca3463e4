//! Names of others, and names that are none.

use porthole_link::Mapping;
use porthole_link::control::{BasicAuth, BearerKey, JwtKeys, JwtRule, MappingProtocol, Match, Policy};
use porthole_testkit::light_agent::named;
use porthole_testkit::wait::until;
use porthole_testkit::{Agent, World};
use serde_json::Value;

use crate::agents::{join_with, tenant_is_well, world_with_mallory};

fn codes(welcome: &Value) -> Vec<String> {
    let results = welcome["results"].as_array().expect("results");
    results.iter().map(|result| result["code"].as_str().unwrap_or("ok").to_owned()).collect()
}

fn host(number: u32, host: &str, path: Option<&str>) -> Mapping {
    Mapping { name: None, host: Some(host.into()), path: path.map(str::to_owned), ..named(number, "") }
}

/// Every way to ask for the tenant's name `app`, and what is answered.
fn takings(port: u16) -> Vec<(Mapping, &'static [&'static str])> {
    let path = |number, path: &str| Mapping { path: Some(path.into()), ..named(number, "app") };
    let condition = Match::Header { name: "X-Any".into(), value: None };
    vec![
        (named(1, "app"), &["name-in-use"]),
        (named(2, "APP"), &["name-in-use"]),
        (host(3, "app.localhost", None), &["name-in-use"]),
        (host(4, "App.Localhost.", None), &["name-in-use"]),
        (path(5, "/deeper"), &["name-in-use"]),
        (host(6, "app.localhost", Some("/deeper")), &["name-in-use"]),
        (Mapping { matches: vec![condition], ..named(7, "app") }, &["name-in-use"]),
        (host(8, "*.localhost", None), &["name-not-allowed"]),
        (host(9, "x.app.localhost", None), &["name-not-allowed"]),
        (host(10, "*.app.localhost", None), &["name-not-allowed"]),
        (host(11, &format!("app.localhost:{port}"), None), &["name-invalid"]),
        (host(12, "app.localhost..", None), &["name-invalid"]),
        (named(13, "app."), &["name-invalid"]),
        (named(14, "app\u{0}"), &["name-invalid"]),
        (named(15, "\u{ff41}pp"), &["name-invalid"]),
        (host(16, "\u{ff41}pp.localhost", None), &["name-in-use", "name-invalid"]),
        (host(17, "localhost", None), &["name-not-allowed"]),
        (
            Mapping { protocol: MappingProtocol::Tcp, name: None, remote_port: Some(port), ..named(18, "") },
            &["port-not-allowed"],
        ),
    ]
}

async fn takes_nothing(world: &World, mallory: &porthole_testkit::gateway::Token, epoch: u64) {
    let (mappings, expected): (Vec<_>, Vec<_>) = takings(world.gateway.port()).into_iter().unzip();
    let (_link, welcome) = join_with(&world.gateway, mallory, epoch, mappings.clone()).await;
    for ((mapping, code), expected) in mappings.iter().zip(codes(&welcome)).zip(expected) {
        assert!(expected.contains(&code.as_str()), "{mapping:?}: {code}");
    }
    assert!(!welcome.to_string().contains("tester"), "nobody is told whose it is: {welcome}");
}

#[tokio::test]
async fn a_name_stays_its_subjects_live_away_and_over_a_gateways_death() {
    let (mut world, mallory) = world_with_mallory().await;
    takes_nothing(&world, &mallory, 1).await;
    tenant_is_well(&world).await;

    world.agent.process.kill9();
    until("the name to be away", || async { (world.get("/hello").await.status == 503).then_some(()) }).await;
    takes_nothing(&world, &mallory, 2).await;
    assert_eq!(world.get("/hello").await.status, 503);

    world.gateway.process.kill9();
    world.gateway.restart().await;
    takes_nothing(&world, &mallory, 3).await;
    assert_eq!(world.get("/hello").await.status, 503);

    world.agent.restart();
    Agent::ready(&mut world.agent).await;
    tenant_is_well(&world).await;
}

#[tokio::test]
async fn mappings_that_would_split_lines_or_cost_too_much_are_refused_one_by_one() {
    const SPLIT: &str = "x\r\nEvil: 1";
    let (world, mallory) = world_with_mallory().await;
    let with = |number, change: &dyn Fn(&mut Mapping)| {
        let mut mapping = named(number, &format!("mallory-{number}"));
        change(&mut mapping);
        mapping
    };
    let user = |user: &str, hash: &str| Policy {
        basic_auth: vec![BasicAuth { user: user.into(), hash: hash.into() }],
        ..Policy::default()
    };
    let tokens = |url: &str| JwtRule {
        audiences: vec!["a".into()],
        keys: JwtKeys::JwksUrl(url.into()),
        ..JwtRule::default()
    };
    let dear = "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A";
    let slow = "$argon2id$v=19$m=64,t=4000000000,p=1$c29tZXNhbHQ$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A";
    let mappings = vec![
        with(1, &|m| m.name = Some(SPLIT.into())),
        with(2, &|m| (m.name, m.host) = (None, Some(SPLIT.into()))),
        with(3, &|m| m.path = Some(format!("/{SPLIT}"))),
        with(4, &|m| m.path = Some("/a%0d%0aEvil".into())),
        with(5, &|m| m.path = Some("/a".repeat(5_000))),
        with(6, &|m| m.path = Some("/a/../../b".into())),
        with(7, &|m| m.policy = user(SPLIT, dear)),
        with(8, &|m| m.policy = user("ada", dear)),
        with(9, &|m| m.policy = user("ada", slow)),
        with(10, &|m| m.policy = user("ada", "password")),
        with(11, &|m| m.policy.allow_ip = vec![SPLIT.into()]),
        with(12, &|m| m.policy.deny_ip = vec!["10.0.0.0/8".into(); 1_001]),
        with(13, &|m| m.matches = vec![Match::Query { name: "a".into(), value: None }; 17]),
        with(14, &|m| m.matches = vec![Match::Cookie { name: "a".repeat(2_000), value: None }]),
        with(15, &|m| m.name = Some("a".repeat(64))),
        with(16, &|m| m.name = Some(String::new())),
        with(17, &|m| (m.name, m.path) = (None, Some("/tunnel".into()))),
        with(18, &|m| (m.name, m.path) = (None, Some("/pub/x".into()))),
        with(19, &|m| m.policy.bearer_keys = vec![BearerKey { name: SPLIT.into(), hash: "0".repeat(64) }]),
        with(20, &|m| m.policy.bearer_keys = vec![BearerKey { name: "ci".into(), hash: "key".into() }]),
        with(21, &|m| {
            m.policy.jwt = Some(JwtRule { issuer: Some(SPLIT.into()), ..tokens("https://a.example/") })
        }),
        with(22, &|m| m.policy.jwt = Some(tokens("https://user@a.example/"))),
        with(23, &|_| {}),
    ];
    let (mut link, welcome) = join_with(&world.gateway, &mallory, 1, mappings).await;
    let got = codes(&welcome);
    for (number, code) in got.iter().enumerate().take(22) {
        assert!(
            ["name-invalid", "mapping-invalid", "name-not-allowed"].contains(&code.as_str()),
            "{}: {code}",
            number + 1
        );
    }
    assert_eq!(got[22], "ok", "what is good among them is served");
    for result in welcome["results"].as_array().expect("results") {
        let message = result["message"].as_str().unwrap_or_default();
        assert!(!message.contains(char::is_control) && message.len() < 400, "{message:?}");
    }
    // A condition may hold anything: it is only compared. What is compared is never written.
    let odd = with(1, &|m| m.matches = vec![Match::Header { name: SPLIT.into(), value: Some(SPLIT.into()) }]);
    link.say(&porthole_link::ToGateway::Mappings { revision: 2, mappings: vec![odd] }).await;
    link.control("mapped").await;
    let printed = world.gateway.process.printed();
    assert!(!printed.lines().any(|line| line.starts_with("Evil")), "{printed}");
    assert!(!printed.contains(|c: char| c.is_control() && c != '\n'), "{printed:?}");
    tenant_is_well(&world).await;
}

#[tokio::test]
async fn a_token_holders_share_of_names_is_bounded_and_others_still_get_theirs() {
    let (world, mallory) = world_with_mallory().await;
    // 1,000 at a time, each set with other names: what one subject may hold is 10,000.
    let sets = if porthole_testkit::long() { 12 } else { 3 };
    let set = |set: u32| (0..1_000).map(|n| named(n, &format!("m-{set}-{n}"))).collect::<Vec<_>>();
    let (mut link, welcome) = join_with(&world.gateway, &mallory, 1, set(0)).await;
    let mut granted = codes(&welcome).iter().filter(|code| *code == "ok").count();
    for number in 1..sets {
        link.say(&porthole_link::ToGateway::Mappings { revision: number.into(), mappings: set(number) })
            .await;
        let answer = link.control("mapped").await;
        granted += codes(&answer).iter().filter(|code| *code == "ok").count();
        tenant_is_well(&world).await;
    }
    println!("{granted} names granted; {} MiB at most", world.gateway.process.peak_memory_kib() / 1024);
    assert_eq!(granted, (sets as usize * 1_000).min(10_000));
    let other = world.gateway.token("other", &[]).await;
    let (_link, welcome) = join_with(&world.gateway, &other, 1, vec![named(1, "other")]).await;
    assert_eq!(codes(&welcome), ["ok"]);
}
