//! Flags, variables and file, each value with where it came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{ConfigError, Folders};

/// Every option, as its flag spells it; files use underscores, variables upper case.
pub const OPTIONS: [&str; 43] = [
    "listen",
    "public-url",
    "secret",
    "secret-file",
    "client-token",
    "tls-cert",
    "tls-key",
    "client-ca",
    "acme-email",
    "acme-directory",
    "acme-ca-file",
    "acme-challenge",
    "acme-dns-hook",
    "http-listen",
    "hsts",
    "trusted-proxies",
    "proxy-protocol",
    "caddy-admin",
    "admin-listen",
    "admin-key-file",
    "outgoing-allow",
    "single-host",
    "tcp-ports",
    "token-mappings",
    "token-links",
    "token-streams",
    "token-connections",
    "token-rate",
    "floor-require-auth",
    "floor-allow-ip",
    "floor-deny-ip",
    "floor-rate-limit",
    "floor-visitor-rate-limit",
    "floor-max-concurrent",
    "floor-max-body",
    "floor-allow-methods",
    "floor-private-paths",
    "grace",
    "claim-days",
    "log-format",
    "log",
    "access-log",
    "until-stdin-closes",
];

/// Bytes of a configuration file; a bigger one is some other file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag(&'static str),
    Variable(String),
    File { file: PathBuf, line: usize, key: String },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::File { file, line, key } => write!(f, "`{key}` in line {line} of {}", file.display()),
        }
    }
}

/// All values given, the strongest for each option. No `Debug` of values: some are secret.
#[derive(Clone, Default)]
pub struct Layers {
    values: BTreeMap<&'static str, (String, Source)>,
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.values.iter().map(|(key, (_, source))| (key, source))).finish()
    }
}

impl Layers {
    /// Collects `flags` (option name and value), the variables that `variable` knows, and the file:
    /// `config`, or `gateway.toml` in the configuration folder where it exists.
    pub fn collect(
        flags: impl IntoIterator<Item = (&'static str, Option<String>)>,
        variable: impl Fn(&str) -> Option<String>,
        config: Option<&Path>,
        folders: &Folders,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        for (name, value) in flags {
            if let Some(value) = value {
                layers.put(name, value, Source::Flag(name));
            }
        }
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        for option in OPTIONS {
            let name = format!("PORTHOLE_GATEWAY_{}", option.replace('-', "_").to_ascii_uppercase());
            if let Some(value) = set(&name) {
                layers.put(option, value, Source::Variable(name));
            }
        }
        if let Some(value) = set("PUBLIC_BASE_URL") {
            layers.put("public-url", value, Source::Variable("PUBLIC_BASE_URL".to_owned()));
        }
        if let Some(value) = set("PORT") {
            layers.put("listen", value, Source::Variable("PORT".to_owned()));
        }
        let named = config.map(Path::to_owned).or_else(|| set("PORTHOLE_GATEWAY_CONFIG").map(PathBuf::from));
        match named {
            Some(file) => layers.add_file(&file)?,
            None => {
                let file = folders.config.join("gateway.toml");
                if file.exists() {
                    layers.add_file(&file)?;
                }
            }
        }
        Ok(layers)
    }

    fn put(&mut self, option: &'static str, value: String, source: Source) {
        self.values.entry(option).or_insert((value, source));
    }

    fn add_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let failed = |problem: String| ConfigError::File { file: file.to_owned(), problem };
        let size = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?.len();
        if size > MAX_FILE_BYTES {
            return Err(failed(format!("it has {size} bytes, more than the {MAX_FILE_BYTES} allowed")));
        }
        let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
        self.add_text(&text, file)
    }

    /// Adds what the text of a file says; `file` is for messages.
    pub fn add_text(&mut self, text: &str, file: &Path) -> Result<(), ConfigError> {
        let failed = |problem: String| ConfigError::File { file: file.to_owned(), problem };
        let table: BTreeMap<toml::Spanned<String>, toml::Value> =
            toml::from_str(text).map_err(|error| failed(one_line(&error.to_string())))?;
        let lines = table.into_iter().map(|(key, value)| {
            let line = line_of(text, key.span().start);
            flat((key.into_inner(), value)).into_iter().map(move |(key, value)| (line, key, value))
        });
        for (line, key, value) in lines.flatten() {
            let option = OPTIONS.into_iter().find(|option| option.replace('-', "_") == key.replace('-', "_"));
            let Some(option) = option else {
                let (file, nearest) = (file.to_owned(), nearest(&key));
                return Err(ConfigError::UnknownKey { file, line, nearest, key });
            };
            let source = Source::File { file: file.to_owned(), line, key: key.clone() };
            let text = as_text(&value).ok_or_else(|| ConfigError::Value {
                source_name: source.to_string(),
                problem: "give a text, a number, true or false, or a list of texts".to_owned(),
            })?;
            self.put(option, text, source);
        }
        Ok(())
    }

    /// The strongest value of `option`.
    pub fn get(&self, option: &str) -> Option<(&str, &Source)> {
        self.values.get(option).map(|(value, source)| (value.as_str(), source))
    }
}

/// The rules of the table `[floor]` as options of their own; everything else as it stands.
fn flat((key, value): (String, toml::Value)) -> Vec<(String, toml::Value)> {
    match value {
        toml::Value::Table(rules) if key == "floor" => {
            rules.into_iter().map(|(rule, value)| (format!("floor_{rule}"), value)).collect()
        }
        value => vec![(key, value)],
    }
}

fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

/// The known key that `key` most resembles. With `xyz` nothing is near: then None.
fn nearest(key: &str) -> Option<String> {
    OPTIONS
        .iter()
        .map(|option| option.replace('-', "_"))
        .map(|option| (strsim::jaro_winkler(key, &option), option))
        .max_by(|one, two| one.0.total_cmp(&two.0))
        .filter(|(likeness, _)| *likeness > 0.4)
        .map(|(_, option)| option)
}

/// The line that holds the byte at `at`, as editors count.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
