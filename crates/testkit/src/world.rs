//! Everything at once: gateway, agent, local service, visitor.

use std::ffi::OsString;

use crate::agent::{Agent, Home};
use crate::gateway::{Gateway, GatewayBuilder, Token};
use crate::service::LocalService;
use crate::visitor::{Reply, Visitor};

/// The name of the mapping in a world that asks for nothing else.
pub const NAME: &str = "app";

/// A gateway, an agent with one mapping, and the local service behind it.
#[derive(Debug)]
pub struct World {
    pub agent: Agent,
    pub gateway: Gateway,
    pub service: LocalService,
    pub token: Token,
    pub public_url: String,
}

/// A world about to begin.
#[derive(Debug, Default)]
pub struct WorldBuilder {
    gateway: GatewayBuilder,
    service: Option<LocalService>,
    scheme: Option<&'static str>,
    agent_arguments: Vec<OsString>,
    agent_environment: Vec<(String, String)>,
    token_arguments: Vec<String>,
    tls: bool,
}

impl WorldBuilder {
    /// Changes the gateway before it starts.
    pub fn gateway(mut self, change: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Self {
        self.gateway = change(self.gateway);
        self
    }

    /// Another service than [`LocalService::sample`].
    pub fn service(mut self, service: LocalService) -> Self {
        self.service = Some(service);
        self
    }

    /// The target as a URL of this scheme (`https`, `h2c`) instead of a bare port.
    pub fn scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = Some(scheme);
        self
    }

    /// Further arguments of `porthole http`.
    pub fn agent_args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.agent_arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn agent_env(mut self, name: &str, value: &str) -> Self {
        self.agent_environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The agent connects to the gateway over TLS.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Further arguments of `token create`.
    pub fn token_args(mut self, arguments: &[&str]) -> Self {
        self.token_arguments.extend(arguments.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Starts everything and waits until the public URL is announced.
    pub async fn start(self) -> World {
        let service = match self.service {
            Some(service) => service,
            None => LocalService::sample().await,
        };
        let mut gateway = self.gateway.start().await;
        gateway.tls = self.tls;
        let more: Vec<&str> = self.token_arguments.iter().map(String::as_str).collect();
        let token = gateway.token("tester", &more).await;
        let target = match self.scheme {
            Some(scheme) => format!("{scheme}://localhost:{}", service.port()),
            None => service.port().to_string(),
        };
        let mut arguments = http_arguments(&gateway, &token, &target);
        if !self.agent_arguments.iter().any(|word| word == "--host" || word == "--path" || word == "--name") {
            arguments.extend(["--name".into(), NAME.into()]);
        }
        arguments.extend(self.agent_arguments);
        let environment: Vec<(&str, &str)> =
            self.agent_environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut agent = Agent::start_with(&Home::new(), arguments, &environment);
        let public_url = agent.ready().await;
        World { agent, gateway, service, token, public_url }
    }
}

/// `http TARGET --gateway … --token … --json`.
pub fn http_arguments(gateway: &Gateway, token: &Token, target: &str) -> Vec<OsString> {
    let words = ["http", target, "--gateway", &gateway.url(), "--token", &token.token, "--json"];
    words.iter().map(OsString::from).collect()
}

impl World {
    pub fn builder() -> WorldBuilder {
        WorldBuilder::default()
    }

    /// The sample service on the name `app`.
    pub async fn new() -> Self {
        Self::builder().start().await
    }

    /// `service` on the name `app`.
    pub async fn of(service: LocalService) -> Self {
        Self::builder().service(service).start().await
    }

    /// A visitor of the mapping.
    pub fn visitor(&self) -> Visitor {
        let host = self.public_url.split_once("://").map_or("", |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host);
        Visitor::new(self.gateway.address, host)
    }

    /// One GET as a visitor of the mapping.
    pub async fn get(&self, path: &str) -> Reply {
        self.visitor().get(path).await
    }

    /// A second agent of the same subject, with a data folder of its own and another service.
    pub async fn another_agent(&self, service: &LocalService, more: &[&str]) -> Agent {
        let mut agent = self.start_agent(&Home::new(), &service.port().to_string(), more);
        agent.ready().await;
        agent
    }

    /// Starts `porthole http TARGET` with this world's gateway and token, without waiting.
    pub fn start_agent(&self, home: &Home, target: &str, more: &[&str]) -> Agent {
        let mut arguments = http_arguments(&self.gateway, &self.token, target);
        arguments.extend(more.iter().map(OsString::from));
        Agent::start(home, arguments)
    }
}
