//! What listens on this computer.

use porthole_testkit::process::{Process, command};
use porthole_testkit::wait::until;
use porthole_testkit::{LocalPage, World};
use serde_json::Value;

#[tokio::test]
async fn a_service_is_listed_with_its_program_project_and_mapping_and_our_own_are_not() {
    let mut world = World::new().await;
    let page = LocalPage::of(&mut world.agent).await;
    let project = tempfile::tempdir().expect("a folder");
    std::fs::write(project.path().join("package.json"), r#"{"name": "shop-frontend"}"#).expect("a file");
    let mut server = command(std::path::Path::new("node"));
    let script = "require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
    server.current_dir(project.path()).args(["-e", script, "vite"]);
    let mut server = Process::start("server", server);
    let port = server.line("its port", |line| line.parse::<u16>().ok()).await;
    let row = until("the server in the list", async || {
        let list = page.read("/ports").await;
        let rows = list["ports"].as_array().expect("ports").clone();
        rows.into_iter().find(|row| row["port"] == port)
    })
    .await;
    assert_eq!((&row["pid"], &row["address"]), (&server.pid().into(), &"127.0.0.1".into()));
    assert_eq!(row["project"], "shop-frontend");
    assert_eq!(row["folder"], project.path().canonicalize().expect("a folder").to_str().expect("a path"));
    assert!(row["command"].as_str().is_some_and(|command| command.contains("createServer")), "{row}");
    assert_eq!(row["mapping_id"], Value::Null);

    let ports = page.read("/ports").await;
    let find = |port: u16| ports["ports"].as_array().expect("ports").iter().find(|row| row["port"] == port);
    let service = find(world.service.port()).expect("the service of this test");
    let mappings = page.read("/mappings").await;
    assert_eq!(service["mapping_id"], mappings["mappings"][0]["id"]);
    assert_eq!(find(page.visitor.address.port()), None, "the page itself");
    assert_eq!(find(world.gateway.address.port()), None, "the gateway");
}
