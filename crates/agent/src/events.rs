//! What the engine hands to the uplink and what it hears back.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::mapping::ProxyProtocol;
use crate::target::Target;

/// Events kept for a listener that reads slowly; beyond, it is told that it missed some. One busy
/// second of exchanges on a laptop.
pub const EVENT_QUEUE: usize = 4096;

/// First byte of an answer, unless the mapping says otherwise.
pub const DEFAULT_ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// What is done with Host, Origin and X-Forwarded-Host: all of them together, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostHeader {
    /// The service sees the public host.
    #[default]
    Preserve,
    /// The service sees its own authority.
    Rewrite,
    /// The service sees this.
    Value(String),
}

/// Why a text is no host header setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” cannot be a Host header: use preserve, rewrite, or a host name with an optional port")]
pub struct HostHeaderError(String);

impl FromStr for HostHeader {
    type Err = HostHeaderError;

    fn from_str(text: &str) -> Result<Self, HostHeaderError> {
        match text {
            "preserve" => Ok(Self::Preserve),
            "rewrite" => Ok(Self::Rewrite),
            _ if !text.is_empty()
                && text.len() <= 255
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b)) =>
            {
                Ok(Self::Value(text.to_owned()))
            }
            _ => Err(HostHeaderError(text.chars().filter(|c| !c.is_control()).take(100).collect())),
        }
    }
}

impl std::fmt::Display for HostHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Preserve => "preserve",
            Self::Rewrite => "rewrite",
            Self::Value(value) => value,
        })
    }
}

/// A mapping as it is served: what the gateway is told, and where its requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    pub wire: porthole_link::Mapping,
    pub target: Target,
    /// A TCP service is told of each visitor.
    pub proxy_protocol: Option<ProxyProtocol>,
    pub host_header: HostHeader,
    /// The service's certificate need not be valid.
    pub allow_invalid_certs: bool,
    /// Until the first byte of an answer.
    pub timeout: Duration,
    /// Its exchanges are captured.
    pub inspect: bool,
}

/// The whole set of mappings, replaced as one. Revisions only grow within an engine's life.
#[derive(Debug, Clone, Default)]
pub struct MappingSet {
    pub revision: u64,
    pub mappings: Vec<Arc<Served>>,
}

impl MappingSet {
    /// The mapping that an `Open` frame means.
    pub fn by_number(&self, number: u32) -> Option<&Arc<Served>> {
        self.mappings.iter().find(|served| served.wire.number == number)
    }
}

/// What happened to the link, to a mapping, or in an exchange. Goes over the engine's door as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A try to reach the gateway begins; the first is 1.
    Connecting {
        r#try: u32,
    },
    Connected {
        session_id: String,
        gateway_version: String,
        latency: Option<Duration>,
    },
    /// The gateway accepted the mapping.
    MappingLive {
        id: String,
        public_url: String,
    },
    /// The gateway refused it, with a code of `porthole_link::control::codes`.
    MappingRefused {
        id: String,
        code: String,
        message: String,
    },
    /// The link is gone or could not be made; `retry_in` tells when the next try comes.
    Disconnected {
        code: String,
        message: String,
        retry_in: Option<Duration>,
    },
    /// Final: the token was refused, or a newer start of this agent replaced it. No further tries.
    Refused {
        code: String,
        message: String,
    },
    /// Shared, not copied, by those who listen.
    Exchange(Arc<ExchangeSummary>),
    Warning {
        code: String,
        message: String,
        mapping_id: Option<String>,
    },
    /// The gateway asked us to go elsewhere, or we are leaving.
    Draining,
}

/// One exchange, told when it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeSummary {
    pub mapping_id: String,
    pub request_id: String,
    pub method: String,
    /// Raw request target; secrets in its query are masked before it is printed or logged.
    pub target: String,
    pub status: Option<u16>,
    /// Why it failed, as a stable code.
    pub error: Option<String>,
    pub duration: Duration,
    /// Body bytes from the visitor.
    pub bytes_in: u64,
    /// Body bytes to the visitor.
    pub bytes_out: u64,
    /// A sentence for the developer, e.g. how to let a dev server accept the public host.
    pub note: Option<String>,
}

/// Bounded by [`EVENT_QUEUE`]; a lagging listener is told.
pub type Events = tokio::sync::broadcast::Sender<Event>;

/// A new, bounded fan-out of events.
pub fn events() -> Events {
    tokio::sync::broadcast::channel(EVENT_QUEUE).0
}

/// The link's state now.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum LinkState {
    #[default]
    Connecting,
    Connected {
        session_id: String,
        gateway_version: String,
        latency: Option<Duration>,
    },
    /// Not connected; the next try comes.
    Waiting {
        code: String,
        message: String,
    },
    /// Final.
    Refused {
        code: String,
        message: String,
    },
    /// Ended by [`crate::uplink::Uplink::drain`].
    Closed,
}
