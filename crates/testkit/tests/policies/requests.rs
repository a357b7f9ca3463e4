//! What a mapping asks of requests, and what the gateway answers in its service's place.

use porthole_testkit::agent::Home;
use porthole_testkit::{Reply, World};

use super::{ask, ask_http2, ask_with};

async fn send(world: &World, method: &str, path: &str) -> Reply {
    ask_with(world, method, path, &[]).await
}

/// The same over HTTP/2.
async fn send_http2(world: &World, method: &str, path: &str) -> Reply {
    ask_http2(world, method, path, &[]).await
}

#[tokio::test]
async fn in_maintenance_visitors_get_503_with_its_sentence_and_the_service_nothing() {
    let sentence = "We are moving house. Back at noon.";
    let more = ["--maintenance", sentence, "--maintenance-retry", "10m"];
    let world = World::builder().agent_args(more).start().await;
    let reply = ask(&world, "/hello", &[]).await;
    assert_eq!((reply.status, reply.error_code()), (503, Some("maintenance")));
    assert_eq!(reply.fields.get_all("retry-after").iter().collect::<Vec<_>>(), ["600"]);
    assert_eq!(reply.json()["message"], sentence);
    let page = ask(&world, "/hello", &[("accept", "text/html")]).await;
    assert!(page.status == 503 && page.text().contains(sentence), "{page:?}");
    assert_eq!(send_http2(&world, "POST", "/hello").await.status, 503);
    assert_eq!(world.service.seen().len(), 0);
}

#[tokio::test]
async fn a_public_path_asks_for_no_password_and_a_private_one_is_nobodys() {
    let more = ["--basic-auth", "u:p", "--public-path", "/hello", "--public-path", "/admin/login"];
    let world = World::builder().agent_args(more).agent_args(["--private-path", "/admin"]).start().await;
    for (path, status) in [
        ("/hello", 200),
        ("/hello/x", 404),
        ("/helloo", 401),
        ("/", 401),
        ("/Hello", 401),
        ("/admin/login", 404),
        ("/%68ello", 400),
        ("/hello/../head", 400),
        ("/hello/..;/head", 400),
        ("/hello/%2e%2e/head", 400),
    ] {
        assert_eq!(ask(&world, path, &[]).await.status, status, "{path}");
    }
    let reached = world.service.seen().len();
    assert_eq!(reached, 3, "the public ones");
    // The service has nothing at /admin either; the code tells who refused.
    let code = async |path: &str| {
        let reply = ask(&world, path, &[("authorization", "Basic dTpw")]).await;
        (reply.status, reply.error_code().map(str::to_owned))
    };
    for path in ["/admin", "/admin/", "/admin/x?y", "/ADMIN/x", "/Admin/Login"] {
        assert_eq!(code(path).await, (404, Some("private-path".into())), "{path}");
    }
    for path in
        ["//admin", "/x/../admin", "/%61dmin", "/%2561dmin", "/x/..;/admin", "/admin;x", "/x%2f..%2fadmin"]
    {
        assert_eq!(code(path).await, (400, Some("ambiguous-path".into())), "{path}");
    }
    assert_eq!(code("/admin/login").await, (404, None), "the service's own");
    assert_eq!(world.service.seen().len(), reached + 1);
}

/// A mapping is reached under its name and under its id, and its rules hold for both.
#[tokio::test]
async fn rules_are_about_the_path_as_the_service_sees_it() {
    let more = ["--name", "app", "--path", "/shop", "--strip-prefix", "--private-path", "/admin"];
    let world = World::builder().agent_args(more).agent_args(["--redirect", "/old=/new"]).start().await;
    let ready = world.agent.events();
    let id = ready.iter().find_map(|event| event["mapping_id"].as_str()).expect("ready names it").to_owned();
    let own =
        porthole_testkit::Visitor::new(world.gateway.address, &format!("localhost:{}", world.gateway.port()));
    for (visitor, prefix) in [(world.visitor(), "/shop".to_owned()), (own, format!("/pub/{id}"))] {
        let get = async |path: &str| visitor.get(&format!("{prefix}{path}")).await;
        assert_eq!(get("/hello").await.status, 200);
        assert_eq!(get("/admin/x").await.error_code(), Some("private-path"));
        assert_eq!(get("/x/../admin").await.status, 400);
        let moved = get("/old/x").await;
        assert_eq!((moved.status, moved.field("location")), (302, Some(format!("{prefix}/new").as_str())));
    }
}

#[tokio::test]
async fn only_the_methods_that_are_listed_reach_the_service() {
    let world = World::builder().agent_args(["--allow-method", "get,post"]).start().await;
    for method in ["GET", "POST", "HEAD"] {
        assert_eq!(send(&world, method, "/hello").await.status, 200, "{method}");
    }
    for reply in [send(&world, "DELETE", "/hello").await, send_http2(&world, "PUT", "/hello").await] {
        assert_eq!((reply.status, reply.error_code()), (405, Some("method-not-allowed")));
        assert_eq!(reply.field("allow"), Some("GET, POST, HEAD"));
    }
    assert_eq!(world.service.seen().len(), 3);
}

#[tokio::test]
async fn answers_and_redirects_are_given_without_the_service() {
    let answers = ["--answer", "/robots.txt=200 User-agent: *", "--answer", "/data=200 {\"a\":[1]}"];
    let more = ["--answer", "/empty=204", "--redirect", "/old=308 https://new.example/?a=b"];
    let world = World::builder().agent_args(answers).agent_args(more).start().await;
    let robots = ask(&world, "/robots.txt", &[]).await;
    assert_eq!((robots.status, robots.text().as_str()), (200, "User-agent: *"));
    assert_eq!(robots.field("content-type"), Some("text/plain; charset=utf-8"));
    let data = send_http2(&world, "POST", "/data/below").await;
    assert_eq!(
        (data.json()["a"][0].as_i64(), data.field("content-type")),
        (Some(1), Some("application/json"))
    );
    let empty = ask(&world, "/empty", &[]).await;
    assert_eq!((empty.status, empty.field("content-length"), empty.body.len()), (204, None, 0));
    let head = send(&world, "HEAD", "/robots.txt").await;
    assert_eq!((head.field("content-length"), head.body.len()), (Some("13"), 0));
    let old = ask(&world, "/old", &[]).await;
    assert_eq!((old.status, old.field("location")), (308, Some("https://new.example/?a=b")));
    assert_eq!(world.service.seen().len(), 0);
    assert_eq!(ask(&world, "/hello", &[]).await.status, 200);
}

#[tokio::test]
async fn rules_that_cannot_be_are_refused_with_2() {
    let home = Home::new();
    for (option, value, said) in [
        ("--allow-method", "G T", "“G T”"),
        ("--public-path", "hooks", "“hooks”"),
        ("--private-path", "/a/../b", "“/a/../b”"),
        ("--answer", "/a", "“/a”"),
        ("--answer", "/a=304", "304"),
        ("--redirect", "/a=javascript:x", "http://"),
        ("--maintenance-retry", "10m", "maintenance"),
    ] {
        let outcome = home.run(&["http", "3000", option, value]).await;
        assert_eq!(outcome.code, Some(2), "{option} {value}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{option} {value}: {outcome:?}");
        let tcp = home.run(&["mappings", "add", "tcp://db:1", option, value]).await;
        assert_eq!(tcp.code, Some(2), "{option} {value}: {tcp:?}");
    }
}

#[tokio::test]
async fn a_files_rules_are_read_as_the_command_lines_are() {
    let home = Home::new();
    let text = "[[mappings]]\ntarget = 3000\nname = \"shop\"\nmaintenance = \"Back soon.\"\nmaintenance_retry = 90\n\
                max_body = 1000\nallow_method = [\"get\"]\npublic_path = \"/hooks\"\nprivate_path = [\"/\", \"/a\"]\n\
                answer = \"/gone=410\"\nredirect = \"/old=/new\"\nrequest_header = \"X-Env: dev\"\n\
                remove_response_header = [\"Server\"]\ncors_origin = \"https://App.example\"\n\
                cors_credentials = true\ncors_max_age = 60\nrewrite_path = \"/v1=/api\"\n";
    std::fs::write(home.path().join("config.toml"), text).expect("a file can be written");
    let listed = home.run(&["mappings", "list", "--json"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let mapping: serde_json::Value = serde_json::from_str(listed.stdout.trim()).expect("one mapping");
    assert_eq!(mapping["maintenance"], serde_json::json!({"message": "Back soon.", "retry_after": 90}));
    assert_eq!((&mapping["max_body"], &mapping["allow_methods"][0]), (&"1KB".into(), &"GET".into()));
    assert_eq!(mapping["private_paths"], serde_json::json!(["/", "/a"]));
    assert_eq!(
        (&mapping["answers"][0]["status"], &mapping["answers"][1]["location"]),
        (&410.into(), &"/new".into())
    );
    assert_eq!(mapping["request_headers"]["set"][0]["value"], "dev");
    assert_eq!(mapping["response_headers"]["remove"][0], "Server");
    let cors = serde_json::json!({"origins": ["https://app.example"], "credentials": true, "max_age": 60});
    assert_eq!(mapping["cors"], cors);
    assert_eq!(mapping["rewrites"], serde_json::json!([{"from": "/v1", "to": "/api"}]));
}
