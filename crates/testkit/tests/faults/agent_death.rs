//! kill -9 of the agent while its mappings change.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use porthole_testkit::agent::{self, Home};
use porthole_testkit::wait::until;
use porthole_testkit::{Agent, Gateway, LocalService, Process, long};
use serde_json::Value;

use super::{Dice, sized};

/// What the user asked for and was told is done: name, port and whether it is enabled, by id.
type Kept = BTreeMap<String, (String, u16, bool)>;

/// A data folder whose agents keep dying.
struct Victim {
    home: Home,
    kept: Kept,
    /// What holds if the change that nobody acknowledged was made.
    perhaps: Option<Kept>,
    dice: Dice,
    /// The port of the local service.
    port: u16,
    made: u32,
}

impl Victim {
    /// One change through the command line; one in four commands is killed as well. False when the
    /// change was not acknowledged: then it is open, until the engine is dead too, whether it was made. A
    /// running engine may not see it in the database's log where the next start finds it.
    async fn change(&mut self) -> bool {
        let mut after = self.kept.clone();
        let some = self.dice.below(self.kept.len().max(1) as u64) as usize;
        let existing = self.kept.keys().nth(some).cloned();
        let words: Vec<String> = match (existing, self.dice.below(6)) {
            (Some(id), 2) => {
                after.remove(&id);
                vec!["rm".into(), id]
            }
            (Some(id), 3 | 4) => {
                let enabled = &mut after.get_mut(&id).expect("it exists").2;
                *enabled = !*enabled;
                vec![if *enabled { "enable" } else { "disable" }.into(), id]
            }
            (Some(id), 5) => {
                self.made += 1;
                let name = format!("renamed{}", self.made);
                after.get_mut(&id).expect("it exists").0.clone_from(&name);
                vec!["edit".into(), id, "--name".into(), name]
            }
            _ => {
                self.made += 1;
                let (port, name) = (self.port.to_string(), format!("made{}", self.made));
                vec!["add".into(), port, "--name".into(), name, "--json".into()]
            }
        };
        let added = (words[0] == "add").then(|| words[3].clone());
        let mut command = agent::command(self.home.path());
        command.arg("mappings").args(&words);
        let mut process = Process::start("porthole mappings", command);
        process.close_stdin();
        if self.dice.below(4) == 0 {
            tokio::time::sleep(Duration::from_millis(self.dice.below(60))).await;
            process.kill9();
        }
        let code = process.exit_code().await;
        assert!(matches!(code, Some(0) | None), "{words:?}: {}", process.printed());
        if let Some(name) = added {
            // The id is the agent's to give: what was killed before it could say it is found by its name.
            let id = serde_json::from_str::<Value>(process.stdout().trim())
                .ok()
                .and_then(|row| row["id"].as_str().map(str::to_owned))
                .unwrap_or_else(|| format!("?{name}"));
            after.insert(id, (name, self.port, true));
        }
        if code == Some(0) {
            self.kept = after;
        } else {
            self.perhaps = Some(after);
        }
        code == Some(0)
    }

    /// Compares what is stored with what was acknowledged.
    async fn settle(&mut self) {
        let listed = self.home.run(&["mappings", "list", "--json"]).await;
        assert_eq!(listed.code, Some(0), "{listed:?}");
        let stored: Kept = listed.stdout.lines().map(row).collect();
        let perhaps = self.perhaps.take();
        let by_name = |kept: &Kept| -> Vec<_> {
            let mut rows: Vec<_> = kept.values().cloned().collect();
            rows.sort();
            rows
        };
        let fits = by_name(&stored) == by_name(&self.kept)
            || perhaps.as_ref().is_some_and(|perhaps| by_name(&stored) == by_name(perhaps));
        assert!(fits, "stored {stored:#?}\nacknowledged {:#?}\nperhaps {perhaps:#?}", self.kept);
        self.kept = stored;
    }
}

fn row(line: &str) -> (String, (String, u16, bool)) {
    let row: Value = serde_json::from_str(line).expect("one JSON object a line");
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let port = text("target").rsplit(':').next().and_then(|port| port.trim_end_matches('/').parse().ok());
    (text("id"), (text("name"), port.expect("a target with a port"), row["enabled"] == true))
}

/// Has SQLite look over a copy of the database, as the dead engine left it.
fn check_database(home: &Path) {
    let copy = tempfile::tempdir().expect("a folder");
    for name in ["porthole.db", "porthole.db-wal"] {
        let copied = std::fs::copy(home.join(name), copy.path().join(name));
        assert!(copied.is_ok() || name.ends_with("-wal"), "{name}: {copied:?}");
    }
    let database = rusqlite::Connection::open(copy.path().join("porthole.db")).expect("a database");
    let verdict: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn acknowledged_mappings_survive_kill_9_of_the_agent_at_any_moment() {
    let rounds: u16 = sized(15, 200);
    let (gateway, service) = (Gateway::start().await, LocalService::sample().await);
    let token = gateway.token("tester", &[]).await;
    let mut victim = Victim {
        home: Home::new(),
        kept: Kept::new(),
        perhaps: None,
        dice: Dice::new("kill -9 of the agent"),
        port: service.port(),
        made: 0,
    };
    let words = ["--gateway", &gateway.url(), "--token", &token.token, "--json"].map(str::to_owned);
    let up = || ["up".to_owned()].into_iter().chain(words.clone());
    for round in 0..rounds {
        let mut engine = Agent::start(&victim.home, up());
        if round % 3 == 2 {
            // Through the engine: whoever is told that a saved mapping is ready finds it again.
            engine.process.line("its first word", |line| line.contains("\"event\"").then_some(())).await;
            // A target of its own: one that is known already keeps its mapping, under the new name.
            let (name, port) = (format!("saved{round}"), 2000 + round);
            let asked = ["http", &port.to_string(), "--name", &name, "--save"].map(str::to_owned);
            let mut command = Agent::start(&victim.home, asked.into_iter().chain(words.clone()));
            command.ready().await;
            engine.process.kill9();
            command.process.kill9();
            victim.kept.insert(format!("?{name}"), (name, port, true));
        } else {
            let strikes = Duration::from_millis(victim.dice.below(300));
            let changes = async {
                for _ in 0..3 {
                    if !victim.change().await {
                        break;
                    }
                }
            };
            let strike = async {
                tokio::time::sleep(strikes).await;
                engine.process.kill9();
            };
            tokio::join!(changes, strike);
        }
        if victim.home.path().join("porthole.db").exists() {
            check_database(victim.home.path());
        }
        victim.settle().await;
    }
    println!("{rounds} kills, {} mappings kept, database clean (long: {})", victim.kept.len(), long());

    let _last = Agent::start(&victim.home, up());
    for (name, port, enabled) in victim.kept.values() {
        if *enabled && *port == service.port() {
            let visitor = gateway.visitor(name);
            let answers = async || (visitor.get("/hello").await.status == 200).then_some(());
            until(format!("{name} answers"), answers).await;
        }
    }
}
