//! Everything at once in a network of its own: service and agent on the laptop, gateway and visitors on the
//! internet.

use std::time::Duration;

use serde_json::Value;

use super::{GATEWAY, Lab, place::Inside};
use crate::agent::{Agent, Home};
use crate::gateway::{Gateway, Token};
use crate::service::LocalService;
use crate::visitor::{Reply, Visitor};
use crate::wait::{until, within_time};
use crate::world::{NAME, http_arguments};

/// How long one look at the tunnel may take before it counts as unanswered.
const LOOK: Duration = Duration::from_millis(500);

/// Like [`crate::World`], in a [`Lab`]. The test's own thread is on the internet until this is dropped.
#[derive(Debug)]
pub struct LabWorld {
    pub agent: Agent,
    pub gateway: Gateway,
    pub service: LocalService,
    pub token: Token,
    _inside: Inside,
    pub lab: Lab,
}

impl LabWorld {
    /// The sample service on the name `app`, over a perfect line.
    ///
    /// Only on a runtime of one thread.
    pub async fn new() -> Self {
        let lab = Lab::new();
        let inside = lab.internet.enter();
        let service = lab.laptop.visit(LocalService::sample()).await;
        let gateway = Gateway::builder().listen(&format!("{GATEWAY}:0")).start().await;
        let token = gateway.token("tester", &[]).await;
        let mut arguments = http_arguments(&gateway, &token, &service.port().to_string());
        arguments.extend(["--name".into(), NAME.into()]);
        let mut agent = lab.laptop.run(|| Agent::start(&Home::new(), arguments));
        agent.ready().await;
        Self { agent, gateway, service, token, _inside: inside, lab }
    }

    /// A visitor of the mapping.
    pub fn visitor(&self) -> Visitor {
        self.gateway.visitor(NAME)
    }

    /// One look: whether the tunnel answers now.
    pub async fn answers(&self) -> bool {
        let visitor = self.visitor();
        let request = visitor.request("GET", "/hello").body(http_body_util::Empty::<bytes::Bytes>::new());
        let asked = visitor.try_fetch(request.expect("a valid request"));
        matches!(tokio::time::timeout(LOOK, asked).await, Ok(Ok(Reply { status: 200, .. })))
    }

    /// Waits until the tunnel answers, for at most `patience`.
    ///
    /// # Panics
    /// When it does not.
    pub async fn is_back(&self, patience: Duration) {
        within_time("the tunnel to answer", patience, async {
            while !self.answers().await {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Waits until the gateway counts exactly one link and one mapping.
    ///
    /// # Panics
    /// When it goes on counting others.
    pub async fn has_one_link(&self) {
        until("one link and one mapping at the gateway", || async {
            let status = self.status().await;
            (status["links"] == 1 && status["endpoints"] == 1).then_some(())
        })
        .await;
    }

    /// The gateway's public status.
    pub async fn status(&self) -> Value {
        self.gateway.own().get("/api/v1/status").await.json()
    }
}
