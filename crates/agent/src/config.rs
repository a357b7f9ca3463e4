//! The agent's file, `config.toml`: read once, checked whole, unknown keys told.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::fields::{FILE_KEYS, FieldsError, MappingFields, Switch};
use crate::mapping::{MappingSpec, parse_timeout};
use crate::secrets::fingerprint;
use crate::target::{Target, TargetError};

/// Keys at the top of the file.
const KEYS: &[&str] = &[
    "gateway",
    "token",
    "ca_file",
    "client_cert",
    "client_key",
    "timeout",
    "host_header",
    "inspect",
    "log_format",
    "mappings",
];

/// Keys of a mapping that may be one text or several.
const LISTS: &[&str] = &[
    "basic_auth",
    "bearer_key",
    "jwt_audience",
    "jwt_claim",
    "allow_ip",
    "deny_ip",
    "allow_method",
    "public_path",
    "private_path",
    "answer",
    "redirect",
    "request_header",
    "add_request_header",
    "remove_request_header",
    "response_header",
    "add_response_header",
    "remove_response_header",
    "rewrite_path",
    "cors_origin",
    "cors_method",
    "cors_header",
    "cors_expose",
    "match_header",
    "match_query",
    "match_cookie",
];

/// Largest file read, in bytes: a thousand mappings fit.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// What the file says; everything in it has been checked except the secrets, which are read when used.
#[derive(Debug, Default)]
pub struct Config {
    pub gateway: Option<String>,
    /// A secret option: perhaps `file:…`, `env:…` or `exec:…`.
    pub token: Option<crate::secrets::Secret>,
    pub ca_file: Option<PathBuf>,
    /// Shown to a gateway that asks for it; both or neither.
    pub client_cert: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// Defaults for mappings made by commands.
    pub timeout: Option<String>,
    pub host_header: Option<String>,
    pub inspect: Option<Switch>,
    pub log_format: Option<String>,
    pub mappings: Vec<MappingSpec>,
}

/// Why the file cannot be used. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not valid TOML: {message}")]
    Syntax { path: PathBuf, message: String },
    #[error("{path} has an unknown key “{key}”{place}{hint}")]
    UnknownKey { path: PathBuf, key: String, place: String, hint: String },
    #[error("{path}: {message}")]
    Value { path: PathBuf, message: String },
}

#[derive(Deserialize)]
struct RawFile {
    gateway: Option<String>,
    token: Option<String>,
    ca_file: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    timeout: Option<String>,
    host_header: Option<String>,
    inspect: Option<Switch>,
    log_format: Option<String>,
    #[serde(default)]
    mappings: Vec<toml::Table>,
}

#[derive(Deserialize)]
struct RawMapping {
    target: toml::Value,
    id: Option<String>,
    enabled: Option<bool>,
    remote_port: Option<i64>,
    proxy_protocol: Option<String>,
}

impl Config {
    /// Reads the file; a missing one is an empty one.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        use std::io::Read as _;
        let mut text = String::new();
        match std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_string(&mut text)) {
            Ok(_) => Self::parse(&text, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
        }
    }

    /// Reads the text of a file; `path` is for messages and for paths relative to it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let value = |message: String| ConfigError::Value { path: path.to_owned(), message };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.to_owned(),
            message: format!("{}{}", error.message(), line_of(text, error.span())),
        })?;
        check_keys(&table, KEYS, path, "")?;
        let raw: RawFile = table.try_into().map_err(|error: toml::de::Error| value(one_line(&error)))?;
        if let Some(gateway) = &raw.gateway {
            gateway
                .parse::<crate::gateway_url::GatewayUrl>()
                .map_err(|error| value(format!("gateway: {error}")))?;
        }
        if raw.client_cert.is_some() != raw.client_key.is_some() {
            return Err(value("client_cert and client_key belong together: write both, or neither".into()));
        }
        if let Some(timeout) = &raw.timeout {
            parse_timeout(timeout).map_err(|error| value(format!("timeout: {error}")))?;
        }
        if let Some(format) = raw.log_format.as_deref().filter(|format| !["human", "json"].contains(format)) {
            return Err(value(format!("log_format: “{format}” is neither human nor json")));
        }
        let mut mappings: Vec<MappingSpec> = Vec::new();
        for (index, table) in raw.mappings.into_iter().enumerate() {
            let at = format!(" in mapping {}", index + 1);
            check_keys(&table, FILE_KEYS, path, &at)?;
            let mapping = read_mapping(table, raw.host_header.as_ref(), raw.timeout.as_ref(), raw.inspect)
                .map_err(|message| value(format!("mapping {}: {message}", index + 1)))?;
            let Some(mapping) = mapping else { continue };
            if mappings.iter().any(|other| other.id == mapping.id) {
                return Err(value(format!("mapping {}: another one has its id “{}”", index + 1, mapping.id)));
            }
            mappings.push(mapping);
        }
        let beside = |file: PathBuf| path.parent().map_or_else(|| file.clone(), |dir| dir.join(&file));
        Ok(Self {
            gateway: raw.gateway,
            token: raw.token.map(crate::secrets::Secret::new),
            ca_file: raw.ca_file.map(beside),
            client_cert: raw.client_cert.map(beside),
            client_key: raw.client_key.map(beside),
            timeout: raw.timeout,
            host_header: raw.host_header,
            inspect: raw.inspect,
            log_format: raw.log_format,
            mappings,
        })
    }

    /// The file's defaults under what a command was told.
    pub fn underlay(&self, fields: &mut MappingFields, tcp: bool) {
        fields.timeout = fields.timeout.take().or_else(|| self.timeout.clone());
        fields.inspect = fields.inspect.or(self.inspect);
        if !tcp {
            fields.host_header = fields.host_header.take().or_else(|| self.host_header.clone());
        }
    }
}

/// A mapping of the file; none when it is switched off.
fn read_mapping(
    mut table: toml::Table,
    host_header: Option<&String>,
    timeout: Option<&String>,
    inspect: Option<Switch>,
) -> Result<Option<MappingSpec>, String> {
    let mut raw = toml::Table::new();
    for key in ["target", "id", "enabled", "remote_port", "proxy_protocol"] {
        if let Some(value) = table.remove(key) {
            raw.insert(key.into(), value);
        }
    }
    if !raw.contains_key("target") {
        return Err("it has no target: add one like target = \"localhost:3000\"".into());
    }
    for list in LISTS {
        if let Some(text @ toml::Value::String(_)) = table.get_mut(*list) {
            *text = toml::Value::Array(vec![text.clone()]);
        }
    }
    let raw: RawMapping = raw.try_into().map_err(|error: toml::de::Error| one_line(&error))?;
    let mut fields: MappingFields = table.try_into().map_err(|error: toml::de::Error| one_line(&error))?;
    let target = match &raw.target {
        toml::Value::Integer(port) => port.to_string().parse::<Target>(),
        toml::Value::String(text) if text.starts_with("tcp://") => Target::parse_tcp(text),
        toml::Value::String(text) => text.parse(),
        other => Err(TargetError::Host(crate::mapping::shown(&other.to_string()))),
    }
    .map_err(|error| error.to_string())?;
    fields.timeout = fields.timeout.or_else(|| timeout.cloned());
    fields.inspect = fields.inspect.or(inspect);
    if target.scheme != crate::target::Scheme::Tcp {
        fields.host_header = fields.host_header.or_else(|| host_header.cloned());
    }
    let mut spec = MappingSpec::new(String::new(), target);
    spec.remote_port = match raw.remote_port {
        None => None,
        Some(port) => Some(
            u16::try_from(port)
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| format!("remote_port: {port} is not a port: ports are 1 to 65535"))?,
        ),
    };
    spec.proxy_protocol = raw
        .proxy_protocol
        .map(|version| version.parse())
        .transpose()
        .map_err(|error: crate::mapping::MappingError| format!("proxy_protocol: {error}"))?;
    fields.apply(&mut spec).map_err(|error: FieldsError| error.to_string())?;
    if spec.name.is_none()
        && spec.host.is_none()
        && spec.path.is_none()
        && spec.target.scheme != crate::target::Scheme::Tcp
    {
        return Err("it has no public address: add a name, a host or a path".into());
    }
    spec.id = match raw.id {
        Some(id) if valid_id(&id) => id,
        Some(id) => {
            return Err(format!(
                "id: “{}” is not 1 to 64 letters, digits, - or _",
                crate::mapping::shown(&id)
            ));
        }
        // The same address keeps the same id, whatever else in the file changes.
        None => {
            let address = format!("{:?} {:?} {:?} {}", spec.name, spec.host, spec.path, spec.target);
            format!("file-{}", fingerprint(address.as_bytes()))
        }
    };
    Ok(raw.enabled.unwrap_or(true).then_some(spec))
}

fn valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn check_keys(table: &toml::Table, known: &[&str], path: &Path, place: &str) -> Result<(), ConfigError> {
    let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let nearest = known
        .iter()
        .map(|candidate| (strsim::osa_distance(candidate, &key.replace('-', "_")), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(key.len()) / 2);
    let hint = match nearest {
        Some((_, candidate)) => format!(": did you mean “{candidate}”?"),
        None => format!(": the keys are {}", known.join(", ")),
    };
    Err(ConfigError::UnknownKey {
        path: path.to_owned(),
        key: crate::mapping::shown(key),
        place: place.to_owned(),
        hint,
    })
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let Some(before) = span.and_then(|span| text.get(..span.start)) else { return String::new() };
    format!(" (line {})", before.matches('\n').count() + 1)
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/home/me/config.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_known_one() {
        let error = parse("gatway = \"https://x\"").unwrap_err();
        assert!(error.contains("“gatway”") && error.contains("“gateway”"), "{error}");
        let error = parse("[[mappings]]\ntarget = 3000\nallow-ip = []").unwrap_err();
        assert!(error.contains("“allow-ip” in mapping 1") && error.contains("“allow_ip”"), "{error}");
        let error = parse("zzzzzzzzzzzzzzz = 1").unwrap_err();
        assert!(error.contains("the keys are gateway"), "{error}");
    }

    #[test]
    fn broken_toml_and_wrong_values_get_one_line_with_the_place() {
        let error = parse("a = 1\ngateway = [").unwrap_err();
        assert!(error.contains("(line") && !error.contains('\n'), "{error}");
        for (text, part) in [
            ("gateway = 3", "string"),
            ("gateway = \"nonsense\"", "https://tunnel.example.com"),
            ("log_format = \"xml\"", "xml"),
            ("client_cert = \"cert.pem\"", "client_key"),
            ("[[mappings]]\nname = \"a\"", "no target"),
            ("[[mappings]]\ntarget = 70000\nname = \"a\"", "70000"),
            ("[[mappings]]\ntarget = 3000", "public address"),
            ("[[mappings]]\ntarget = 3000\nname = \"-\"", "name"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn mappings_of_the_file_are_complete_and_keep_their_ids() {
        let text = "timeout = \"5s\"\n[[mappings]]\ntarget = 3000\nname = \"shop\"\nallow_ip = \"10.0.0.1\"\n\
                    [[mappings]]\ntarget = \"tcp://db:5432\"\nremote_port = 20000\nproxy_protocol = \"v2\"\n\
                    [[mappings]]\ntarget = 4000\nname = \"off\"\nenabled = false\n";
        let (one, two) = (parse(text).unwrap(), parse(text).unwrap());
        assert_eq!(one.mappings, two.mappings);
        assert_eq!(one.mappings.len(), 2);
        assert_eq!(one.mappings[0].timeout_ms, 5000);
        assert_eq!(one.mappings[0].policy.allow_ip, ["10.0.0.1/32"]);
        assert_eq!(one.mappings[1].remote_port, Some(20000));
        assert_eq!(one.mappings[1].proxy_protocol, Some(crate::mapping::ProxyProtocol::V2));
    }

    #[test]
    fn the_files_token_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", parse("token = \"hunter2\"").unwrap()).contains("hunter2"));
    }
}
