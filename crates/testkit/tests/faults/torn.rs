//! Files as a power loss, a full disk or another program may have left them.

use std::path::Path;

use porthole_testkit::agent::Home;
use porthole_testkit::process::{Finished, finish};
use porthole_testkit::wait::until;
use porthole_testkit::{Agent, Gateway, World};

/// Ends with a sentence that names the file and no panic.
fn says(finished: &Finished, name: &str, case: &str) {
    assert!(finished.code.is_some_and(|code| code == 1 || code == 2), "{case}: {finished:?}");
    assert!(finished.stderr.contains(name), "{case}: {finished:?}");
    assert!(!finished.stderr.contains("panicked"), "{case}: {finished:?}");
}

/// What can become of a JSON file.
const TORN: &[(&str, &[u8])] = &[
    ("empty", b""),
    ("cut short", b"{\"claims\": [{\"key\": \"host:a.localhost\", \"subj"),
    ("zeros", &[0; 4096]),
    ("another shape", b"[1, 2, 3]"),
    ("not UTF-8", b"\xff\xfe{}\x00"),
    ("a date that is none", b"{\"claims\": [{\"key\": \"host:a.localhost\", \"subject\": \"s\", \"label\": \"a\", \"last_used\": \"never\"}], \"tokens\": [{\"id\": 1}]}"),
];

#[tokio::test]
async fn a_gateway_with_a_torn_file_says_which_one_and_starts_once_it_is_mended() {
    let mut gateway = Gateway::start().await;
    let token = gateway.token("tester", &[]).await;
    gateway.process.kill9();
    let data = gateway.home().join("gateway");
    let whole = std::fs::read(data.join("tokens.json")).expect("the tokens");
    for name in ["claims.json", "tokens.json"] {
        for (case, bytes) in TORN {
            std::fs::write(data.join(name), bytes).expect("a file");
            let mut command = porthole_testkit::gateway::command(gateway.home());
            command.args(["serve", "--listen", "127.0.0.1:0", "--public-url", "http://localhost:0"]);
            says(&finish("a gateway with torn files", command).await, name, &format!("{name}: {case}"));
        }
        std::fs::remove_file(data.join(name)).expect("it is there");
    }
    // What a power loss leaves of files that were being written does not matter.
    std::fs::write(data.join("tokens.json"), whole).expect("a file");
    for left in [".claims.json-1-half", ".tokens.json-1-half", "tokens.lock"] {
        std::fs::write(data.join(left), b"{\"half").expect("a file");
    }
    gateway.restart().await;
    let listed = gateway.run(&["token", "list"]).await;
    assert!(listed.stdout.contains(&token.id), "{listed:?}");
}

/// Damages the database at a path.
type Tear<'a> = &'a dyn Fn(&Path);

/// Moves what is in the log beside the database into it.
fn settle(database: &Path) {
    let database = rusqlite::Connection::open(database).expect("a database");
    let _: u32 =
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).expect("a checkpoint");
}

#[tokio::test]
async fn an_agent_with_a_torn_database_begins_a_new_one_says_so_and_serves() {
    let world = World::new().await;
    let port = world.service.port().to_string();
    let garbage: Vec<u8> = (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let cases: [(&str, Tear<'_>); 5] = [
        ("empty", &|path| std::fs::write(path, b"").expect("a file")),
        // The log beside it may hold all of it whole: then nothing is lost, and nothing need be said.
        ("garbage", &|path| {
            std::fs::write(path, &garbage).expect("a file");
            let _ = std::fs::remove_file(path.with_extension("db-wal"));
        }),
        ("cut short", &|path| {
            settle(path);
            let whole = std::fs::read(path).expect("a database");
            std::fs::write(path, &whole[..whole.len() / 2]).expect("a file");
        }),
        ("a torn page", &|path| {
            settle(path);
            let mut whole = std::fs::read(path).expect("a database");
            let middle = whole.len() / 2;
            whole[middle..middle + 2048].fill(0xAA);
            std::fs::write(path, whole).expect("a file");
        }),
        ("a torn log", &|path| {
            let log = path.with_extension("db-wal");
            std::fs::write(log, &garbage).expect("a file");
        }),
    ];
    for (number, (case, tear)) in cases.iter().enumerate() {
        let home = Home::new();
        for name in ["one", "two"] {
            let added = home.run(&["mappings", "add", &port, "--name", &format!("{name}{number}")]).await;
            assert_eq!(added.code, Some(0), "{added:?}");
        }
        tear(&home.path().join("porthole.db"));
        let name = format!("served{number}");
        let mut agent = world.start_agent(&home, &port, &["--name", &name]);
        agent.ready().await;
        let printed = agent.process.printed();
        assert!(!printed.contains("panicked"), "{case}: {printed}");
        let visitor = world.gateway.visitor(&name);
        let answers = async || (visitor.get("/hello").await.status == 200).then_some(());
        until(format!("{case}: served"), answers).await;
        let listed = home.run(&["mappings", "list"]).await;
        assert_eq!(listed.code, Some(0), "{case}: {listed:?}");
        if matches!(*case, "garbage" | "cut short") {
            let aside = std::fs::read_dir(home.path()).expect("the folder").flatten();
            let aside = aside.filter(|entry| entry.file_name().to_string_lossy().contains("damaged")).count();
            assert!(aside > 0, "{case}: the damaged one is kept");
            agent.process.line("a word about it", |line| line.contains("damaged").then_some(())).await;
        }
    }
}

#[tokio::test]
async fn other_torn_files_of_the_agent_are_named_and_never_a_panic() {
    let home = Home::new();
    std::fs::write(home.path().join("config.toml"), b"gateway = \"http://local\xff").expect("a file");
    let finished = home.run(&["mappings", "list"]).await;
    says(&finished, "config.toml", "config.toml");
    std::fs::remove_file(home.path().join("config.toml")).expect("it is there");

    // A lock and a socket that a dead engine left behind stop nobody.
    std::fs::write(home.path().join("engine.lock"), b"4194304\n").expect("a file");
    std::fs::write(home.path().join("engine.sock"), b"").expect("a file");
    let world = World::new().await;
    let port = world.service.port().to_string();
    let mut agent: Agent = world.start_agent(&home, &port, &["--name", "after"]);
    agent.ready().await;
    assert_eq!(world.gateway.visitor("after").get("/hello").await.status, 200);

    let credentials = home.path().join("credentials.toml");
    std::fs::write(&credentials, b"\x00\x00\x00").expect("a file");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    agent.process.kill9();
    let finished = home.run(&["up", "--gateway", &world.gateway.url(), "--no-wait"]).await;
    assert!(finished.code.is_some_and(|code| code > 0), "{finished:?}");
    assert!(!finished.stderr.contains("panicked") && !finished.stderr.is_empty(), "{finished:?}");
}
