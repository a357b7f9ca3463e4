//! The links as an operator sees them, and what may be done about one.

#![allow(unused_qualifications, reason = "what the macros of utoipa write")]

use std::collections::HashMap;
use std::sync::Arc;

use porthole_link::control::{Refused, ToAgent, codes};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Held, Registry, Serving};

/// One agent's link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LinkView {
    /// Names the link, until it ends.
    pub session: String,
    /// Whose token it is.
    pub subject: String,
    pub agent_id: String,
    pub agent_version: String,
    /// The token's id; none for the shared client token, and where no key was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub draining: bool,
    /// Requests, WebSockets and TCP connections under way.
    pub streams: usize,
    pub latency_ms: Option<u64>,
    pub connected_seconds: u64,
    pub endpoints: Vec<EndpointView>,
}

/// One mapping that is live.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndpointView {
    pub id: String,
    pub label: String,
    pub public_url: String,
}

/// What all links of one token have now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct InUse {
    pub links: usize,
    pub mappings: usize,
    pub streams: usize,
}

impl Held {
    fn view(&self) -> LinkView {
        LinkView {
            session: self.session.clone(),
            subject: self.identity.subject.to_string(),
            agent_id: self.agent.to_string(),
            agent_version: self.version.clone(),
            token: self.identity.token_id.as_deref().map(str::to_owned),
            draining: self.draining,
            streams: self.link.streams(),
            latency_ms: self.link.latency().map(|latency| latency.as_millis() as u64),
            connected_seconds: self.link.since().elapsed().as_secs(),
            endpoints: self.serving.iter().map(Serving::view).collect(),
        }
    }
}

impl Serving {
    fn view(&self) -> EndpointView {
        EndpointView {
            id: self.endpoint.mapping.id.clone(),
            label: self.endpoint.label().to_owned(),
            public_url: self.endpoint.public_url.clone(),
        }
    }
}

impl Registry {
    /// Links now live.
    pub fn links(&self) -> usize {
        self.state().links.len()
    }

    /// Mappings now live.
    pub fn endpoints(&self) -> usize {
        self.state().links.values().map(|held| held.serving.len()).sum()
    }

    /// Streams now open on all links.
    pub fn streams(&self) -> usize {
        self.state().links.values().map(|held| held.link.streams()).sum()
    }

    /// All links, for the operator's eyes.
    pub fn view(&self) -> Vec<LinkView> {
        let mut links: Vec<LinkView> = self.state().links.values().map(Held::view).collect();
        links.sort_by(|one, two| one.session.cmp(&two.session));
        links
    }

    /// What each token has now, by [`Identity::token`](crate::tokens::Identity::token).
    pub fn in_use(&self) -> HashMap<Arc<str>, InUse> {
        let mut tokens: HashMap<Arc<str>, InUse> = HashMap::new();
        for held in self.state().links.values() {
            let all = tokens.entry(held.identity.token().clone()).or_default();
            all.links += 1;
            all.mappings += held.serving.len();
            all.streams += held.link.streams();
        }
        tokens
    }

    /// Ends a link; its agent may come back at once. None: there is no such link.
    pub fn end(&self, session: &str) -> Option<LinkView> {
        let state = self.state();
        let held = state.links.values().find(|held| held.session == session)?;
        held.link.send_control(&ToAgent::Refused(Refused {
            code: codes::ENDED.to_owned(),
            message: "The gateway's operator ended this link.".to_owned(),
            retry: true,
        }));
        // Its own conversation sees that and takes away what it serves.
        held.link.close();
        Some(held.view())
    }
}
