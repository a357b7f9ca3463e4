//! What a token allows to claim.

use crate::config::PortRange;
use crate::router::normalise_host;

/// Patterns one token may hold.
const MAX_PATTERNS: usize = 100;

/// The names and hosts a bearer may claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostGrant {
    /// Any single label under the gateway's domain.
    AnyLabel,
    /// Everything, full hosts included (the shared client token).
    All,
    Patterns(Vec<Pattern>),
}

/// `alice-*` (a label with at most one star), `*.alice` (any label under `alice.<domain>`), or a full
/// host, perhaps `*.example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Label {
        before: String,
        star: bool,
        after: String,
    },
    /// Hosts below this suffix, relative to the gateway's domain when it holds no dot.
    Below(String),
    Host(String),
}

/// A pattern that nobody could match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error(
        "\"{0}\" is no host pattern; give labels like alice-*, *.alice, or hosts like shop.example.com and *.example.com"
    )]
    Pattern(String),
    #[error("a token holds at most {MAX_PATTERNS} host patterns")]
    TooMany,
}

/// A single label: 1–63 of `[a-z0-9-]`, no dash at either end.
pub fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, GrantError> {
        let wrong = || GrantError::Pattern(text.chars().filter(|c| !c.is_control()).take(80).collect());
        let text = text.trim();
        if let Some(suffix) = text.strip_prefix("*.") {
            return Ok(Self::Below(normalise_host(suffix).map_err(|_| wrong())?.into_owned()));
        }
        if text.contains('.') {
            return Ok(Self::Host(normalise_host(text).map_err(|_| wrong())?.into_owned()));
        }
        let text = text.to_ascii_lowercase();
        let (before, after, star) = match text.split_once('*') {
            Some((before, after)) => (before, after, true),
            None => (text.as_str(), "", false),
        };
        let fits = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let empty = text.is_empty() || before.len() + after.len() > 63;
        if empty || !fits(before) || !fits(after) || (!star && !is_label(before)) {
            return Err(wrong());
        }
        Ok(Self::Label { before: before.to_owned(), star, after: after.to_owned() })
    }

    fn allows_label(&self, label: &str) -> bool {
        match self {
            Self::Label { before, star: false, .. } => label == before,
            Self::Label { before, after, .. } => {
                label.len() >= before.len() + after.len()
                    && label.starts_with(before)
                    && label.ends_with(after)
            }
            Self::Below(_) | Self::Host(_) => false,
        }
    }

    /// `host` may itself be a `*.` wildcard: then the whole wildcard must be allowed.
    fn allows_host(&self, host: &str, domain: Option<&str>) -> bool {
        match self {
            Self::Host(allowed) => allowed == host,
            Self::Below(suffix) => {
                let bare = host.strip_prefix("*.");
                let is_below = |suffix: &str| {
                    bare == Some(suffix)
                        || bare
                            .unwrap_or(host)
                            .strip_suffix(suffix)
                            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
                };
                match domain {
                    Some(domain) if !suffix.contains('.') => is_below(&format!("{suffix}.{domain}")),
                    _ => suffix.contains('.') && is_below(suffix),
                }
            }
            Self::Label { .. } => {
                let label = domain.and_then(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
                label.is_some_and(|label| is_label(label) && self.allows_label(label))
            }
        }
    }
}

impl HostGrant {
    /// What a token's list of patterns grants; an empty list grants any free single label.
    pub fn from_patterns(patterns: &[String]) -> Result<Self, GrantError> {
        if patterns.len() > MAX_PATTERNS {
            return Err(GrantError::TooMany);
        }
        if patterns.is_empty() {
            return Ok(Self::AnyLabel);
        }
        patterns.iter().map(|text| Pattern::parse(text)).collect::<Result<_, _>>().map(Self::Patterns)
    }

    /// Whether the bearer may claim `label` under `domain` (where the gateway has one).
    pub fn allows_label(&self, label: &str, domain: Option<&str>) -> bool {
        match self {
            Self::All | Self::AnyLabel => true,
            Self::Patterns(patterns) => {
                let host = domain.map(|domain| format!("{label}.{domain}"));
                patterns.iter().any(|pattern| {
                    pattern.allows_label(label)
                        || host.as_deref().is_some_and(|host| pattern.allows_host(host, domain))
                })
            }
        }
    }

    /// Whether the bearer may claim the full `host`, normalised, perhaps a `*.` wildcard.
    pub fn allows_host(&self, host: &str, domain: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::AnyLabel => {
                let label = domain.and_then(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
                label.is_some_and(is_label)
            }
            Self::Patterns(patterns) => patterns.iter().any(|pattern| pattern.allows_host(host, domain)),
        }
    }
}

/// The TCP ports a bearer may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortGrant {
    None,
    Range(PortRange),
}

impl PortGrant {
    pub fn allows(self, port: u16) -> bool {
        self.range().is_some_and(|range| range.contains(port))
    }

    pub fn range(self) -> Option<PortRange> {
        match self {
            Self::None => None,
            Self::Range(range) => Some(range),
        }
    }
}
