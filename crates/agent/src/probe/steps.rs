//! How far a try came, step by step: one try tells which step failed, and those before it went well.

use porthole_link::control::codes;

use super::{Connection, Welcomed};
use crate::uplink::failure::Failure;

/// The steps from a gateway's name to its welcome, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The name resolves.
    Name,
    /// Its port accepts connections.
    Reach,
    Tls,
    /// What answers is a gateway.
    Gateway,
    Token,
    /// Both speak a version of the link's protocol.
    Version,
}

/// One step and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    pub step: Step,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Well(String),
    /// What is wrong and what to do.
    Problem {
        code: String,
        message: String,
    },
    /// An earlier problem stands before it.
    Skipped,
}

impl Step {
    const ALL: [Self; 6] = [Self::Name, Self::Reach, Self::Tls, Self::Gateway, Self::Token, Self::Version];

    /// Which step a failure of the uplink's belongs to.
    fn of(code: &str) -> Self {
        match code {
            "gateway-unknown-host" => Self::Name,
            "gateway-certificate" | "gateway-tls" | "ca-file" => Self::Tls,
            "not-a-gateway" | "gateway-redirects" | "gateway-busy" => Self::Gateway,
            codes::PROTOCOL => Self::Version,
            _ if code.starts_with("token-") => Self::Token,
            _ if code.starts_with("link-") => Self::Gateway,
            _ => Self::Reach,
        }
    }

    fn well(self, connection: &Connection, welcomed: Option<&Welcomed>) -> String {
        let gateway = &connection.gateway;
        match self {
            Self::Name => format!("{} is known", gateway.host),
            Self::Reach => format!("port {} accepts connections", gateway.port),
            Self::Tls if gateway.secure => "the certificate is trusted".into(),
            Self::Tls => "not used with http".into(),
            Self::Gateway => "a Porthole gateway answers".into(),
            Self::Token => "accepted".into(),
            Self::Version => match welcomed {
                Some(Welcomed { gateway_version, latency: Some(latency) }) => {
                    format!("gateway {gateway_version}, {:.1} ms away", latency.as_secs_f64() * 1000.0)
                }
                Some(Welcomed { gateway_version, latency: None }) => format!("gateway {gateway_version}"),
                None => "understood".into(),
            },
        }
    }
}

/// The steps of a try with this outcome.
pub fn walked(connection: &Connection, outcome: &Result<Welcomed, Failure>) -> Vec<Walked> {
    let broken = outcome.as_ref().err().map(|failure| (Step::of(&failure.code), failure));
    let outcome_of = |step: Step| match broken {
        Some((at, failure)) if step == at => {
            Outcome::Problem { code: failure.code.clone(), message: failure.message.clone() }
        }
        Some((at, _)) if step > at => Outcome::Skipped,
        _ => Outcome::Well(step.well(connection, outcome.as_ref().ok())),
    };
    Step::ALL.into_iter().map(|step| Walked { step, outcome: outcome_of(step) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Secret;

    #[test]
    fn what_came_before_the_failure_went_well_and_what_comes_after_was_not_tried() {
        let gateway = "https://x.test".parse().unwrap();
        let connection = Connection { gateway, token: Secret::new("t"), tls: crate::tls::Files::default() };
        let words = |outcome: &Result<Welcomed, Failure>| -> String {
            let word = |walked: &Walked| match walked.outcome {
                Outcome::Well(_) => '+',
                Outcome::Problem { .. } => '!',
                Outcome::Skipped => '.',
            };
            walked(&connection, outcome).iter().map(word).collect()
        };
        let failed =
            |code: &str| Err(Failure { code: code.into(), message: "what to do".into(), retry: false });
        for (code, expected) in [
            ("gateway-unknown-host", "!....."),
            ("gateway-down", "+!...."),
            ("proxy-auth", "+!...."),
            ("gateway-certificate", "++!..."),
            ("not-a-gateway", "+++!.."),
            ("token-expired", "++++!."),
            ("protocol-version", "+++++!"),
        ] {
            assert_eq!(words(&failed(code)), expected, "{code}");
        }
        let welcomed = Welcomed { gateway_version: "1.0".into(), latency: None };
        assert_eq!(words(&Ok(welcomed)), "++++++");
    }
}
