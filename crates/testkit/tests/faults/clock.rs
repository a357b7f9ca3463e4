//! The gateway's clock jumps while links are up.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use porthole_testkit::light_agent::{LightAgent, hello, named};
use porthole_testkit::wait::until;
use porthole_testkit::{LocalService, Process, World, gateway};
use tokio::time::sleep;

use super::sized;

/// The library that shows another time to a program, in whose file the difference can be changed.
fn faketime_library() -> String {
    // The wrapper starts a child, which would outlive a killed wrapper: its library is used directly.
    let asked = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let library = asked.expect("faketime runs").stdout;
    let library = String::from_utf8_lossy(&library).trim().to_owned();
    assert!(library.contains("faketime"), "faketime names its library: {library:?}");
    library
}

fn set(file: &Path, offset: &str) {
    // Whole in one step: the program reads it all the time.
    let draft = file.with_extension("new");
    std::fs::write(&draft, format!("{offset}\n")).expect("a file");
    std::fs::rename(&draft, file).expect("a file");
}

#[tokio::test]
async fn a_gateway_whose_clock_jumps_drops_nobody_and_gives_no_name_away() {
    if !porthole_testkit::has_program("faketime") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let offset = folder.path().join("offset");
    set(&offset, "+0");
    let (library, file) = (faketime_library(), offset.to_string_lossy().into_owned());
    let world = World::builder()
        .gateway(|gateway| {
            gateway
                .env("LD_PRELOAD", &library)
                .env("FAKETIME_TIMESTAMP_FILE", &file)
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1")
        })
        .start()
        .await;
    let gateway = &world.gateway;
    let visitor = world.visitor();
    let expiring = gateway.token("expiring", &["--expires", "1h"]).await;
    let short_lived =
        LightAgent::connect(gateway.address, &expiring.token, hello("short", 1, vec![named(1, "short")]))
            .await
            .expect("a link");
    short_lived.serve("light");
    let stranger = gateway.token("stranger", &[]).await;

    // Back, far ahead (past every claim's week), and back again.
    let (some, all) = (["-1d", "+8d", "+0"], ["-1d", "+0", "+30m", "-30d", "+8d", "+400d", "+0"]);
    for jump in sized(&some[..], &all[..]) {
        set(&offset, jump);
        // Long enough for the once-a-second look at tokens and for a heartbeat in the long form.
        sleep(sized(Duration::from_millis(1300), Duration::from_secs(12))).await;
        assert_eq!(visitor.get("/hello").await.status, 200, "after {jump}");
        let thief = hello(&format!("thief {jump}"), 1, vec![named(1, "app")]);
        let link = LightAgent::connect(gateway.address, &stranger.token, thief).await;
        // A clock that is behind may find the stranger's token too young; then nothing is given either.
        if let Ok(link) = link {
            assert!(link.welcome.results[0].public_url.is_none(), "the name went to a stranger at {jump}");
        }
        if *jump == "+8d" {
            let late = LightAgent::connect(gateway.address, &expiring.token, hello("late", 1, vec![])).await;
            assert!(late.is_err(), "whoever comes now is judged by the clock as it is");
        }
        assert!(!world.agent.process.printed().contains("\"disconnected\""), "dropped after {jump}");
    }
    // A jump alone ends no link, not even one whose token was over by that clock for a while.
    assert_eq!(gateway.visitor("short").get("/").await.status, 200);
    drop(short_lived);
}

#[tokio::test]
async fn a_gateway_that_starts_with_a_wrong_clock_keeps_claims_for_when_it_is_right() {
    if !porthole_testkit::has_program("faketime") {
        return;
    }
    let mut world = World::new().await;
    let service = LocalService::sample().await;
    let stranger = world.gateway.token("stranger", &[]).await;
    world.agent.process.kill9();
    world.gateway.process.kill9();
    // A board without a battery begins in the past: claims are then of the future.
    let mut command = gateway::command(world.gateway.home());
    let listen = world.gateway.address.to_string();
    command.args(["serve", "--listen", &listen, "--public-url", "http://localhost:0"]);
    command.env("LD_PRELOAD", faketime_library()).env("FAKETIME", "-365d");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    let mut wrong = Process::start("a gateway in the past", command);
    wrong.line("it listens", |line| line.contains("listening on").then_some(())).await;
    let away = world.gateway.visitor("app").get("/hello").await;
    assert_eq!(away.status, 503, "a claimed name whose agent is away: {away:?}");
    wrong.kill9();
    world.gateway.restart().await;
    let thief = hello("thief", 1, vec![named(1, "app")]);
    let link = LightAgent::connect(world.gateway.address, &stranger.token, thief).await.expect("a link");
    assert!(link.welcome.results[0].public_url.is_none(), "the name went to a stranger");
    world.agent.restart();
    let visitor = world.visitor();
    let answers = async || (visitor.get("/hello").await.status == 200).then_some(());
    until("its own agent has it back", answers).await;
    drop(service);
}
