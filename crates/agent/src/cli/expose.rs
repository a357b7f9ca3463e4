//! `porthole http`, `porthole tcp` and `porthole up`.

use std::time::Duration;

use clap::Args;

use super::connection::Asked;
use super::output::print_line;
use super::page::{Page, PageArgs};
use super::talk::{Want, stay};
use super::{ConnectionArgs, Context, Failure, RunArgs};
use crate::dial;
use crate::door::Wanted;
use crate::fields::{FieldsError, MadeKey, MappingFields};
use crate::mapping::{MappingSpec, ProxyProtocol};
use crate::target::Target;

/// How long the look at the local port may take.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct HttpArgs {
    /// The local service: 3000, localhost:3000, https://localhost:8443, h2c://localhost:50051
    #[arg(value_name = "PORT|HOST:PORT|URL")]
    target: String,
    #[command(flatten)]
    fields: MappingFields,
    /// Keep the mapping, so that `porthole up` serves it too
    #[arg(long, env = "PORTHOLE_SAVE", value_parser = clap::builder::FalseyValueParser::new())]
    save: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Args)]
pub(super) struct TcpArgs {
    /// The local service: 5432 or db:5432
    #[arg(value_name = "PORT|HOST:PORT")]
    target: String,
    /// The port wanted on the gateway; without it the gateway chooses one
    #[arg(long, value_name = "PORT", env = "PORTHOLE_REMOTE_PORT")]
    remote_port: Option<String>,
    /// Instead of a port: connections to the gateway's own TLS port whose handshake is for this host (SNI); the
    /// service ends TLS itself, the gateway has no key and reads nothing
    #[arg(long, value_name = "HOST", env = "PORTHOLE_SNI", conflicts_with = "remote_port")]
    sni: Option<String>,
    /// Tell the service of each visitor in a PROXY protocol header
    #[arg(long, value_name = "v1|v2", env = "PORTHOLE_PROXY_PROTOCOL")]
    proxy_protocol: Option<ProxyProtocol>,
    /// A name for lists and logs
    #[arg(long, value_name = "NAME", env = "PORTHOLE_NAME")]
    name: Option<String>,
    /// Only visitors from this address or network (repeatable, or with commas)
    #[arg(long, value_name = "CIDR", env = "PORTHOLE_ALLOW_IP", value_delimiter = ',')]
    allow_ip: Vec<String>,
    /// No visitors from this address or network (repeatable, or with commas)
    #[arg(long, value_name = "CIDR", env = "PORTHOLE_DENY_IP", value_delimiter = ',')]
    deny_ip: Vec<String>,
    /// At most so many connections in so much time, of all visitors together: 10/s, 100/h
    #[arg(long, value_name = "N/TIME", env = "PORTHOLE_RATE_LIMIT")]
    rate_limit: Option<String>,
    /// The same for each visitor's address
    #[arg(long, value_name = "N/TIME", env = "PORTHOLE_VISITOR_RATE_LIMIT")]
    visitor_rate_limit: Option<String>,
    /// At most so many connections at once
    #[arg(long, value_name = "N", env = "PORTHOLE_MAX_CONCURRENT")]
    max_concurrent: Option<String>,
    /// Keep the mapping, so that `porthole up` serves it too
    #[arg(long, env = "PORTHOLE_SAVE", value_parser = clap::builder::FalseyValueParser::new())]
    save: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Debug, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    page: PageArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

pub(super) async fn http(context: &Context, args: HttpArgs) -> Result<(), Failure> {
    let asked = Asked::read(&args.connection)?;
    let page = Page::read(&args.page)?;
    let target: Target = args.target.parse().map_err(|error| Failure::usage("target", error))?;
    if target.scheme == crate::target::Scheme::Tcp {
        return Err(Failure::usage(
            "target",
            format!("for raw TCP use `porthole tcp {}`", target.socket_authority()),
        ));
    }
    let mut fields = context.fields(args.fields, false);
    let made = make_keys(&mut fields)?;
    let mut spec = MappingSpec::new(String::new(), target);
    apply(&fields, &mut spec)?;
    tell_keys(&made, args.run.json);
    if spec.name.is_none() && spec.host.is_none() && spec.path.is_none() {
        spec.path = asked.gateway.as_ref().and_then(|gateway| gateway.mapping_path.clone());
    }
    expose(context, &asked, &page, spec, args.save, args.run).await
}

pub(super) async fn tcp(context: &Context, args: TcpArgs) -> Result<(), Failure> {
    let asked = Asked::read(&args.connection)?;
    let page = Page::read(&args.page)?;
    let target = Target::parse_tcp(&args.target).map_err(|error| Failure::usage("target", error))?;
    let fields = MappingFields {
        name: args.name,
        host: args.sni,
        allow_ip: args.allow_ip,
        deny_ip: args.deny_ip,
        rate_limit: args.rate_limit,
        visitor_rate_limit: args.visitor_rate_limit,
        max_concurrent: args.max_concurrent,
        ..MappingFields::default()
    };
    let fields = context.fields(fields, true);
    let mut spec = MappingSpec::new(String::new(), target);
    spec.remote_port = args.remote_port.as_deref().map(parse_remote_port).transpose()?;
    spec.proxy_protocol = args.proxy_protocol;
    apply(&fields, &mut spec)?;
    expose(context, &asked, &page, spec, args.save, args.run).await
}

pub(super) async fn up(context: &Context, args: UpArgs) -> Result<(), Failure> {
    let asked = Asked::read(&args.connection)?;
    let page = Page::read(&args.page)?;
    stay(context, &asked, &page, Want::Stored, args.run, async { None }).await
}

async fn expose(
    context: &Context,
    asked: &Asked,
    page: &Page,
    spec: MappingSpec,
    save: bool,
    run: RunArgs,
) -> Result<(), Failure> {
    let target = spec.target.clone();
    let wanted =
        Wanted { exact_name: spec.name.is_some(), exact_port: spec.remote_port.is_some(), spec, save };
    let look = async move {
        (!somebody_listens(target.clone()).await).then(|| {
            let text = format!(
                "nothing is listening on {}: visitors get 502 until something does",
                target.socket_authority()
            );
            ("nothing-listening", text)
        })
    };
    stay(context, asked, page, Want::Mapping(Box::new(wanted)), run, look).await
}

/// A port on the gateway.
pub(super) fn parse_remote_port(text: &str) -> Result<u16, Failure> {
    text.trim().parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(|| {
        let shown = crate::mapping::shown(text);
        Failure::usage("remote-port", format!("“{shown}” is not a port: give a number from 1 to 65535"))
    })
}

/// Settings onto a mapping, with the exit code of wrong usage.
pub(super) fn apply(fields: &MappingFields, spec: &mut MappingSpec) -> Result<(), Failure> {
    fields.apply(spec).map_err(|error| match error {
        FieldsError::Mapping(error) => Failure::usage("mapping", error),
        FieldsError::Secret(error) => Failure::usage("basic-auth", error),
        FieldsError::KeySecret(error) => Failure::usage("bearer-key", error),
        FieldsError::JwtSecret(error) => Failure::usage("jwt-secret", error),
    })
}

/// Makes the keys that were asked for by name.
pub(super) fn make_keys(fields: &mut MappingFields) -> Result<Vec<MadeKey>, Failure> {
    fields.make_keys().map_err(|error| Failure::failed("randomness", error))
}

/// Tells of keys that were made: nobody can find them out later.
pub(super) fn tell_keys(made: &[MadeKey], json: bool) {
    for MadeKey { name, key } in made {
        print_line(&if json {
            serde_json::json!({ "event": "bearer_key", "name": name, "key": key.expose() }).to_string()
        } else {
            format!("bearer key {name} (told only now): {}", key.expose())
        });
    }
}

/// Whether a connection to the service can be made now. When that cannot be told in time: yes.
async fn somebody_listens(target: Target) -> bool {
    match dial::resolve(&target.host, target.port).await {
        Ok(addresses) => !matches!(dial::connect(&addresses, LOOK).await, Err(dial::DialError::Connect(_))),
        Err(_) => false,
    }
}
