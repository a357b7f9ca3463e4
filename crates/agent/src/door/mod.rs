//! How a command speaks to the engine, whether the engine runs in the same process or another.
//!
//! The conversation is the same both ways round: typed messages through a pair of bounded channels.
//! For another process they travel as JSON lines over a Unix socket that only this user may open
//! ([`socket`]).

use porthole_link::control::MappingProtocol;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::events::Event;
use crate::mapping::MappingSpec;
use archive::{Part, Report};
use ask::Ask;

pub mod archive;
pub mod ask;
mod base64;
#[cfg(unix)]
pub mod socket;

/// The version of this conversation. Both ends come from one package, but not always from one build.
pub const PROTOCOL: u16 = 1;

/// Messages that wait in each direction; beyond, the sender waits.
pub const QUEUE: usize = 256;

/// Commands attached at once. Each is a process that a person started.
pub const MAX_CLIENTS: usize = 100;

/// What a command says to the engine. The first message is `Hello`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToEngine {
    Hello(Hello),
    /// Serve this mapping as long as the command stays.
    Serve(Box<Wanted>),
    /// Serve every enabled mapping that is stored or in the file, as long as the command stays.
    ServeStored,
    Status,
    /// The stored mappings changed.
    Reload,
    /// Send kept requests again.
    Replay(Box<Ask>),
    /// Take in an archive, part by part.
    Import(Part),
}

/// Who asks, and for which gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    pub protocol: u16,
    pub version: String,
    /// The gateway's origin, when the command was told one.
    pub gateway: Option<String>,
    /// Whom its token speaks for, when the command was told one.
    pub subject: Option<String>,
}

/// A mapping that ends with its command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its id may be empty: the engine then remembers or makes one.
    pub spec: MappingSpec,
    /// The name was asked for, so no other will do; false: the engine finds one.
    pub exact_name: bool,
    /// The port on the gateway was asked for.
    pub exact_port: bool,
    /// Keep it in the store.
    pub save: bool,
}

/// What the engine says to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromEngine {
    Welcome(Welcome),
    /// The engine cannot do what was asked; the command ends.
    Refused {
        refusal: Refusal,
        message: String,
    },
    /// A mapping of the command is in the set, under this name; what the gateway says to it comes as
    /// an event.
    Serving {
        id: String,
        name: Option<String>,
        target: String,
    },
    /// So many stored mappings are served.
    Standing {
        mappings: usize,
    },
    Event {
        event: Event,
    },
    Status(StatusReport),
    Reloaded,
    /// A request was sent again; its exchange has this number.
    Replayed {
        id: i64,
    },
    /// All of them were, or why no more are.
    ReplayEnded {
        error: Option<Problem>,
    },
    /// An archive was taken in.
    Imported {
        report: Report,
    },
    /// Or not, or not all of it.
    ImportRefused {
        error: Problem,
    },
    /// The engine's own command is leaving; somebody else may become the engine.
    Leaving,
}

/// Why something could not be done, though the command may go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// Why an engine refuses a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It speaks another version of this conversation.
    Version,
    /// It is connected to another gateway, or as somebody else.
    OtherGateway,
    /// `porthole up` runs already.
    AlreadyUp,
    Store,
    Limit,
}

/// What a command learns about the engine it reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub protocol: u16,
    pub pid: u32,
    pub version: String,
    /// The gateway's origin.
    pub gateway: String,
    /// The gateway is this computer's own, for trying things out.
    pub trial: bool,
    /// Where the engine's page is.
    #[serde(default)]
    pub inspector_url: Option<String>,
}

/// The answer to `Status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    pub pid: u32,
    pub version: String,
    pub gateway: String,
    pub trial: bool,
    /// `connecting`, `connected`, `waiting`, `refused` or `closed`.
    pub state: String,
    pub session_id: Option<String>,
    pub gateway_version: Option<String>,
    pub latency_ms: Option<f64>,
    /// Why it is not connected.
    pub message: Option<String>,
    pub uptime_ms: u64,
    /// Why no exchanges are kept, if so.
    #[serde(default)]
    pub capture_paused: Option<String>,
    /// The last time that this engine lost its link.
    #[serde(default)]
    pub last_disconnect: Option<LastDisconnect>,
    pub mappings: Vec<MappingStatus>,
}

/// A link that was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastDisconnect {
    /// Unix time, microseconds.
    pub at_us: i64,
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// One mapping in a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingStatus {
    pub id: String,
    pub name: Option<String>,
    pub protocol: MappingProtocol,
    pub target: String,
    /// Set while the gateway serves it.
    pub public_url: Option<String>,
    /// Set when the gateway refused it.
    pub code: Option<String>,
    pub message: Option<String>,
}

/// A command's end of the conversation. It is over when `receive` gives `None`.
#[derive(Debug)]
pub struct Conversation {
    pub send: mpsc::Sender<ToEngine>,
    pub receive: mpsc::Receiver<FromEngine>,
}

/// Two ends: the command's, and the engine's halves.
pub(crate) fn pair() -> (Conversation, mpsc::Receiver<ToEngine>, mpsc::Sender<FromEngine>) {
    let (send, from_command) = mpsc::channel(QUEUE);
    let (to_command, receive) = mpsc::channel(QUEUE);
    (Conversation { send, receive }, from_command, to_command)
}
