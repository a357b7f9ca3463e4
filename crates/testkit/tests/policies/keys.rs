//! Keys with which programs come in.

use porthole_testkit::World;
use porthole_testkit::agent::Home;
use serde_json::Value;

use super::ask;

const KEY: &str = "canary-key-0123456789abcdef";

#[tokio::test]
async fn a_key_lets_in_whoever_sends_it_and_never_reaches_the_gateway_as_it_is_configured() {
    let option = format!("ci:{KEY}");
    let world = World::builder().agent_args(["--bearer-key", &option]).start().await;
    let without = ask(&world, "/hello", &[]).await;
    assert_eq!((without.status, without.error_code()), (401, Some("auth-required")));
    assert!(without.field("www-authenticate").is_some_and(|field| field.starts_with("Bearer realm=")));
    let right = format!("Bearer {KEY}");
    for fields in [[("authorization", right.as_str())], [("x-api-key", KEY)]] {
        assert_eq!(ask(&world, "/hello", &fields).await.status, 200, "{fields:?}");
    }
    assert_eq!(
        world.service.last().field("x-api-key"),
        Some(KEY),
        "the service sees it, as it sees a password"
    );
    let wrong = ask(&world, "/hello", &[("authorization", "Bearer canary-key-0123456789abcdeg")]).await;
    assert_eq!((wrong.status, wrong.error_code()), (401, Some("auth-required")));
    assert!(wrong.field("www-authenticate").is_some_and(|field| field.ends_with("error=\"invalid_token\"")));
    assert_eq!(world.service.seen().len(), 2, "refused requests reach nobody");
    for program in [&world.gateway.process, &world.agent.process] {
        assert!(!program.printed().contains(KEY), "{}", program.printed());
    }
}

#[tokio::test]
async fn a_key_or_a_password_will_do_and_public_paths_ask_for_neither() {
    let option = format!("ci:{KEY}");
    let more = ["--bearer-key", &option, "--basic-auth", "u:p", "--public-path", "/hello"];
    let world = World::builder().agent_args(more).start().await;
    for (path, fields, status) in [
        ("/hello", [("x-none", "")], 200),
        ("/nothing", [("x-none", "")], 401),
        ("/nothing", [("authorization", "Basic dTpw")], 404),
        ("/nothing", [("authorization", "Basic dTpx")], 401),
        ("/nothing", [("x-api-key", KEY)], 404),
        ("/nothing", [("x-api-key", "dTpw")], 401),
    ] {
        assert_eq!(ask(&world, path, &fields).await.status, status, "{path} {fields:?}");
    }
    let asked = ask(&world, "/nothing", &[]).await;
    let schemes: Vec<_> = asked.fields.get_all("www-authenticate").iter().collect();
    assert_eq!(schemes.len(), 2, "{schemes:?}");
}

#[tokio::test]
async fn who_guesses_keys_waits_and_known_ones_come_in_meanwhile() {
    let option = format!("ci:{KEY}");
    let world = World::builder().agent_args(["--bearer-key", &option]).start().await;
    assert_eq!(ask(&world, "/hello", &[("x-api-key", KEY)]).await.status, 200);
    let mut answers = Vec::new();
    for _ in 0..30 {
        let reply = ask(&world, "/hello", &[("x-api-key", "wrong")]).await;
        answers.push((reply.status, reply.error_code().unwrap_or_default().to_owned()));
    }
    assert!(answers.contains(&(429, "too-many-attempts".into())), "{answers:?}");
    assert_eq!(ask(&world, "/hello", &[("x-api-key", KEY)]).await.status, 200);
}

#[tokio::test]
async fn a_key_is_made_for_a_name_alone_told_once_and_kept_as_a_hash() {
    let home = Home::new();
    let added =
        home.run(&["mappings", "add", "3000", "--name", "shop", "--bearer-key", "ci", "--json"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    let lines: Vec<Value> =
        added.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["event"], &lines[0]["name"]), (&"bearer_key".into(), &"ci".into()));
    let key = lines[0]["key"].as_str().expect("a key");
    assert_eq!(key.len(), 43);
    assert_eq!(lines[1]["bearer_keys"], serde_json::json!(["ci"]));
    let listed = home.run(&["mappings", "list", "--json"]).await;
    assert!(listed.stdout.contains("\"bearer_keys\":[\"ci\"]") && !listed.stdout.contains(key), "{listed:?}");
    let edited = home.run(&["mappings", "edit", "shop", "--bearer-key", "cd"]).await;
    assert!(
        edited.code == Some(0) && edited.stdout.contains("bearer key cd (told only now): "),
        "{edited:?}"
    );
    let off = home.run(&["mappings", "edit", "shop", "--bearer-key", "", "--json"]).await;
    assert!(off.stdout.contains("\"bearer_keys\":[]"), "{off:?}");
}

#[tokio::test]
async fn keys_that_cannot_be_are_refused_with_2() {
    let home = Home::new();
    for (value, said) in [
        ("ci:0123456789abcde", "16 to 1024"),
        ("c i:0123456789abcdef", "letters"),
        ("ci:0123456789abcdef ghi", "spaces"),
        ("ci:sha256:00", "SHA-256"),
        ("file:/nonexistent/key", "/nonexistent/key"),
    ] {
        let outcome = home.run(&["http", "3000", "--bearer-key", value]).await;
        assert_eq!(outcome.code, Some(2), "{value}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{value}: {outcome:?}");
    }
    let tcp = home.run(&["mappings", "add", "tcp://db:1", "--bearer-key", "ci"]).await;
    assert!(tcp.code == Some(2) && tcp.stderr.contains("HTTP only"), "{tcp:?}");
    let text = "[[mappings]]\ntarget = 3000\nname = \"shop\"\nbearer_key = \"ci\"\n";
    std::fs::write(home.path().join("config.toml"), text).expect("a file can be written");
    let outcome = home.run(&["mappings", "list"]).await;
    assert!(outcome.code == Some(2) && outcome.stderr.contains("NAME:KEY"), "{outcome:?}");
}
