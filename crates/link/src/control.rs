//! The JSON control conversation: one WebSocket text message each.
//!
//! Unknown fields are skipped, but for a policy's: see [`Policy::unknown`]. Unknown message types decode to
//! `Unknown` and are skipped. A field may be added within a protocol version, never removed or given another
//! meaning.

mod cors;
mod floor;
mod headers;
mod jwt;
mod keys;
mod policy;
mod rewrite;
mod rules;

use serde::{Deserialize, Serialize};

pub use cors::Cors;
pub use floor::Floor;
pub use headers::{HeaderField, HeaderRules, WrongHeader};
pub use jwt::{JwtKeys, JwtRule, RequiredClaim};
pub use keys::BearerKey;
pub use policy::{BasicAuth, POLICIES, Policy, RateLimit, Unknown};
pub use rewrite::Rewrite;
pub use rules::{CannedAnswer, Maintenance};

/// What an agent says to a gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToGateway {
    /// The first message on a link.
    Hello(Hello),
    /// Replaces the whole set of mappings; answered by [`ToAgent::Mapped`] with the same revision.
    Mappings {
        revision: u64,
        mappings: Vec<Mapping>,
    },
    Ping {
        at: u64,
    },
    Pong {
        at: u64,
    },
    /// The agent is about to leave: open nothing more; streams in flight finish. Answered by
    /// [`ToAgent::Drained`].
    Draining {
        deadline_ms: u64,
    },
    #[serde(other)]
    Unknown,
}

/// What a gateway says to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToAgent {
    Welcome(Welcome),
    /// The link is not accepted, or ends now for a reason that trying again at once does not mend.
    Refused(Refused),
    Mapped {
        revision: u64,
        results: Vec<MappingResult>,
    },
    Ping {
        at: u64,
    },
    Pong {
        at: u64,
    },
    /// The gateway is about to leave: connect again (to it or another); streams in flight finish.
    Draining {
        deadline_ms: u64,
    },
    /// Answers [`ToGateway::Draining`]: no stream is opened after this message.
    Drained,
    #[serde(other)]
    Unknown,
}

/// The agent introduces itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Newest and oldest protocol version the agent speaks.
    pub protocol: u16,
    pub protocol_oldest: u16,
    /// For people, e.g. `0.1.0`.
    pub agent_version: String,
    /// Random, kept in the agent's data folder.
    pub agent_id: String,
    /// Grows with every start of the agent; the higher replaces the lower.
    pub epoch: u64,
    pub revision: u64,
    pub mappings: Vec<Mapping>,
}

/// One local target and the public address it wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mapping {
    /// The agent's stable id of the mapping: 1–64 of `[A-Za-z0-9_-]`; also the `{id}` of `/pub/{id}/`.
    pub id: String,
    /// Short number that stands for the mapping in `Open` frames; unique within the set.
    pub number: u32,
    pub protocol: MappingProtocol,
    /// A single label under the gateway's domain.
    pub name: Option<String>,
    /// A full host name instead, perhaps `*.`-wildcard. Of a TCP mapping, without a star: its connections are
    /// those whose TLS handshake names this host, and it has no port.
    pub host: Option<String>,
    /// Path prefix, starting with `/`; none means all.
    pub path: Option<String>,
    pub strip_prefix: bool,
    /// Further conditions, all of which must hold.
    pub matches: Vec<Match>,
    /// TCP only: the port wanted on the gateway; none lets it choose.
    pub remote_port: Option<u16>,
    pub policy: Policy,
}

/// What else mappings may ask for that not every gateway knows; told in the welcome with [`POLICIES`].
pub const KINDS: &[&str] = &[TCP_HOST];

/// A TCP mapping's connections are known by the host in their TLS handshake ([`Mapping::host`]).
pub const TCP_HOST: &str = "tcp_host";

impl Mapping {
    /// What not every gateway knows: one that does not would skip it.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let by_host = self.protocol == MappingProtocol::Tcp && self.host.is_some();
        self.policy.needs().chain(by_host.then_some(TCP_HOST))
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingProtocol {
    #[default]
    Http,
    Tcp,
}

/// A condition on a request beside host and path. Without a value, presence is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "snake_case")]
pub enum Match {
    Header { name: String, value: Option<String> },
    Query { name: String, value: Option<String> },
    Cookie { name: String, value: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol version both will speak from here on.
    pub protocol: u16,
    pub gateway_version: String,
    pub session_id: String,
    pub revision: u64,
    pub results: Vec<MappingResult>,
    /// Which of [`POLICIES`] the gateway enforces and which of [`KINDS`] it knows, perhaps with newer ones.
    #[serde(default)]
    pub policies: Vec<String>,
}

/// What became of one mapping.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MappingResult {
    pub id: String,
    /// Where visitors reach it, e.g. `https://shop.tunnel.example.com`, `tcp://tunnel.example.com:20000`.
    pub public_url: Option<String>,
    /// Set instead when refused: a stable code (see [`codes`]) and one sentence.
    pub code: Option<String>,
    pub message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    pub code: String,
    pub message: String,
    /// False: the agent stops (token refused, replaced by a newer start); true: it may try later.
    pub retry: bool,
}

/// Stable codes of refusals.
pub mod codes {
    pub const NAME_IN_USE: &str = "name-in-use";
    pub const NAME_NOT_ALLOWED: &str = "name-not-allowed";
    pub const NAME_INVALID: &str = "name-invalid";
    pub const PORT_NOT_ALLOWED: &str = "port-not-allowed";
    pub const PORT_IN_USE: &str = "port-in-use";
    pub const MAPPING_INVALID: &str = "mapping-invalid";
    pub const REPLACED: &str = "replaced";
    pub const PROTOCOL: &str = "protocol-version";
    pub const TOKEN_MISSING: &str = "token-missing";
    pub const TOKEN_INVALID: &str = "token-invalid";
    pub const TOKEN_EXPIRED: &str = "token-expired";
    pub const TOKEN_NOT_YET_VALID: &str = "token-not-yet-valid";
    pub const TOKEN_REVOKED: &str = "token-revoked";
    /// By the gateway's answer to `/tunnel`.
    pub const CLIENT_CERTIFICATE_REQUIRED: &str = "client-certificate-required";
    /// The gateway serves no mapping that lets visitors in without a password.
    pub const PASSWORD_REQUIRED: &str = "password-required";
    pub const LIMIT: &str = "limit";
    /// As much as the token may have is in use.
    pub const TOKEN_LIMIT: &str = "token-limit";
    pub const DRAINING: &str = "draining";
    /// By the gateway's operator; the agent may come back.
    pub const ENDED: &str = "link-ended";
    /// Said by the agent itself: the gateway would skip a rule of the mapping.
    pub const GATEWAY_TOO_OLD: &str = "gateway-too-old";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tcp_mapping_by_host_needs_a_gateway_that_knows_it() {
        let needs = |mapping: &Mapping| mapping.needs().map(str::to_owned).collect::<Vec<_>>();
        let host = Some("db.example.com".to_owned());
        let http = Mapping { host: host.clone(), ..Mapping::default() };
        assert!(needs(&http).is_empty());
        let tcp = Mapping { protocol: MappingProtocol::Tcp, ..http };
        assert_eq!(needs(&tcp), KINDS);
        assert!(needs(&Mapping { host: None, ..tcp }).is_empty());
    }
}
