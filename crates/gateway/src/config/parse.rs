//! From texts to settings; each failure names where the text was given.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::{
    AccessLogTo, Config, ConfigError, DEFAULT_CLAIM_DAYS, DEFAULT_GRACE, DEFAULT_LISTEN, Folders, Layers,
    LogFormat, LogSettings, MAX_CLAIM_DAYS, MAX_GRACE, MAX_HSTS, PublicBase, TlsFiles, acme, floor,
};
use crate::allowance::{TokenLimits, parse_count, parse_rate};
use crate::caddy::address::{Address, AddressError};
use crate::secret::{Secret, Secrets};

pub(super) fn public_url(layers: &Layers) -> Result<Option<PublicBase>, ConfigError> {
    let parse = |text: &str| PublicBase::parse(text).map_err(|error| error.to_string());
    Read { layers }.parsed("public-url", parse)
}

pub(super) fn config(layers: &Layers, secrets: Secrets, folders: &Folders) -> Result<Config, ConfigError> {
    let read = Read { layers };
    let listen = read.parsed("listen", listen_address)?;
    let default_listen = DEFAULT_LISTEN.parse().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 8080)));
    let tls = match (read.parsed("tls-cert", existing_file)?, read.parsed("tls-key", existing_file)?) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        _ => return Err(ConfigError::HalfTls),
    };
    let acme = acme::settings(&read)?;
    let http_listen = read.parsed("http-listen", listen_address)?;
    let hsts = read.parsed("hsts", hsts)?;
    let client_ca = read.parsed("client-ca", existing_file)?;
    let of_https = [
        ("http-listen", http_listen.is_some()),
        ("hsts", hsts.is_some()),
        ("client-ca", client_ca.is_some()),
    ];
    if let Some((option, _)) =
        of_https.into_iter().find(|(_, given)| *given && tls.is_none() && acme.is_none())
    {
        return Err(ConfigError::NoHttps { option });
    }
    let claim_days = read.parsed("claim-days", claim_days)?.unwrap_or(DEFAULT_CLAIM_DAYS);
    let client_token = match layers.get("client-token") {
        None => None,
        Some((text, source)) => Some(client_token(text).map_err(|problem| value(source, problem))?),
    };
    let trusted_proxies = read.parsed("trusted-proxies", networks)?.unwrap_or_default();
    let proxy_protocol = read.parsed("proxy-protocol", yes_or_no)?.unwrap_or(false);
    if proxy_protocol && trusted_proxies.is_empty() {
        return Err(ConfigError::ProxyProtocolFromNobody);
    }
    let public = public_url(layers)?;
    if public.is_none() && acme.as_ref().is_some_and(|acme| acme.dns_hook.is_some()) {
        return Err(ConfigError::HookWithoutUrl);
    }
    let caddy_admin = read.parsed("caddy-admin", caddy_address)?;
    if caddy_admin.is_some() {
        match (&public, &tls) {
            (None, _) => return Err(ConfigError::CaddyWithoutUrl),
            (_, Some(_)) => return Err(ConfigError::CaddyWith("--tls-cert and --tls-key")),
            _ if acme.is_some() => return Err(ConfigError::CaddyWith("--acme-email")),
            _ if proxy_protocol => return Err(ConfigError::CaddyWith("--proxy-protocol")),
            _ => {}
        }
    }
    Ok(Config {
        listen: listen.unwrap_or(default_listen),
        public,
        tls,
        client_ca,
        acme,
        http_listen,
        hsts,
        trusted_proxies,
        proxy_protocol,
        caddy_admin,
        admin_listen: read.parsed("admin-listen", admin_address)?,
        admin_key: layers
            .get("admin-key-file")
            .map(|(text, source)| Secret::from_file_option(text.trim(), source))
            .transpose()?,
        outgoing_allow: read.parsed("outgoing-allow", networks)?.unwrap_or_default(),
        single_host: read.parsed("single-host", yes_or_no)?.unwrap_or(false),
        tcp_ports: read.parsed("tcp-ports", |text| text.parse().map_err(str::to_owned))?,
        token_limits: TokenLimits {
            mappings: read.parsed("token-mappings", parse_count)?,
            links: read.parsed("token-links", parse_count)?,
            streams: read.parsed("token-streams", parse_count)?,
            connections: read.parsed("token-connections", parse_count)?,
            rate: read.parsed("token-rate", parse_rate)?,
        },
        floor: floor::settings(&read)?,
        grace: read.parsed("grace", grace)?.unwrap_or(DEFAULT_GRACE),
        claim_lapse: Duration::from_secs(u64::from(claim_days) * 86_400),
        log: LogSettings {
            format: read.parsed("log-format", log_format)?.unwrap_or_default(),
            filter: read.parsed("log", log_filter)?.unwrap_or_else(|| "info".to_owned()),
        },
        access_log: read.parsed("access-log", access_log)?,
        until_stdin_closes: read.parsed("until-stdin-closes", yes_or_no)?.unwrap_or(false),
        client_token,
        secrets,
        data: folders.data.clone(),
    })
}

pub(super) struct Read<'a> {
    layers: &'a Layers,
}

impl Read<'_> {
    pub(super) fn parsed<T>(
        &self,
        option: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((text, source)) = self.layers.get(option) else { return Ok(None) };
        parse(text.trim()).map(Some).map_err(|problem| value(source, format!("\"{text}\": {problem}")))
    }
}

fn value(source: &super::Source, problem: String) -> ConfigError {
    ConfigError::Value { source_name: source.to_string(), problem }
}

/// `0.0.0.0:8080`, `[::]:8080`, `localhost:8080`, or a port alone (all interfaces).
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    address(text, Ipv4Addr::UNSPECIFIED)
}

/// The same, but a port alone is this computer's.
fn admin_address(text: &str) -> Result<SocketAddr, String> {
    address(text, Ipv4Addr::LOCALHOST)
}

fn address(text: &str, unnamed: Ipv4Addr) -> Result<SocketAddr, String> {
    const WRONG: &str = "give an address and a port up to 65535, like 0.0.0.0:8080";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: u16 = port.parse().map_err(|_| WRONG.to_owned())?;
    let ip = match host {
        "" => unnamed,
        "localhost" => Ipv4Addr::LOCALHOST,
        _ => return Err(WRONG.to_owned()),
    };
    Ok(SocketAddr::new(IpAddr::V4(ip), port))
}

pub(super) fn existing_file(text: &str) -> Result<PathBuf, String> {
    match std::fs::File::open(text) {
        Ok(_) => Ok(PathBuf::from(text)),
        Err(error) => Err(format!("cannot read this file: {error}")),
    }
}

/// CIDRs or addresses, separated by commas.
fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            crate::policy::parse_network(item).ok_or_else(|| format!("`{item}` is no CIDR like 10.0.0.0/8"))
        })
        .collect()
}

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("give true or false".to_owned()),
    }
}

fn caddy_address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error: AddressError| error.to_string())
}

/// Seconds, or a time with its unit.
fn time(text: &str) -> Option<Duration> {
    text.parse().map(Duration::from_secs).ok().or_else(|| humantime::parse_duration(text).ok())
}

fn hsts(text: &str) -> Result<u32, String> {
    let seconds =
        time(text).filter(|time| *time <= MAX_HSTS).and_then(|time| u32::try_from(time.as_secs()).ok());
    seconds
        .ok_or_else(|| "give a time up to 3650 days, like 365d; 0 takes back what was told before".to_owned())
}

fn grace(text: &str) -> Result<Duration, String> {
    match time(text) {
        Some(grace) if grace <= MAX_GRACE => Ok(grace),
        _ => Err("give a time up to 24h, like 30s".to_owned()),
    }
}

fn claim_days(text: &str) -> Result<u32, String> {
    let days = text.parse().ok().filter(|days| (1..=MAX_CLAIM_DAYS).contains(days));
    days.ok_or_else(|| format!("give a number of days from 1 to {MAX_CLAIM_DAYS}"))
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err("give human or json".to_owned()),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("give error, warn, info, debug or trace, or a tracing filter".to_owned()),
    }
}

fn access_log(text: &str) -> Result<AccessLogTo, String> {
    match text {
        "" => Err("give a file, or - for standard output".to_owned()),
        "-" => Ok(AccessLogTo::Output),
        file => Ok(AccessLogTo::File(PathBuf::from(file))),
    }
}

fn client_token(text: &str) -> Result<Secret, String> {
    let secret = Secret::from_option(text).map_err(|error| error.to_string())?;
    if secret.bytes().is_empty() {
        return Err("it is empty; give a long random text".to_owned());
    }
    Ok(secret)
}
