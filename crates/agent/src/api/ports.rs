//! What listens on this computer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::{Api, Problem, in_background};
use crate::dial::is_loopback;
use crate::engine::Shown;
use crate::ports;

/// How long an answer is good for: several pages ask at once, and nobody starts servers faster.
const FRESH: Duration = Duration::from_secs(1);

/// Where no socket began or ceased to listen, an answer is good for so long: a socket may go over to another program,
/// and a look at all of them takes 16 ms where one at the sockets takes less than one.
const SAME: Duration = Duration::from_secs(60);

/// What was found last; one search at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<Option<Found>>>);

#[derive(Debug)]
struct Found {
    at: Instant,
    /// When whose they are was looked at.
    all_at: Instant,
    sockets: Option<Vec<u64>>,
    ports: Arc<[ports::Port]>,
}

/// One port with a listener.
#[derive(Debug, Serialize, ToSchema)]
struct Port {
    port: u16,
    /// The widest address it listens on.
    address: String,
    pid: Option<u32>,
    /// The program's name.
    process: Option<String>,
    /// Its command line, shortened.
    command: Option<String>,
    /// What the project calls itself.
    project: Option<String>,
    /// Where the project is.
    folder: Option<String>,
    /// What it probably is: `vite`, `next`, `django`.
    kind: Option<&'static str>,
    /// The mapping that leads to it.
    mapping_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ports {
    ports: Vec<Port>,
}

impl Known {
    async fn look(&self) -> Result<Arc<[ports::Port]>, Problem> {
        let mut found = self.0.lock().await;
        if let Some(found) = found.as_ref().filter(|found| found.at.elapsed() < FRESH) {
            return Ok(found.ports.clone());
        }
        let at = Instant::now();
        let sockets = in_background(ports::sockets).await?;
        let same = |found: &&mut Found| {
            sockets.is_some() && found.sockets == sockets && found.all_at.elapsed() < SAME
        };
        if let Some(found) = found.as_mut().filter(same) {
            found.at = at;
            return Ok(found.ports.clone());
        }
        let ports = in_background(ports::listening).await?;
        let ports: Arc<[ports::Port]> =
            ports.map_err(|sentence| Problem::busy("ports-unknown", sentence))?.into();
        *found = Some(Found { at, all_at: at, sockets, ports: ports.clone() });
        Ok(ports)
    }
}

/// TCP ports with a listener on this computer, Porthole's own left out.
#[utoipa::path(get, path = "/ports", operation_id = "listPorts", tag = "ports",
    responses((status = OK, body = Ports)))]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Ports>, Problem> {
    let found = api.ports.look().await?;
    let mappings = api.engine.mappings();
    let ports = found.iter().cloned().map(|port| told(port, &mappings)).collect();
    Ok(Json(Ports { ports }))
}

fn told(found: ports::Port, mappings: &[Shown]) -> Port {
    let here = |shown: &&Shown| {
        let target = &shown.mapping.spec.target;
        target.port == found.port && is_loopback(&target.host)
    };
    Port {
        mapping_id: mappings.iter().find(here).map(|shown| shown.mapping.spec.id.clone()),
        port: found.port,
        address: found.address.to_string(),
        pid: found.pid,
        process: found.process,
        command: found.command,
        project: found.project,
        folder: found.folder.map(|folder| folder.to_string_lossy().into_owned()),
        kind: found.kind,
    }
}
