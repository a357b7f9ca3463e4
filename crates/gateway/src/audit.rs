//! The audit log: who changed what. One JSON line for each change, in files of the data folder with mode
//! 0600 that are only ever added to; full ones are put aside and the oldest dropped.
//!
//! What operators do stands in `audit.jsonl`, what agents ask for in `audit-agents.jsonl`: whoever holds a
//! token can fill the second and push nothing out of the first. Commands and the running gateway write
//! the same files: each takes their lock for a batch of lines.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use porthole_link::Mapping;
use porthole_link::control::MappingResult;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::allowance::TokenLimits;
use crate::files::{self, Kept};
use crate::server::Gateway;
use crate::tokens::{Identity, Issued, NewToken};

/// The files' names in the data folder; those put aside have a number behind it, 1 the newest.
pub const FILE: &str = "audit.jsonl";
pub const AGENTS_FILE: &str = "audit-agents.jsonl";
/// Of each of both: a file holds some ten thousand changes.
const KEPT: Kept = Kept { bytes: 4 * 1024 * 1024, aside: 4 };
/// Agents' lines that wait to be written; more (a crowd of agents on a disk that takes nothing) are counted only.
const QUEUE_LINES: usize = 1_024;
/// Lines written under one lock.
const BATCH_LINES: usize = 256;
/// Mappings told of in one line, and rules of each; a gateway of this version knows a dozen.
const MAPPINGS_TOLD: usize = 50;
const RULES_TOLD: usize = 32;
/// Bytes of a rule's name, which may be of a newer agent's making.
const RULE_BYTES: usize = 64;
/// Agents whose last set of mappings is known, some 100 bytes each; beyond it all are told anew.
const AGENTS_KNOWN: usize = 20_000;

/// What was changed.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Change {
    TokenCreated {
        token: String,
        subject: String,
        hosts: Vec<String>,
        tcp: Option<String>,
        /// None: until it is revoked.
        good_for_seconds: Option<u64>,
        #[serde(skip_serializing_if = "TokenLimits::is_none")]
        limits: TokenLimits,
    },
    TokenRevoked {
        token: String,
        subject: String,
    },
    SecretRotated {
        /// Names the secret that signs from now on.
        key_id: Option<String>,
    },
    /// An agent asks for another set of mappings than before, or for its first.
    MappingsChanged {
        subject: String,
        agent: String,
        count: usize,
        mappings: Vec<MappingTold>,
    },
    LinkEnded {
        subject: String,
        agent: String,
        session: String,
    },
    DrainAsked,
    /// The options that say something else than before.
    SettingsReloaded {
        changed: Vec<&'static str>,
        restart_needed: Vec<&'static str>,
    },
    /// Changes that could not be written in time.
    Lost {
        changes: u64,
    },
}

/// One mapping of a changed set; what its rules hold (passwords) is not told.
#[derive(Debug, Clone, Serialize)]
pub struct MappingTold {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_url: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The rules of its policy by name.
    rules: Vec<String>,
}

/// Who changed it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Who {
    /// Somebody at the command line of this computer.
    Command,
    /// Somebody with the admin API's key.
    Admin {
        address: IpAddr,
    },
    /// Somebody who may send this program signals.
    Signal,
    Agent,
}

#[derive(Serialize)]
struct Line<'a> {
    time: Timestamp,
    #[serde(flatten)]
    change: &'a Change,
    #[serde(flatten)]
    who: Who,
}

fn line(change: &Change, who: Who) -> String {
    let line = Line { time: Timestamp::now(), change, who };
    // Fails for nothing that these types can hold.
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

/// Adds an operator's change, and returns when it is on disk.
pub fn append(data: &Path, change: &Change, who: Who) -> io::Result<()> {
    write(data, FILE, &line(change, who))
}

impl Change {
    /// A token was made; it is not told itself.
    pub fn created(id: &str, new: &NewToken) -> Self {
        Self::TokenCreated {
            token: id.to_owned(),
            subject: new.name.clone(),
            hosts: new.hosts.clone(),
            tcp: new.tcp.map(|range| range.to_string()),
            good_for_seconds: new.expires.map(|time| time.as_secs()),
            limits: new.limits,
        }
    }

    pub fn revoked(token: &Issued) -> Self {
        Self::TokenRevoked { token: token.id.clone(), subject: token.name.clone() }
    }
}

/// What each agent (by subject and id) asked for last, as a hash.
type Sets = HashMap<(Arc<str>, Arc<str>), u64>;

/// What agents ask for, on its way to the file.
#[derive(Debug)]
pub struct Audit {
    queue: mpsc::Sender<String>,
    waiting: Mutex<Option<mpsc::Receiver<String>>>,
    lost: AtomicU64,
    sets: Mutex<Sets>,
}

impl Default for Audit {
    fn default() -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LINES);
        Self { queue, waiting: Mutex::new(Some(waiting)), lost: AtomicU64::new(0), sets: Mutex::default() }
    }
}

impl Audit {
    /// Has a change written soon. Never waits.
    fn note(&self, change: &Change) {
        if self.queue.try_send(line(change, Who::Agent)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes what an agent asks for, where that differs from what it asked for last. The set was checked.
    pub fn note_mappings(
        &self,
        identity: &Identity,
        agent: &Arc<str>,
        mappings: &[Mapping],
        results: &[MappingResult],
    ) {
        let told = mappings.iter().zip(results).map(told);
        let count = mappings.len();
        let told: Vec<MappingTold> = told.take(MAPPINGS_TOLD).collect();
        let mut hasher = DefaultHasher::new();
        serde_json::to_string(mappings).unwrap_or_default().hash(&mut hasher);
        serde_json::to_string(&told).unwrap_or_default().hash(&mut hasher);
        let mark = hasher.finish();
        {
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            if sets.len() >= AGENTS_KNOWN {
                sets.clear();
            }
            if sets.insert((identity.subject.clone(), agent.clone()), mark) == Some(mark) {
                return;
            }
        }
        let change = Change::MappingsChanged {
            subject: identity.subject.to_string(),
            agent: agent.to_string(),
            count,
            mappings: told,
        };
        self.note(&change);
    }
}

fn told((mapping, result): (&Mapping, &MappingResult)) -> MappingTold {
    let rules = match serde_json::to_value(&mapping.policy) {
        Ok(serde_json::Value::Object(rules)) => {
            let is_set = |value: &serde_json::Value| match value {
                serde_json::Value::Null | serde_json::Value::Bool(false) => false,
                serde_json::Value::Array(items) => !items.is_empty(),
                _ => true,
            };
            let names = rules.into_iter().filter(|(_, value)| is_set(value)).map(|(name, _)| name);
            names.filter(|name| name.len() <= RULE_BYTES).take(RULES_TOLD).collect()
        }
        _ => Vec::new(),
    };
    MappingTold {
        id: mapping.id.clone(),
        public_url: result.public_url.clone(),
        refused: result.code.clone(),
        rules,
    }
}

/// Writes what is noted, until the gateway's end.
pub(crate) async fn keep(gateway: Arc<Gateway>) {
    let waiting = gateway.audit.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut waiting) = waiting else { return };
    let mut lines = Vec::with_capacity(BATCH_LINES);
    loop {
        tokio::select! {
            biased;
            _ = waiting.recv_many(&mut lines, BATCH_LINES) => {}
            () = gateway.links_end.cancelled() => return,
        }
        let lost = gateway.audit.lost.swap(0, Ordering::Relaxed);
        let count = lines.len() as u64 + lost;
        if lost > 0 {
            lines.push(line(&Change::Lost { changes: lost }, Who::Agent));
        }
        let (data, text) = (gateway.config.data.clone(), lines.concat());
        lines.clear();
        let written = tokio::task::spawn_blocking(move || write(&data, AGENTS_FILE, &text)).await;
        let error = match written {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        gateway.audit.lost.fetch_add(count, Ordering::Relaxed);
        // Told in the file once it can be written again.
        tracing::error!(%error, count, "cannot write audit-agents.jsonl; these changes are missing in it");
    }
}

/// Adds whole lines to a file, putting it aside first where it is full.
fn write(data: &Path, name: &str, lines: &str) -> io::Result<()> {
    files::make_folder(data)?;
    // Two programs must not put the file aside at once.
    let lock = File::create(data.join("audit.lock"))?;
    lock.lock()?;
    files::append(&data.join(name), lines.as_bytes(), KEPT)?.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_dropped() {
        let data = tempfile::tempdir().unwrap();
        let half = "x".repeat(KEPT.bytes as usize / 2 - 1) + "\n";
        for _ in 0..2 {
            write(data.path(), FILE, &half).unwrap();
        }
        assert!(!data.path().join("audit.jsonl.1").exists(), "exactly full");
        for _ in 0..20 {
            write(data.path(), FILE, &half).unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(data.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected =
            ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3", "audit.jsonl.4", "audit.lock"];
        assert_eq!(names, expected);
        for name in &names[..5] {
            assert!(std::fs::metadata(data.path().join(name)).unwrap().len() <= KEPT.bytes, "{name}");
        }
    }

    #[test]
    fn a_line_tells_when_what_and_who() {
        let change = Change::TokenRevoked { token: "1a".into(), subject: "alice".into() };
        let text = line(&change, Who::Admin { address: [192, 0, 2, 1].into() });
        let json: serde_json::Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
        assert_eq!(json["event"], "token-revoked");
        assert_eq!((&json["token"], &json["subject"]), (&"1a".into(), &"alice".into()));
        assert_eq!((&json["by"], &json["address"]), (&"admin".into(), &"192.0.2.1".into()));
        assert!(json["time"].as_str().unwrap().parse::<Timestamp>().is_ok());
    }

    #[tokio::test]
    async fn what_the_queue_has_no_room_for_is_counted() {
        let audit = Audit::default();
        for _ in 0..QUEUE_LINES + 3 {
            audit.note(&Change::DrainAsked);
        }
        assert_eq!(audit.lost.load(Ordering::Relaxed), 3);
    }
}
