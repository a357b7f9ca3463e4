//! What of a set of mappings a gateway is told: never one with a rule that this gateway would skip.

use porthole_link::control::{MappingResult, TCP_HOST, ToGateway, codes};
use porthole_link::{Hello, Mapping, PROTOCOL, PROTOCOL_OLDEST};

use super::UplinkConfig;
use crate::events::MappingSet;

/// The first word on a link. What the gateway enforces is not known yet, so what needs a rule that not all of
/// them know follows after the welcome, see [`owes`].
pub(super) fn hello(config: &UplinkConfig, set: &MappingSet) -> Hello {
    Hello {
        protocol: PROTOCOL,
        protocol_oldest: PROTOCOL_OLDEST,
        agent_version: env!("CARGO_PKG_VERSION").into(),
        agent_id: config.agent_id.clone(),
        epoch: config.epoch,
        revision: set.revision,
        mappings: mappings(set).filter(|mapping| !owed(mapping)).cloned().collect(),
    }
}

/// Whether the hello left something out.
pub(super) fn owes(set: &MappingSet) -> bool {
    mappings(set).any(owed)
}

/// What is announced to a gateway that enforces `policies`, and how the rest is refused.
pub(super) fn announcement(set: &MappingSet, policies: &[String]) -> (ToGateway, Vec<MappingResult>) {
    let (mut told, mut refused) = (Vec::new(), Vec::new());
    for mapping in mappings(set) {
        match mapping.needs().find(|need| !policies.iter().any(|policy| policy == need)) {
            None => told.push(mapping.clone()),
            Some(need) => refused.push(MappingResult {
                id: mapping.id.clone(),
                code: Some(codes::GATEWAY_TOO_OLD.into()),
                message: Some(too_old(need)),
                public_url: None,
            }),
        }
    }
    (ToGateway::Mappings { revision: set.revision, mappings: told }, refused)
}

fn too_old(need: &str) -> String {
    if need == TCP_HOST {
        return "The gateway does not tell TCP connections apart by host: update the gateway, or leave --sni out."
            .into();
    }
    format!(
        "The gateway does not know the rule “{need}” and would let in whom it keeps out: update the gateway, or \
         take the rule off the mapping."
    )
}

fn mappings(set: &MappingSet) -> impl Iterator<Item = &Mapping> {
    set.mappings.iter().map(|served| &served.wire)
}

fn owed(mapping: &Mapping) -> bool {
    mapping.needs().next().is_some()
}
