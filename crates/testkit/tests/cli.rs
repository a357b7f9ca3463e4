//! Bad input: each gets a sentence that says what was wrong and what to do, the documented exit code,
//! and nothing lost.

use std::process::Command;

use porthole_testkit::agent::{self, Home};
use porthole_testkit::gateway;
use porthole_testkit::process::{Finished, finish};
use porthole_testkit::wait::until;
use porthole_testkit::{Agent, Gateway, LocalService, World};

/// One line of error text, longer than a shrug, without a debug dump.
fn is_a_sentence(outcome: &Finished) {
    let lines: Vec<&str> = outcome.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!(!lines.is_empty(), "an error is told: {outcome:?}");
    let text = outcome.stderr.as_str();
    assert!(text.len() > 25, "{outcome:?}");
    for leak in ["panicked", "Err(", "Error {", "RUST_BACKTRACE", "thread 'main'", "Os {"] {
        assert!(!text.contains(leak), "{leak} in {outcome:?}");
    }
}

fn says(outcome: &Finished, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    is_a_sentence(outcome);
    for word in words {
        assert!(outcome.stderr.contains(word), "no {word:?} in {outcome:?}");
    }
}

async fn porthole(arguments: &[&str]) -> Finished {
    Home::new().run(arguments).await
}

async fn gateway(arguments: &[&str]) -> Finished {
    let home = tempfile::tempdir().expect("a temporary folder");
    gateway::run(home.path(), arguments).await
}

#[tokio::test]
async fn ports_0_and_70000_are_refused_with_2() {
    for port in ["0", "70000", "-1", "localhost:0", "localhost:70000", "http://localhost:70000"] {
        let outcome = porthole(&["http", "--", port]).await;
        says(&outcome, 2, &[]);
        assert!(outcome.stderr.contains("65535") || port == "-1", "{port}: {outcome:?}");
    }
    says(&porthole(&["tcp", "70000"]).await, 2, &["65535"]);
    says(&porthole(&["tcp", "5432", "--remote-port", "70000"]).await, 2, &[]);
    says(&gateway(&["serve", "--listen", "127.0.0.1:70000"]).await, 2, &[]);
    says(&gateway(&["token", "create", "--name", "a", "--tcp", "0-70000"]).await, 2, &[]);
}

#[tokio::test]
async fn a_target_that_is_none_is_refused_with_2() {
    for target in
        ["", "ftp://localhost:21", "http://", "local host:3000", "3000x", "http://localhost:3000/path?x"]
    {
        let outcome = porthole(&["http", "--", target]).await;
        assert_eq!(outcome.code, Some(2), "{target:?}: {outcome:?}");
        is_a_sentence(&outcome);
    }
}

#[tokio::test]
async fn a_malformed_gateway_url_is_refused_with_2() {
    for url in [
        "",
        "ftp://tunnel.example.com",
        "https://",
        "https://tunnel example.com",
        "https://user:secret@tunnel.example.com",
        "https://tunnel.example.com?x=1",
    ] {
        let outcome = porthole(&["http", "3000", "--token", "x", &format!("--gateway={url}")]).await;
        assert_eq!(outcome.code, Some(2), "{url:?}: {outcome:?}");
        is_a_sentence(&outcome);
        assert!(!outcome.stderr.contains("secret"), "{outcome:?}");
    }
    for url in ["nonsense://x", "http://", "https://a.example/path"] {
        let outcome = gateway(&["serve", "--listen", "127.0.0.1:0", "--public-url", url]).await;
        assert_eq!(outcome.code, Some(2), "{url:?}: {outcome:?}");
        is_a_sentence(&outcome);
    }
}

#[tokio::test]
async fn nothing_listening_is_a_warning_and_ready_comes_all_the_same() {
    let world = World::new().await;
    let free = LocalService::sample().await;
    let port = free.port().to_string();
    drop(free);
    let mut agent = world.start_agent(&Home::new(), &port, &["--name", "later"]);
    agent.ready().await;
    let warning = agent.event("warning").await;
    assert!(warning["message"].as_str().is_some_and(|message| message.contains(&port)), "{warning}");
}

#[tokio::test]
async fn a_gateway_url_that_is_an_ordinary_web_server_is_named_as_such() {
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<h1>Welcome</h1";
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n";
    let moved = "HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n";
    let garbage = "220 mail.example.com ESMTP\r\n";
    for (answer, word) in
        [(html, "gateway"), (not_found, "gateway"), (moved, "elsewhere.example"), (garbage, "gateway")]
    {
        let server = LocalService::canned(answer.as_bytes()).await;
        let url = format!("http://localhost:{}", server.port());
        let outcome = porthole(&["http", "3000", "--token", "x", "--gateway", &url, "--no-wait"]).await;
        assert!(matches!(outcome.code, Some(1 | 4)), "{answer:?}: {outcome:?}");
        is_a_sentence(&outcome);
        assert!(outcome.stderr.contains(word), "{answer:?}: {outcome:?}");
        let login = porthole(&["login", &url, "--token", "x"]).await;
        assert!(login.code.is_some_and(|code| code != 0), "{login:?}");
        is_a_sentence(&login);
    }
}

#[tokio::test]
async fn an_unknown_key_in_a_file_names_the_nearest_known_one() {
    let home = Home::new();
    std::fs::write(home.path().join("config.toml"), "gatway = \"https://x.example\"\n")
        .expect("a file can be written");
    says(&home.run(&["http", "3000"]).await, 2, &["gatway", "gateway"]);
    std::fs::write(home.path().join("config.toml"), "[[mappings]]\ntarget = \"3000\"\nnmae = \"x\"\n")
        .expect("a file can be written");
    says(&home.run(&["up"]).await, 2, &["nmae", "name"]);

    let home = tempfile::tempdir().expect("a temporary folder");
    let file = home.path().join("gateway.toml");
    std::fs::write(&file, "pubic_url = \"http://localhost:1\"\n").expect("a file can be written");
    let file = file.display().to_string();
    for command in ["serve", "check"] {
        says(
            &gateway::run(home.path(), &[command, "--config", &file]).await,
            2,
            &["pubic_url", "public_url"],
        );
    }
    std::fs::write(&file, "this is not toml\n").expect("a file can be written");
    says(&gateway::run(home.path(), &["check", "--config", &file]).await, 2, &[]);
}

#[tokio::test]
async fn an_unknown_variable_is_no_error() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = gateway::command(home.path());
    command
        .args(["check"])
        .env("PORTHOLE_GATEWAY_COLOUR_OF_THE_SEA", "blue")
        .env("PORTHOLE_GATEWAY_PUBLIC_URL", "http://localhost:8080");
    let outcome = finish("porthole-gateway check", command).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[tokio::test]
async fn a_variable_yields_to_a_flag_and_wins_over_the_file() {
    let world = World::new().await;
    let home = Home::new();
    std::fs::write(home.path().join("config.toml"), "gateway = \"http://localhost:1\"\n")
        .expect("a file can be written");
    let port = world.service.port().to_string();
    let (url, token) = (world.gateway.url(), world.token.token.clone());
    let words = ["http", &port, "--name", "varied", "--json"];
    let mut agent =
        Agent::start_with(&home, words, &[("PORTHOLE_GATEWAY", &url), ("PORTHOLE_TOKEN", &token)]);
    agent.ready().await;
    let home = Home::new();
    let words = ["http", &port, "--name", "flagged", "--json", "--gateway", &url];
    let variables = [("PORTHOLE_GATEWAY", "http://localhost:1"), ("PORTHOLE_TOKEN", &token)];
    let mut agent = Agent::start_with(&home, words, &variables);
    agent.ready().await;
}

#[tokio::test]
async fn a_port_already_in_use_is_1_with_a_sentence() {
    let taken = LocalService::sample().await;
    let address = taken.address.to_string();
    says(&gateway(&["serve", "--listen", &address]).await, 1, &[&taken.port().to_string(), "uses this port"]);
}

#[tokio::test]
async fn a_missing_or_broken_certificate_is_refused_with_2() {
    let outcome = gateway(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        "/nowhere/cert.pem",
        "--tls-key",
        "/nowhere/key.pem",
    ])
    .await;
    says(&outcome, 2, &["/nowhere/"]);
    let outcome = gateway(&["serve", "--listen", "127.0.0.1:0", "--tls-cert", "/nowhere/cert.pem"]).await;
    says(&outcome, 2, &["tls-"]);
}

#[tokio::test]
async fn check_tells_good_from_bad() {
    assert_eq!(gateway(&["check"]).await.code, Some(0));
    let home = tempfile::tempdir().expect("a temporary folder");
    let file = home.path().join("gateway.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nadmin_listen = \"nowhere\"\n")
        .expect("a file can be written");
    let outcome = gateway::run(home.path(), &["check", "--config", &file.display().to_string()]).await;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(format!("{}{}", outcome.stdout, outcome.stderr).contains("admin_listen"), "{outcome:?}");
}

#[tokio::test]
async fn a_token_file_that_others_can_read_is_refused() {
    let home = Home::new();
    let file = home.path().join("token");
    std::fs::write(&file, "a-token").expect("a file can be written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("a mode can be set");
    let token = format!("file:{}", file.display());
    let outcome =
        home.run(&["http", "3000", "--gateway", "http://localhost:1", "--token", &token, "--no-wait"]).await;
    says(&outcome, 2, &["chmod 600"]);
}

#[tokio::test]
async fn wrong_usage_is_2_and_help_is_0() {
    for words in [&["--no-such-option"][..], &["http"], &["http", "3000", "--timeout", "soon"], &["nonsense"]]
    {
        assert_eq!(porthole(words).await.code, Some(2), "{words:?}");
    }
    for words in [&["--help"][..], &["http", "--help"], &["--version"], &["completions", "bash"]] {
        assert_eq!(porthole(words).await.code, Some(0), "{words:?}");
    }
    assert_eq!(gateway(&["--help"]).await.code, Some(0));
    assert_eq!(gateway(&["serve", "--no-such-option"]).await.code, Some(2));
}

#[tokio::test]
async fn errors_are_json_where_json_was_asked_for() {
    let outcome = porthole(&["http", "70000", "--json"]).await;
    assert_eq!(outcome.code, Some(2));
    let event: serde_json::Value =
        serde_json::from_str(outcome.stdout.trim()).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert_eq!(event["event"], "error");
    assert!(event["code"].is_string() && event["message"].is_string(), "{event}");
}

#[tokio::test]
async fn the_json_events_are_as_documented() {
    let mut world = World::new().await;
    let ready = world.agent.event("ready").await;
    let keys: Vec<&String> = ready.as_object().expect("an object").keys().collect();
    for key in ["event", "public_url", "mapping_id", "inspector_url"] {
        assert!(keys.iter().any(|have| *have == key), "{ready}");
    }
    assert!(ready["inspector_url"].is_null() || ready["inspector_url"].is_string());
    for line in world.agent.process.stdout().lines() {
        let _: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
    }
}

#[tokio::test]
async fn human_output_shows_the_url_its_target_and_each_exchange() {
    let world = World::new().await;
    let port = world.service.port().to_string();
    let words =
        ["http", &port, "--gateway", &world.gateway.url(), "--token", &world.token.token, "--name", "human"]
            .map(str::to_owned);
    let mut agent = Agent::start(&Home::new(), &words);
    let url = format!("http://human.localhost:{}", world.gateway.port());
    agent.process.line("the URL", |line| (line.contains(&url) && line.contains(&port)).then_some(())).await;
    world.gateway.visitor("human").get("/hello").await;
    let shown =
        |line: &str| (line.contains("GET") && line.contains("/hello") && line.contains("200")).then_some(());
    agent.process.line("the exchange", shown).await;
    assert!(!agent.process.stdout().contains('\u{1b}'), "no colours into a pipe");
}

#[tokio::test]
async fn status_tells_what_runs_and_that_nothing_does() {
    let mut world = World::new().await;
    let home = world.agent.home().clone();
    let running = home.run(&["status"]).await;
    assert_eq!(running.code, Some(0), "{running:?}");
    assert!(running.stdout.contains(&world.public_url), "{running:?}");
    world.agent.process.kill9();
    let nothing = home.run(&["status"]).await;
    assert!(!nothing.stdout.contains(&world.public_url) || nothing.code != Some(0), "{nothing:?}");
}

#[tokio::test]
async fn doctor_finds_a_healthy_gateway_well_and_names_a_remedy_for_an_ill_one() {
    let world = World::new().await;
    let well =
        Home::new().run(&["doctor", "--gateway", &world.gateway.url(), "--token", &world.token.token]).await;
    assert_eq!(well.code, Some(0), "{well:?}");
    let ill = Home::new().run(&["doctor", "--gateway", &world.gateway.url(), "--token", "wrong"]).await;
    assert!(ill.code.is_some_and(|code| code != 0), "{ill:?}");
}

#[tokio::test]
async fn mappings_are_added_changed_and_removed() {
    let home = Home::new();
    let run = async |words: &[&str]| home.run(words).await;
    let added = run(&["mappings", "add", "3000", "--name", "shop"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    let listed = run(&["mappings", "list", "--json"]).await;
    let rows: serde_json::Value =
        serde_json::from_str(&listed.stdout).unwrap_or_else(|_| panic!("{listed:?}"));
    let row = rows.as_array().and_then(|rows| rows.first()).unwrap_or(&rows).clone();
    let id = row["id"]
        .as_str()
        .map(str::to_owned)
        .or_else(|| row["id"].as_i64().map(|id| id.to_string()))
        .expect("an id");
    let edited = run(&["mappings", "edit", &id, "--name", "store"]).await;
    assert_eq!(edited.code, Some(0), "{edited:?}");
    let listed = run(&["mappings", "list"]).await;
    assert!(listed.stdout.contains("store") && !listed.stdout.contains("shop"), "{listed:?}");
    assert_eq!(run(&["mappings", "rm", &id]).await.code, Some(0));
    assert!(!run(&["mappings", "list"]).await.stdout.contains("store"));
    let gone = run(&["mappings", "rm", &id]).await;
    assert!(gone.code.is_some_and(|code| code != 0), "{gone:?}");
    is_a_sentence(&gone);
}

#[tokio::test]
async fn a_damaged_database_is_set_aside_and_named() {
    let home = Home::new();
    assert_eq!(home.run(&["mappings", "add", "3000", "--name", "shop"]).await.code, Some(0));
    let database = home.path().join("porthole.db");
    assert!(database.exists(), "the database is {}", database.display());
    std::fs::write(&database, "this is no database at all, but long enough to look like one".repeat(100))
        .expect("a file can be written");
    for side in ["porthole.db-wal", "porthole.db-shm"] {
        let _ = std::fs::remove_file(home.path().join(side));
    }
    let listed = home.run(&["mappings", "list"]).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stderr.contains("damaged"), "{listed:?}");
    let kept = std::fs::read_dir(home.path()).expect("the folder is there").flatten();
    assert!(kept.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("damaged")));
}

/// Runs a program in a mount namespace of its own whose `PORTHOLE_HOME` is a full disk of 256 KiB.
fn on_a_full_disk(mut command: Command, home: &std::path::Path) -> Command {
    let fill = "mount -t tmpfs -o size=256k tmpfs \"$0\" && { head -c 1M /dev/zero > \"$0/filler\" 2>/dev/null || true; } && exec \"$@\"";
    let mut wrapped = porthole_testkit::process::command(std::path::Path::new("unshare"));
    if !rustix::process::geteuid().is_root() {
        wrapped.args(["--user", "--map-root-user"]);
    }
    wrapped.args(["--mount", "sh", "-c", fill]).arg(home).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    // Only its settings were wanted.
    command.env_clear();
    wrapped
}

/// Whether this machine lets a test mount a folder for itself.
fn may_mount() -> bool {
    let mut probe = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        probe.args(["--user", "--map-root-user"]);
    }
    let may = probe.args(["--mount", "true"]).output().is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("skipped: this machine lets no test mount a file system");
    }
    may
}

#[tokio::test]
async fn a_full_disk_is_told_in_a_sentence() {
    if !may_mount() {
        return;
    }
    let home = Home::new();
    let mut command = agent::command(home.path());
    command.args(["mappings", "add", "3000", "--name", "shop"]);
    let outcome = finish("porthole on a full disk", on_a_full_disk(command, home.path())).await;
    says(&outcome, 1, &[]);
    assert!(outcome.stderr.contains("disk") || outcome.stderr.contains("space"), "{outcome:?}");

    let home = tempfile::tempdir().expect("a temporary folder");
    let mut command = gateway::command(home.path());
    command.args(["token", "create", "--name", "alice"]);
    let outcome = finish("porthole-gateway on a full disk", on_a_full_disk(command, home.path())).await;
    says(&outcome, 1, &[]);
    assert!(outcome.stderr.contains("disk") || outcome.stderr.contains("space"), "{outcome:?}");
}

/// The command with its clock off by that much (`+1d`, `-1d`); timers stay true.
fn at_another_time(mut command: Command, offset: &str) -> Command {
    // The wrapper starts a child, which would outlive a killed wrapper: its library is used directly.
    let asked = Command::new("faketime").args(["-f", offset, "printenv", "LD_PRELOAD"]).output();
    let library = asked.expect("faketime runs").stdout;
    let library = String::from_utf8_lossy(&library).trim().to_owned();
    assert!(library.contains("faketime"), "faketime names its library: {library:?}");
    command.env("LD_PRELOAD", library).env("FAKETIME", offset);
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    command
}

#[tokio::test]
async fn a_clock_off_by_a_day_is_suspected_in_the_sentence() {
    if !porthole_testkit::has_program("faketime") {
        return;
    }
    let world = World::new().await;
    for offset in ["+1d", "-1d"] {
        let mut command = gateway::command(world.gateway.home());
        command.args(["token", "create", "--name", "tester", "--expires", "1h", "--json"]);
        let made = finish("token create", at_another_time(command, offset)).await;
        let json: serde_json::Value =
            serde_json::from_str(made.stdout.trim()).unwrap_or_else(|_| panic!("{made:?}"));
        let token = json["token"].as_str().expect("a token");
        let outcome =
            porthole(&["http", "3000", "--gateway", &world.gateway.url(), "--token", token, "--no-wait"])
                .await;
        says(&outcome, 3, &["clock"]);
    }
}

#[tokio::test]
async fn an_agent_whose_clock_is_off_by_a_day_still_works_or_says_so() {
    if !porthole_testkit::has_program("faketime") {
        return;
    }
    let world = World::new().await;
    for (offset, name) in [("+1d", "ahead"), ("-1d", "behind")] {
        let home = Home::new();
        let mut command = agent::command(home.path());
        let port = world.service.port().to_string();
        command.args([
            "http",
            &port,
            "--gateway",
            &world.gateway.url(),
            "--token",
            &world.token.token,
            "--name",
            name,
            "--json",
        ]);
        let mut agent = porthole_testkit::Process::start("agent", at_another_time(command, offset));
        agent.line("ready", |line| line.contains("\"ready\"").then_some(())).await;
        assert_eq!(world.gateway.visitor(name).get("/hello").await.status, 200);
    }
}

#[tokio::test]
async fn a_missing_gateway_program_is_named_when_the_trial_needs_it() {
    let home = Home::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let alone = folder.path().join("porthole");
    std::fs::copy(porthole_testkit::binaries::agent(), &alone).expect("a program can be copied");
    let mut command = porthole_testkit::process::command(&alone);
    command.args(["http", "3000"]).env("PORTHOLE_HOME", home.path()).env("PATH", folder.path());
    let outcome = finish("porthole alone", command).await;
    says(&outcome, 1, &["porthole-gateway"]);
}

#[tokio::test]
async fn the_gateway_reads_its_settings_from_variables_too() {
    let service = LocalService::sample().await;
    let gateway = Gateway::builder()
        .public_url(None)
        .env("PUBLIC_BASE_URL", "http://localhost:0")
        .env("PORTHOLE_GATEWAY_SECRET", "a secret of thirty-two bytes or more")
        .start()
        .await;
    let mut command = gateway::command(gateway.home());
    command
        .args(["token", "create", "--name", "a", "--json"])
        .env("PORTHOLE_GATEWAY_SECRET", "a secret of thirty-two bytes or more");
    let made = finish("token create", command).await;
    let json: serde_json::Value =
        serde_json::from_str(made.stdout.trim()).unwrap_or_else(|_| panic!("{made:?}"));
    let token = json["token"].as_str().expect("a token");
    let words = [
        "http",
        &service.port().to_string(),
        "--gateway",
        &gateway.url(),
        "--token",
        token,
        "--name",
        "x",
        "--json",
    ]
    .map(str::to_owned);
    let mut agent = Agent::start(&Home::new(), &words);
    agent.ready().await;
    until("the answer", || async { (gateway.visitor("x").get("/hello").await.status == 200).then_some(()) })
        .await;
}
