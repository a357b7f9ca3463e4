//! What of the admin API's status is shown. Fields that a gateway of another version has not are empty.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) version: String,
    pub(super) uptime_seconds: u64,
    pub(super) ready: bool,
    pub(super) links: u64,
    pub(super) endpoints: u64,
    pub(super) streams: u64,
    pub(super) agents: Vec<Agent>,
    pub(super) traffic: Traffic,
    pub(super) acme: Option<Acme>,
    pub(super) caddy: Option<Caddy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Agent {
    pub(super) subject: String,
    pub(super) agent_id: String,
    pub(super) agent_version: String,
    pub(super) draining: bool,
    pub(super) streams: u64,
    pub(super) latency_ms: Option<u64>,
    pub(super) connected_seconds: u64,
    pub(super) endpoints: Vec<Endpoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Endpoint {
    pub(super) label: String,
    pub(super) public_url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Traffic {
    pub(super) answers: BTreeMap<String, u64>,
    pub(super) refusals: BTreeMap<String, u64>,
    pub(super) agents_refused: BTreeMap<String, u64>,
    pub(super) mappings_refused: BTreeMap<String, u64>,
    pub(super) broken_answers: u64,
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) latency: Latency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Latency {
    pub(super) up_to_seconds: Vec<f64>,
    pub(super) counts: Vec<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Acme {
    pub(super) soonest: Vec<Expiry>,
    pub(super) last_failure: Option<Failed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Expiry {
    pub(super) name: String,
    pub(super) days: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failed {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) problem: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Caddy {
    pub(super) state: String,
    pub(super) routes: u64,
    pub(super) problem: Option<String>,
}
