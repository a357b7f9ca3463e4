//! `porthole mappings`: the stored ones, and the file's beside them.

use std::time::Duration;

use clap::{Args, Subcommand};
use porthole_link::control::{JwtKeys, JwtRule};
use serde_json::json;

use super::attach::running;
use super::connection::Asked;
use super::expose::{apply, make_keys, parse_remote_port, tell_keys};
use super::output::{print_error, print_line};
use super::{ConnectionArgs, Context, Failure};
use crate::door::{FromEngine, Hello, PROTOCOL, ToEngine};
use crate::fields::MappingFields;
use crate::inspect::filter::bytes_text;
use crate::lock::EngineLock;
use crate::mapping::{MappingError, MappingSpec, ProxyProtocol, random_id, rate_text};
use crate::names::random_name;
use crate::store::{Mend, Store, StoreError, StoredMapping};
use crate::target::{Scheme, Target};

/// How long a running engine may take to see the change.
const WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
pub(super) enum MappingsCommand {
    /// Show every mapping, stored or in the file
    List {
        #[arg(long)]
        json: bool,
    },
    /// Store a mapping
    Add(Box<AddArgs>),
    /// Change a stored mapping; an empty value clears a setting
    Edit(Box<EditArgs>),
    /// Remove a stored mapping
    Rm {
        #[arg(value_name = "ID|NAME")]
        mapping: String,
    },
    /// Serve a mapping again
    Enable {
        #[arg(value_name = "ID|NAME")]
        mapping: String,
    },
    /// Keep a mapping but do not serve it
    Disable {
        #[arg(value_name = "ID|NAME")]
        mapping: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The local service: 3000, localhost:3000, https://localhost:8443, tcp://db:5432
    #[arg(value_name = "PORT|HOST:PORT|URL")]
    target: String,
    #[command(flatten)]
    fields: MappingFields,
    /// TCP: the port wanted on the gateway
    #[arg(long, value_name = "PORT", env = "PORTHOLE_REMOTE_PORT")]
    remote_port: Option<String>,
    /// TCP: tell the service of each visitor in a PROXY protocol header
    #[arg(long, value_name = "v1|v2", env = "PORTHOLE_PROXY_PROTOCOL")]
    proxy_protocol: Option<ProxyProtocol>,
    /// Store it switched off
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Print the mapping as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    #[arg(value_name = "ID|NAME")]
    mapping: String,
    /// Another local service
    #[arg(long, value_name = "PORT|HOST:PORT|URL")]
    target: Option<String>,
    #[command(flatten)]
    fields: MappingFields,
    /// TCP: the port wanted on the gateway; empty lets the gateway choose
    #[arg(long, value_name = "PORT", env = "PORTHOLE_REMOTE_PORT")]
    remote_port: Option<String>,
    /// TCP: tell the service of each visitor in a PROXY protocol header; empty for none
    #[arg(long, value_name = "v1|v2", env = "PORTHOLE_PROXY_PROTOCOL")]
    proxy_protocol: Option<String>,
    /// Print the mapping as JSON
    #[arg(long)]
    json: bool,
}

impl MappingsCommand {
    pub(super) fn json(&self) -> bool {
        match self {
            Self::List { json } => *json,
            Self::Add(args) => args.json,
            Self::Edit(args) => args.json,
            _ => false,
        }
    }
}

pub(super) async fn run(context: &Context, command: MappingsCommand) -> Result<(), Failure> {
    let store = open(context).await?;
    match command {
        MappingsCommand::List { json } => return list(context, &store, json).await,
        MappingsCommand::Add(args) => add(context, &store, *args).await?,
        MappingsCommand::Edit(args) => edit(context, &store, *args).await?,
        MappingsCommand::Rm { mapping } => {
            not_from_file(context, &mapping)?;
            let removed = store.remove_mapping(mapping).await.map_err(failed)?;
            print_line(&format!("removed {}", label(&removed.spec)));
        }
        MappingsCommand::Enable { mapping } => switch(context, &store, mapping, true).await?,
        MappingsCommand::Disable { mapping } => switch(context, &store, mapping, false).await?,
    }
    tell_engine(context).await;
    Ok(())
}

/// Opens the database; a damaged one is set aside only while no engine has it open.
pub(super) async fn open(context: &Context) -> Result<Store, Failure> {
    let path = context.paths.database();
    match Store::open(&path, Mend::Never).await {
        Err(StoreError::Damaged) => {
            let Ok(Some(_lock)) = EngineLock::try_take(&context.paths) else {
                return Err(failed(StoreError::Damaged));
            };
            let opened = Store::open(&path, Mend::SetAside).await.map_err(failed)?;
            if let Some(aside) = opened.set_aside {
                let aside = aside.display();
                print_error(&format!("the database was damaged and is now {aside}; a new one was begun"));
            }
            Ok(opened.store)
        }
        opened => Ok(opened.map_err(failed)?.store),
    }
}

async fn list(context: &Context, store: &Store, as_json: bool) -> Result<(), Failure> {
    let stored = store.mappings().await.map_err(failed)?;
    if as_json {
        for mapping in &stored {
            print_line(&stored_json(mapping));
        }
        for spec in &context.config.mappings {
            print_line(&spec_json(spec, true, None, "file"));
        }
        return Ok(());
    }
    let mut rows = vec![["ID", "ADDRESS", "TARGET", "STATE"].map(str::to_owned)];
    for mapping in &stored {
        let state = if mapping.enabled { "enabled" } else { "disabled" };
        let state = match &mapping.gateway {
            Some(gateway) => format!("{state}, for {gateway}"),
            None => state.into(),
        };
        rows.push([mapping.spec.id.clone(), address(&mapping.spec), mapping.spec.target.to_string(), state]);
    }
    for spec in &context.config.mappings {
        rows.push([spec.id.clone(), address(spec), spec.target.to_string(), "in the file".into()]);
    }
    if rows.len() == 1 {
        print_line("No mappings yet. Add one with `porthole mappings add 3000 --name shop`.");
        return Ok(());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for [id, address, target, state] in &rows {
        print_line(&format!(
            "{id:<0$}  {address:<1$}  {target:<2$}  {state}",
            widths[0], widths[1], widths[2]
        ));
    }
    Ok(())
}

async fn add(context: &Context, store: &Store, args: AddArgs) -> Result<(), Failure> {
    let asked = Asked::read(&args.connection)?;
    let mut spec = MappingSpec::new(random_id(), parse_target(&args.target)?);
    spec.remote_port = args.remote_port.as_deref().map(parse_remote_port).transpose()?;
    spec.proxy_protocol = args.proxy_protocol;
    let tcp = spec.target.scheme == Scheme::Tcp;
    let mut fields = context.fields(args.fields, tcp);
    let made = make_keys(&mut fields)?;
    apply(&fields, &mut spec)?;
    let gateway = asked.gateway(context, Some(store)).await?;
    spec.give_address(gateway.as_ref().and_then(|gateway| gateway.mapping_path.as_deref()), random_name);
    let mut mapping = StoredMapping::new(spec, gateway.map(|gateway| gateway.origin()));
    mapping.enabled = !args.disabled;
    store.add_mapping(mapping.clone()).await.map_err(failed)?;
    tell_keys(&made, args.json);
    say(&mapping, "added", args.json);
    Ok(())
}

async fn edit(context: &Context, store: &Store, mut args: EditArgs) -> Result<(), Failure> {
    not_from_file(context, &args.mapping)?;
    let mut mapping = store.mapping(args.mapping).await.map_err(failed)?;
    if let Some(target) = &args.target {
        mapping.spec.target = parse_target(target)?;
    }
    if let Some(port) = &args.remote_port {
        mapping.spec.remote_port = if port.trim().is_empty() { None } else { Some(parse_remote_port(port)?) };
    }
    if let Some(version) = &args.proxy_protocol {
        let version = if version.trim().is_empty() { None } else { Some(version.parse()) };
        mapping.spec.proxy_protocol =
            version.transpose().map_err(|error: MappingError| Failure::usage("proxy-protocol", error))?;
    }
    let made = make_keys(&mut args.fields)?;
    apply(&args.fields, &mut mapping.spec)?;
    if !mapping.spec.has_address() {
        return Err(Failure::usage("mapping", MappingError::NoAddress));
    }
    store.save_mapping(mapping.clone()).await.map_err(failed)?;
    tell_keys(&made, args.json);
    say(&mapping, "changed", args.json);
    Ok(())
}

async fn switch(context: &Context, store: &Store, key: String, enabled: bool) -> Result<(), Failure> {
    not_from_file(context, &key)?;
    let mut mapping = store.mapping(key).await.map_err(failed)?;
    mapping.enabled = enabled;
    store.save_mapping(mapping.clone()).await.map_err(failed)?;
    print_line(&format!("{} {}", if enabled { "enabled" } else { "disabled" }, label(&mapping.spec)));
    Ok(())
}

/// The engine, if one runs, serves the change when this returns.
async fn tell_engine(context: &Context) {
    let Some(mut conversation) = running(context).await else { return };
    let hello = Hello { protocol: PROTOCOL, version: env!("CARGO_PKG_VERSION").into(), ..Hello::default() };
    for message in [ToEngine::Hello(hello), ToEngine::Reload] {
        if conversation.send.send(message).await.is_err() {
            return;
        }
    }
    let told = tokio::time::timeout(WAIT, async {
        while let Some(message) = conversation.receive.recv().await {
            match message {
                FromEngine::Reloaded => return None,
                FromEngine::Refused { message, .. } => return Some(message),
                _ => {}
            }
        }
        None
    });
    if let Ok(Some(why)) = told.await {
        print_error(&format!("saved, but the running engine did not take it: {why}"));
    }
}

fn parse_target(text: &str) -> Result<Target, Failure> {
    Target::parse_any(text).map_err(|error| Failure::usage("target", error))
}

fn not_from_file(context: &Context, key: &str) -> Result<(), Failure> {
    let from_file = |spec: &&MappingSpec| spec.id == key || spec.name.as_deref() == Some(key);
    match context.config.mappings.iter().find(from_file) {
        Some(_) => Err(Failure::usage(
            "read-only",
            format!(
                "“{}” is in {}: change it there",
                crate::mapping::shown(key),
                context.paths.config_file().display()
            ),
        )),
        None => Ok(()),
    }
}

pub(super) fn failed(error: StoreError) -> Failure {
    match error {
        StoreError::NoMapping(_)
        | StoreError::Ambiguous(_)
        | StoreError::Exists(_)
        | StoreError::SameAddress(_) => Failure::usage("mapping", error),
        StoreError::NoExchange(_) | StoreError::LongNote => Failure::usage("exchange", error),
        StoreError::Full => Failure::failed("disk-full", error),
        other => Failure::failed("store", other),
    }
}

fn say(mapping: &StoredMapping, done: &str, as_json: bool) {
    if as_json {
        print_line(&stored_json(mapping));
    } else {
        let spec = &mapping.spec;
        print_line(&format!("{done} {} ({}) → {}", address(spec), spec.id, spec.target));
    }
}

fn stored_json(mapping: &StoredMapping) -> String {
    spec_json(&mapping.spec, mapping.enabled, Some(mapping), "stored")
}

fn spec_json(spec: &MappingSpec, enabled: bool, stored: Option<&StoredMapping>, source: &str) -> String {
    json!({
        "id": spec.id,
        "name": spec.name,
        "host": spec.host,
        "path": spec.path,
        "strip_prefix": spec.strip_prefix,
        "remote_port": spec.remote_port,
        "proxy_protocol": spec.proxy_protocol,
        "protocol": spec.target.scheme.as_str(),
        "target": spec.target.to_string(),
        "allow_invalid_certs": spec.allow_invalid_certs,
        "host_header": spec.host_header.to_string(),
        "timeout_ms": spec.timeout_ms,
        "matches": spec.matches,
        "basic_auth": spec.policy.basic_auth.iter().map(|auth| &auth.user).collect::<Vec<_>>(),
        "jwt": spec.policy.jwt.as_ref().map(jwt_json),
        "bearer_keys": spec.policy.bearer_keys.iter().map(|key| &key.name).collect::<Vec<_>>(),
        "allow_ip": spec.policy.allow_ip,
        "deny_ip": spec.policy.deny_ip,
        "rate_limit": spec.policy.rate_limit.map(rate_text),
        "visitor_rate_limit": spec.policy.visitor_rate_limit.map(rate_text),
        "max_concurrent": spec.policy.max_concurrent,
        "max_body": spec.policy.max_body.map(bytes_text),
        "maintenance": spec.policy.maintenance,
        "allow_methods": spec.policy.allow_methods,
        "public_paths": spec.policy.public_paths,
        "private_paths": spec.policy.private_paths,
        "answers": spec.policy.answers,
        "request_headers": spec.policy.request_headers,
        "response_headers": spec.policy.response_headers,
        "cors": spec.policy.cors,
        "rewrites": spec.policy.rewrites,
        "inspect": spec.inspect,
        "enabled": enabled,
        "gateway": stored.and_then(|stored| stored.gateway.as_deref()),
        "created_at": stored.map(|stored| &stored.created_at),
        "updated_at": stored.map(|stored| &stored.updated_at),
        "source": source,
    })
    .to_string()
}

/// A rule about tokens without its secret.
fn jwt_json(rule: &JwtRule) -> serde_json::Value {
    let (jwks_url, public_key) = match &rule.keys {
        JwtKeys::JwksUrl(url) => (Some(url), None),
        JwtKeys::PublicKey(pem) => (None, Some(pem)),
        JwtKeys::Secret(_) => (None, None),
    };
    json!({
        "jwks_url": jwks_url,
        "public_key": public_key,
        "has_secret": matches!(rule.keys, JwtKeys::Secret(_)),
        "issuer": rule.issuer,
        "audiences": rule.audiences,
        "claims": rule.claims,
    })
}

/// The public side, as far as it is known without the gateway.
fn address(spec: &MappingSpec) -> String {
    let host = spec.name.as_deref().or(spec.host.as_deref()).unwrap_or_default();
    match (spec.target.scheme, spec.remote_port) {
        (Scheme::Tcp, _) if spec.host.is_some() => spec.host.clone().unwrap_or_default(),
        (Scheme::Tcp, Some(port)) => format!("{host}:{port}"),
        (Scheme::Tcp, None) if host.is_empty() => "any port".into(),
        _ => format!("{host}{}", spec.path.as_deref().unwrap_or_default()),
    }
}

fn label(spec: &MappingSpec) -> String {
    format!("{} ({})", address(spec), spec.id)
}
