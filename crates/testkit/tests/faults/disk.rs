//! A data folder on a disk that is full.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use porthole_testkit::agent::Home;
use porthole_testkit::light_agent::{LightAgent, hello, named};
use porthole_testkit::process::Finished;
use porthole_testkit::wait::{eventually, until};
use porthole_testkit::{Agent, Gateway, LocalService};

/// 2 MiB of memory, mounted for this test's thread and what it starts; gone with them.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None, and a word about it, where only root may mount and the test is not.
    fn at(folder: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root may mount a small disk");
            return None;
        }
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let mount = |arguments: &[&str]| {
            let done = Command::new("mount").args(arguments).arg(folder).status().expect("mount runs");
            assert!(done.success(), "mount {arguments:?}");
        };
        let private = Command::new("mount").args(["--make-rprivate", "/"]).status().expect("mount runs");
        assert!(private.success());
        mount(&["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]);
        Some(Self(folder.to_owned()))
    }

    /// Takes every last page.
    fn fill(&self) {
        use std::io::Write as _;
        let mut filler = std::fs::File::create(self.0.join("filler")).expect("a file");
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("the filler is there");
    }
}

/// A refusal with a sentence about the disk.
fn is_refused(finished: &Finished) -> bool {
    let said = finished.stderr.to_lowercase();
    let about_space = ["space", "room", "full"].iter().any(|word| said.contains(word));
    assert!(finished.code == Some(0) || (finished.code == Some(1) && about_space), "{finished:?}");
    assert!(!said.contains("panicked"), "{finished:?}");
    finished.code == Some(1)
}

#[tokio::test]
async fn a_gateway_whose_disk_is_full_goes_on_refuses_in_a_sentence_and_loses_nothing() {
    let builder = Gateway::builder();
    let Some(disk) = SmallDisk::at(builder.home()) else { return };
    let mut gateway = builder.start().await;
    let service = LocalService::sample().await;
    let token = gateway.token("tester", &[]).await;
    let doomed = gateway.token("doomed", &[]).await;
    let words = |name: &str| {
        let mut words =
            porthole_testkit::world::http_arguments(&gateway, &token, &service.port().to_string());
        words.extend(["--name".into(), name.into()]);
        words
    };
    let mut agent = Agent::start(&Home::new(), words("before"));
    agent.ready().await;

    disk.fill();
    assert_eq!(gateway.visitor("before").get("/hello").await.status, 200);
    assert!(is_refused(&gateway.run(&["token", "create", "--name", "late", "--json"]).await));
    assert!(is_refused(&gateway.run(&["token", "revoke", &doomed.id]).await));
    assert!(is_refused(&gateway.run(&["token", "rotate"]).await));
    let listed = gateway.run(&["token", "list"]).await;
    assert!(listed.stdout.contains(&token.id) && listed.stdout.contains(&doomed.id), "{listed:?}");
    // A new name is served although it cannot be written down, and the operator is told.
    let second = Home::new();
    let mut newcomer = Agent::start(&second, words("meanwhile"));
    newcomer.ready().await;
    assert_eq!(gateway.visitor("meanwhile").get("/hello").await.status, 200);
    eventually("a word about the disk", || gateway.process.printed().contains("cannot write claims")).await;

    disk.free();
    let revoked = gateway.run(&["token", "revoke", &doomed.id]).await;
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    let claims = gateway.home().join("gateway/claims.json");
    let written = || std::fs::read_to_string(&claims).is_ok_and(|text| text.contains("meanwhile"));
    eventually("the name is written once there is room", written).await;
    drop((agent, newcomer));
    gateway.process.kill9();
    gateway.restart().await;
    let stranger = gateway.token("stranger", &[]).await;
    for name in ["before", "meanwhile"] {
        let hello = hello("thief", 1, vec![named(1, name)]);
        let link = LightAgent::connect(gateway.address, &stranger.token, hello).await.expect("a link");
        assert!(link.welcome.results[0].public_url.is_none(), "{name} went to a stranger");
    }
    assert!(LightAgent::connect(gateway.address, &doomed.token, hello("d", 1, vec![])).await.is_err());
}

#[tokio::test]
async fn an_agent_whose_disk_is_full_goes_on_refuses_in_a_sentence_and_loses_nothing() {
    let home = Home::new();
    let Some(disk) = SmallDisk::at(home.path()) else { return };
    let (gateway, service) = (Gateway::start().await, LocalService::sample().await);
    let (token, port) = (gateway.token("tester", &[]).await, service.port().to_string());
    let mut kept = vec!["first".to_owned()];
    assert_eq!(home.run(&["mappings", "add", &port, "--name", "first"]).await.code, Some(0));
    let words = ["up", "--gateway", &gateway.url(), "--token", &token.token, "--json"].map(str::to_owned);
    let mut agent = Agent::start(&home, &words);
    agent.ready().await;

    disk.fill();
    let visitor = gateway.visitor("first");
    assert_eq!(visitor.get("/hello").await.status, 200);
    // The database's log may have room left for a few changes; then they are refused.
    let mut refused = None;
    for number in 0..100 {
        let name = format!("late{number}");
        let added = home.run(&["mappings", "add", &port, "--name", &name]).await;
        if is_refused(&added) {
            refused = Some(name);
            break;
        }
        kept.push(name);
    }
    let refused = refused.expect("no change fits on a full disk");
    for change in [["disable", "first"], ["enable", "first"]] {
        is_refused(&home.run(&["mappings", change[0], change[1]]).await);
    }
    assert_eq!(visitor.get("/hello").await.status, 200);
    // A start on a full disk serves what is stored.
    agent.process.kill9();
    agent.restart();
    let answers = async || (visitor.get("/hello").await.status == 200).then_some(());
    until("an agent started on a full disk serves", answers).await;

    disk.free();
    let added = home.run(&["mappings", "add", &port, "--name", "after"]).await;
    assert_eq!(added.code, Some(0), "{added:?}");
    kept.push("after".to_owned());
    agent.process.kill9();
    agent.restart();
    let listed = home.run(&["mappings", "list"]).await.stdout;
    assert!(kept.iter().all(|name| listed.contains(name.as_str())), "{kept:?} in {listed}");
    assert!(!listed.lines().any(|line| line.split_whitespace().any(|word| word == refused)), "{listed}");
    for name in &kept {
        let visitor = gateway.visitor(name);
        let answers = async || (visitor.get("/hello").await.status == 200).then_some(());
        until(format!("{name} is served"), answers).await;
    }
}

#[tokio::test]
async fn on_a_full_disk_capture_pauses_with_a_warning_traffic_goes_on_and_capture_comes_back() {
    let home = Home::new();
    let Some(disk) = SmallDisk::at(home.path()) else { return };
    let (gateway, service) = (Gateway::start().await, LocalService::sample().await);
    let token = gateway.token("tester", &[]).await;
    let mut words = porthole_testkit::world::http_arguments(&gateway, &token, &service.port().to_string());
    words.extend(["--name".into(), "kept".into()]);
    let mut agent = Agent::start(&home, words);
    agent.ready().await;
    let visitor = gateway.visitor("kept");
    let listed = async |path: &str| {
        let listed = home.run(&["exchanges", "list", "--json"]).await.stdout;
        listed.contains(&format!("\"target\":\"{path}\"")).then_some(())
    };
    assert_eq!(visitor.get("/hello").await.status, 200);
    until("the first exchange in the list", async || listed("/hello").await).await;

    disk.fill();
    // The database's log may have room left for a few.
    let paused = async || {
        assert_eq!(visitor.get("/bytes?100000").await.status, 200);
        agent.events().iter().any(|event| event["code"] == "capture-paused").then_some(())
    };
    until("a word about the disk", paused).await;
    assert_eq!(visitor.get("/status/204").await.status, 204);

    disk.free();
    agent.event_after(0, |event| event["code"] == "capture-resumed", "capture-resumed").await;
    assert_eq!(visitor.get("/status/205").await.status, 205);
    until("an exchange after the pause", async || listed("/status/205").await).await;
    until("the first exchange is still there", async || listed("/hello").await).await;
}
