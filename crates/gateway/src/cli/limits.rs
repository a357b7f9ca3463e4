//! What tokens may use, as options: of one token, and of all.

use clap::Args;

use super::Failure;
use crate::allowance::{TokenLimits, parse_count, parse_rate};

/// `serve`: of each token, whatever was granted with it.
#[derive(Debug, Args, Clone, Default)]
pub(super) struct OfAll {
    /// Mappings that each token may have at once [default: as many as the gateway takes]
    #[arg(long, value_name = "NUMBER")]
    token_mappings: Option<String>,
    /// Agents that may be connected with each token at once
    #[arg(long, value_name = "NUMBER")]
    token_links: Option<String>,
    /// Requests, WebSockets and TCP connections of each token at once
    #[arg(long, value_name = "NUMBER")]
    token_streams: Option<String>,
    /// TCP connections of each token at once
    #[arg(long, value_name = "NUMBER")]
    token_connections: Option<String>,
    /// Bytes a second of each token, both directions together; more is slowed, like 10MiB
    #[arg(long, value_name = "BYTES")]
    token_rate: Option<String>,
}

impl OfAll {
    pub(super) fn flags(&self) -> [(&'static str, Option<String>); 5] {
        [
            ("token-mappings", self.token_mappings.clone()),
            ("token-links", self.token_links.clone()),
            ("token-streams", self.token_streams.clone()),
            ("token-connections", self.token_connections.clone()),
            ("token-rate", self.token_rate.clone()),
        ]
    }
}

/// `token create`: granted with the token.
#[derive(Debug, Args)]
pub(super) struct OfOne {
    /// Mappings it may have at once [default: as `serve` is told for all tokens]
    #[arg(long, value_name = "NUMBER")]
    max_mappings: Option<String>,
    /// Agents that may be connected with it at once
    #[arg(long, value_name = "NUMBER")]
    max_links: Option<String>,
    /// Requests, WebSockets and TCP connections at once
    #[arg(long, value_name = "NUMBER")]
    max_streams: Option<String>,
    /// TCP connections at once
    #[arg(long, value_name = "NUMBER")]
    max_connections: Option<String>,
    /// Bytes a second, both directions together; more is slowed, like 10MiB
    #[arg(long, value_name = "BYTES")]
    max_rate: Option<String>,
}

impl OfOne {
    pub(super) fn limits(&self) -> Result<TokenLimits, Failure> {
        Ok(TokenLimits {
            mappings: parsed("--max-mappings", self.max_mappings.as_deref(), parse_count)?,
            links: parsed("--max-links", self.max_links.as_deref(), parse_count)?,
            streams: parsed("--max-streams", self.max_streams.as_deref(), parse_count)?,
            connections: parsed("--max-connections", self.max_connections.as_deref(), parse_count)?,
            rate: parsed("--max-rate", self.max_rate.as_deref(), parse_rate)?,
        })
    }
}

fn parsed<T>(
    option: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    let Some(text) = text else { return Ok(None) };
    parse(text.trim()).map(Some).map_err(|problem| Failure::usage(format!("{option} \"{text}\": {problem}")))
}
