//! What the app reads of the local API: only the keys that it uses.

use std::fmt;

use serde::Deserialize;

/// The link to the gateway.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// The gateway's origin.
    pub gateway: String,
    /// The gateway is this computer's own.
    pub trial: bool,
    pub state: Link,
    pub latency_ms: Option<f64>,
    /// Why it is not connected, as a code and as a sentence.
    pub code: Option<String>,
    pub message: Option<String>,
    /// Requests that run, and conversations.
    pub open: usize,
    pub warnings: Vec<Warning>,
}

impl Status {
    /// Only a person can help: there is no gateway, or no token that it takes.
    pub fn needs_choice(&self) -> bool {
        let of_choice = |code: &str| code == "no-gateway" || code.starts_with("token-");
        self.state == Link::Refused && self.code.as_deref().is_some_and(of_choice)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    #[default]
    Connecting,
    Connected,
    Waiting,
    Refused,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Warning {
    pub code: String,
    pub message: String,
}

/// One local target and its public address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mapping {
    pub id: String,
    pub name: Option<String>,
    pub target: String,
    pub enabled: bool,
    pub source: Source,
    #[serde(default)]
    pub policy: Policy,
    pub state: Standing,
    pub public_url: Option<String>,
    /// Why the gateway refused it.
    pub code: Option<String>,
    pub message: Option<String>,
}

/// Who may come in, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Policy {
    pub basic_auth: Vec<User>,
}

/// Somebody with a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    pub user: String,
}

/// What a mapping is with a password, or without one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PasswordSwitched {
    pub mapping: Mapping,
    pub made: Option<MadePassword>,
}

/// A password that was just made.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct MadePassword {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for MadePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadePassword").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where a mapping is kept; only stored ones can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Stored,
    File,
    Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Live,
    Connecting,
    Refused,
    Off,
}

impl Mapping {
    /// What a person calls it.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.target)
    }
}

/// A port of this computer with a listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Port {
    pub port: u16,
    pub process: Option<String>,
    pub project: Option<String>,
    /// What it probably is: `vite`, `next`, `django`.
    pub kind: Option<String>,
    /// The mapping that leads to it.
    pub mapping_id: Option<String>,
}

/// All of them.
#[derive(Debug, Deserialize)]
pub struct Ports {
    pub ports: Vec<Port>,
}

/// One exchange in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Exchange {
    pub id: i64,
    pub mapping_id: String,
    pub mapping: Option<String>,
    pub source: String,
    pub method: String,
    pub target: String,
    pub status: Option<u16>,
    pub error: Option<String>,
    /// `open`, `done`, `failed` or `cancelled`.
    pub state: String,
}

impl Exchange {
    /// Without its query, which may hold secrets: tray and notifications are in everybody's sight.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A visitor got an error.
    pub fn has_failed(&self) -> bool {
        self.source == "visitor"
            && (self.state == "failed" || self.status.is_some_and(|status| status >= 500))
    }
}

/// Everything as it is.
#[derive(Debug, Deserialize)]
pub struct Snapshot {
    pub status: Status,
    pub mappings: Vec<Mapping>,
}

/// A mapping that is no more.
#[derive(Debug, Deserialize)]
pub struct Gone {
    pub id: String,
}
