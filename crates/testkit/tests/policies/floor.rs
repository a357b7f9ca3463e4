//! What the gateway asks of all mappings' visitors, whatever a mapping asks for.

use porthole_testkit::World;
use porthole_testkit::agent::Home;

use super::ask;

#[tokio::test]
async fn a_mapping_cannot_loosen_what_the_gateway_asks_of_all() {
    let file = "[floor]\nvisitor_rate_limit = \"5/h\"\nmax_body = \"10KB\"\nprivate_paths = [\"/admin\"]\nallow_methods = [\"GET\", \"POST\"]\n";
    let world = World::builder()
        .gateway(|gateway| {
            std::fs::write(gateway.home().join("gateway.toml"), file).expect("a file");
            gateway
        })
        .agent_args(["--max-body", "1MB", "--visitor-rate-limit", "1000/s", "--public-path", "/admin"])
        .start()
        .await;
    let visitor = world.visitor();
    let private = ask(&world, "/admin/x", &[]).await;
    assert_eq!((private.status, private.error_code()), (404, Some("private-path")));
    let long = visitor.post("/sink", vec![b'x'; 10_001]).await;
    assert_eq!((long.status, long.error_code()), (413, Some("body-too-large")));
    assert_eq!(visitor.post("/sink", vec![b'x'; 10_000]).await.text(), "10000");
    let method = visitor.request("DELETE", "/hello").body(String::new()).expect("a request");
    assert_eq!(visitor.fetch(method).await.status, 405);
    assert_eq!(ask(&world, "/hello", &[]).await.status, 200);
    let often = ask(&world, "/hello", &[]).await;
    assert_eq!((often.status, often.field("ratelimit-policy")), (429, Some("\"visitor\";q=5;w=3600")));
    assert_eq!(world.service.seen().len(), 2, "refused requests reach nobody");
}

#[tokio::test]
async fn a_mapping_without_a_password_is_refused_with_3_where_one_is_required() {
    let world = World::builder()
        .gateway(|gateway| gateway.args(["--floor-require-auth"]))
        .agent_args(["--basic-auth", "alice:secret"])
        .start()
        .await;
    assert_eq!(ask(&world, "/hello", &[]).await.status, 401);
    // alice:secret
    let right = [("authorization", "Basic YWxpY2U6c2VjcmV0")];
    assert_eq!(ask(&world, "/hello", &right).await.status, 200);
    for more in [
        &["--name", "open"][..],
        &["--name", "open", "--basic-auth", "alice:secret", "--public-path", "/hooks"],
    ] {
        let mut open = world.start_agent(&Home::new(), "3000", more);
        let error = open.event("error").await;
        assert_eq!(error["code"], "password-required", "{error}");
        assert_eq!(open.process.exit_code().await, Some(3));
    }
    assert_eq!(world.gateway.visitor("open").get("/").await.status, 404);
}
