//! Line breaks and NUL in what people configure: refused where it is configured, and never sent.

use porthole_testkit::Gateway;
use porthole_testkit::agent::Home;
use porthole_testkit::process::Finished;

use super::{OK, Scene, assert_refused, values};

/// What would end a line, or a C string. A program's arguments cannot hold NUL; a file can.
const BREAKS: &[&str] = &["\r\n", "\n", "\r"];

/// A value with a break before what would be a field of its own.
fn split_by(start: &str, with: &str) -> String {
    format!("{start}{with}X-Canary: 1")
}

/// Asserts that a command refused its usage in words that split no line.
fn assert_usage(what: &str, outcome: &Finished) {
    assert_eq!(outcome.code, Some(2), "{what}: {outcome:?}");
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(told.lines().all(|line| !line.starts_with("X-Canary")), "{what}: {told:?}");
}

#[tokio::test]
async fn a_command_line_with_line_breaks_is_refused() {
    let home = Home::new();
    let options: &[(&str, &str)] = &[
        ("--name", "shop"),
        ("--host", "shop.example.com"),
        ("--path", "/shop"),
        ("--host-header", "shop.test"),
        ("--basic-auth", "alice"),
        ("--allow-ip", "10.0.0.1"),
        ("--maintenance", "Back at noon."),
        ("--allow-method", "GET"),
        ("--public-path", "/shop"),
        ("--private-path", "/shop"),
        ("--redirect", "/shop=/new"),
        ("--request-header", "X-Env: dev"),
        ("--add-response-header", "X-Env: dev"),
        ("--remove-response-header", "X-Env"),
        ("--cors-origin", "https://app.example"),
        ("--rewrite-path", "/shop=/new"),
        ("--match-header", "x-env"),
        ("--match-query", "env"),
        ("--match-cookie", "env"),
        ("--gateway", "http://localhost:1"),
    ];
    for (option, start) in options {
        for with in BREAKS {
            let mut value = split_by(start, with);
            if *option == "--basic-auth" {
                value += ":password";
            }
            for command in [&["http", "3000"][..], &["mappings", "add", "3000"]] {
                let words = [command, &[*option, &value]].concat();
                assert_usage(&format!("{command:?} {option} {value:?}"), &home.run(&words).await);
            }
        }
    }
    let listed = home.run(&["mappings", "list", "--json"]).await;
    assert!(listed.code == Some(0) && listed.stdout.trim().is_empty(), "nothing was stored: {listed:?}");
}

#[tokio::test]
async fn a_file_with_line_breaks_or_nul_is_refused() {
    let keys: &[(&str, &str)] = &[
        ("name", "shop"),
        ("host", "shop.example.com"),
        ("path", "/shop"),
        ("host_header", "shop.test"),
        ("maintenance", "Back at noon."),
        ("allow_method", "GET"),
        ("private_path", "/shop"),
        ("redirect", "/shop=/new"),
        ("request_header", "X-Env: dev"),
        ("remove_request_header", "X-Env"),
        ("add_response_header", "X-Env: dev"),
        ("cors_origin", "https://app.example"),
        ("rewrite_path", "/shop=/new"),
        ("id", "shop"),
        ("target", "localhost:3000"),
    ];
    for (key, start) in keys {
        for escape in ["\\r\\n", "\\n", "\\r", "\\u0000"] {
            let target = if *key == "target" { "" } else { "target = \"3000\"\n" };
            let text = format!("[[mappings]]\n{target}{key} = \"{start}{escape}X-Canary: 1\"\n");
            let home = Home::new();
            std::fs::write(home.path().join("config.toml"), &text).expect("a file can be written");
            assert_usage(&text, &home.run(&["mappings", "list"]).await);
        }
    }
}

#[tokio::test]
async fn a_gateways_options_with_line_breaks_are_refused() {
    let gateway = Gateway::start().await;
    for with in BREAKS {
        let refused = gateway.run(&["token", "create", "--name", &split_by("alice", with)]).await;
        assert_ne!(refused.code, Some(0), "{refused:?}");
        let refused = gateway.run(&["token", "create", "--name", "a", "--hosts", &split_by("a", with)]).await;
        assert_ne!(refused.code, Some(0), "{refused:?}");
        let url = split_by("http://localhost:0/", with);
        let home = tempfile::tempdir().expect("a folder");
        let refused = porthole_testkit::gateway::run(home.path(), &["serve", "--public-url", &url]).await;
        assert_ne!(refused.code, Some(0), "{refused:?}");
    }
}

#[tokio::test]
async fn nothing_that_a_visitor_sends_splits_a_rewritten_field() {
    // The service gives back what it was asked for in the fields that are rewritten.
    let answer = |head: &str| {
        let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
        let host = values(head, "host").concat();
        OK.replace("200 OK", "302 Found").replace(
            "\r\n\r\n",
            &format!("\r\nLocation: http://{host}{target}\r\nSet-Cookie: a=b; Path={target}\r\n\r\n"),
        )
    };
    let scene = Scene::answering(answer, |world| {
        let world = world.gateway(|gateway| gateway.args(["--trusted-proxies", "127.0.0.0/8"]));
        world.agent_args(["--host-header", "rewrite"])
    })
    .await;
    let id = scene.world.agent.events();
    let id =
        id.iter().find_map(|event| event["mapping_id"].as_str()).expect("ready names the mapping").to_owned();
    let own = format!("localhost:{}", scene.world.gateway.port());
    for path in ["/%0d%0aX-Canary:1", "/%0aX-Canary:1", "/%00x", "/\u{10a}\u{10d}X-Canary:1", "/a;b=\"c\\\""]
    {
        for (host, prefix) in [(scene.host(), String::new()), (own.clone(), format!("/pub/{id}"))] {
            // 0x0a and 0x0d are the last bytes of Ċ and č, for whoever cuts characters short.
            let request = format!(
                "GET {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Prefix: /p\u{10a}X-Canary:1\r\n\
                 Origin: http://{host}\u{10a}X-Canary:1\r\nConnection: close\r\n\r\n"
            );
            let answer = scene.attack(request).await;
            assert!(answer.starts_with("HTTP/1.1 302 "), "{path:?}: {answer:?}");
            assert!(values(&answer, "x-canary").is_empty(), "{path:?}: {answer:?}");
            let location = values(&answer, "location").concat();
            assert!(location.starts_with(&format!("http://{host}/")), "{path:?}: {answer:?}");
            assert!(location.ends_with(path), "{path:?}: {answer:?}");
            assert!(!answer.bytes().any(|byte| byte == 0), "{answer:?}");
        }
    }
    for request in scene.received.requests() {
        assert!(values(&request, "x-canary").is_empty(), "{request:?}");
    }
}

#[tokio::test]
async fn a_realm_closes_no_quote_and_ends_no_line() {
    let scene = Scene::with(|world| world.agent_args(["--basic-auth", "u:p"])).await;
    let answer = scene.attack("GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n").await;
    assert_refused("no password", &answer, 401);
    assert_eq!(values(&answer, "www-authenticate"), ["Basic realm=\"app\", charset=\"UTF-8\""], "{answer:?}");
    // Users and passwords hold whatever they like, where they are compared.
    let odd = "Authorization: Basic dTpwDQpYLUNhbmFyeTogMQ==\r\n";
    let answer =
        scene.attack(format!("GET / HTTP/1.1\r\nHost: HOST\r\n{odd}Connection: close\r\n\r\n")).await;
    assert_refused("a password with a line break", &answer, 401);
    assert!(values(&answer, "x-canary").is_empty(), "{answer:?}");
}

/// The name of a mapping is part of events, logs and pages; the agent refuses it at its own door as well.
#[tokio::test]
async fn an_edit_with_line_breaks_leaves_a_stored_mapping_as_it_was() {
    let home = Home::new();
    let added = home.run(&["mappings", "add", "3000", "--name", "shop", "--json"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    for (option, start) in [("--name", "shop"), ("--path", "/x"), ("--host-header", "x.test")] {
        for with in BREAKS {
            let outcome = home.run(&["mappings", "edit", "shop", option, &split_by(start, with)]).await;
            assert_usage(option, &outcome);
        }
    }
    let after = home.run(&["mappings", "list", "--json"]).await;
    assert!(after.stdout.contains("shop") && !after.stdout.contains("Canary"), "{after:?}");
}
