//! Caddy in front: it is told, through its admin API, which hosts and paths are ours.
//!
//! The way of a change: [`crate::agents`] publishes routes → [`keeper`] takes what is wanted and what
//! Caddy has → [`plan`] (pure) says which calls make one of the other → [`admin`] makes them. Whoever
//! waits for a mapping is told once Caddy has taken it ([`Caddy::announced`]).
//!
//! Only what carries an `@id` of ours is changed; certificates are Caddy's. A Caddy that is down, refuses
//! or was given another configuration stops nothing else here: it is asked again, and told all of it.

#![allow(unused_qualifications, reason = "what the macros of utoipa write")]

pub mod address;
mod admin;
mod keeper;
mod plan;
mod route;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::counters::Codes;

pub use keeper::keep;

/// How long an agent waits for Caddy to take its mappings before it is told that they are ready all the
/// same. Caddy loads a few hundred routes within 100 ms; of the agent's own patience of 10 s,
/// [`crate::agents`] may have used 7.
const ANNOUNCE_WAIT: Duration = Duration::from_millis(2500);

/// What the gateway knows of the Caddy in front.
#[derive(Debug)]
pub struct Caddy {
    state: watch::Sender<State>,
    /// Turns that did not come to their end, by code.
    failures: Codes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nothing has come of it yet.
    Starting,
    /// It has all our routes.
    Good,
    /// It cannot be reached, or does not take them.
    Down,
}

#[derive(Debug)]
struct State {
    health: Health,
    /// The newest state of the mappings that Caddy has.
    settled: u64,
    routes: usize,
    problem: Option<String>,
}

/// For the operator's eyes.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CaddyView)]
pub struct View {
    pub state: Health,
    /// Routes of ours that Caddy has, or had when it was last well.
    pub routes: usize,
    /// Times that it could not be brought to them since the start, by code.
    pub failures: BTreeMap<String, u64>,
    /// A sentence, while it does not have them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Default for Caddy {
    fn default() -> Self {
        let state = State { health: Health::Starting, settled: 0, routes: 0, problem: None };
        Self { state: watch::Sender::new(state), failures: Codes::default() }
    }
}

impl Caddy {
    pub fn health(&self) -> Health {
        self.state.borrow().health
    }

    pub fn view(&self) -> View {
        let state = self.state.borrow();
        View {
            state: state.health,
            routes: state.routes,
            failures: self.failures.read().into_iter().collect(),
            problem: state.problem.clone(),
        }
    }

    /// Resolves when Caddy has the routes of the mappings as they were at `generation`, and at once
    /// while it is down; within [`ANNOUNCE_WAIT`] in any case.
    pub async fn announced(&self, generation: u64) {
        let mut state = self.state.subscribe();
        let is_over = |state: &State| state.settled >= generation || state.health == Health::Down;
        let waited = tokio::time::timeout(ANNOUNCE_WAIT, state.wait_for(is_over)).await;
        let has_it = matches!(waited, Ok(Ok(state)) if state.settled >= generation);
        if !has_it {
            tracing::warn!("mappings are announced as ready though Caddy has not taken their routes");
        }
    }

    fn good(&self, generation: u64, routes: usize) {
        self.state.send_modify(|state| {
            if state.health != Health::Good {
                tracing::info!(routes, "Caddy has its routes");
            }
            *state = State { health: Health::Good, settled: generation, routes, problem: None };
        });
    }

    fn down(&self, code: &str, problem: String) {
        self.failures.count(code);
        self.state.send_modify(|state| {
            if state.problem.as_ref() != Some(&problem) {
                tracing::warn!(problem, "Caddy does not have its routes; it is asked again and again");
            }
            state.health = Health::Down;
            state.problem = Some(problem);
        });
    }
}
