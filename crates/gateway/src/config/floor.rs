//! What is asked of all mappings' visitors: the same words as in a mapping's policy.

use porthole_link::control::{Floor, RateLimit};

use super::ConfigError;
use super::parse::{Read, yes_or_no};
use crate::allowance::{parse_bytes, parse_count};
use crate::policy::Compiled;

pub(super) fn settings(read: &Read<'_>) -> Result<Floor, ConfigError> {
    Ok(Floor {
        require_auth: read.parsed("floor-require-auth", yes_or_no)?.unwrap_or(false),
        allow_ip: list(read, "floor-allow-ip", |floor, allow_ip| Floor { allow_ip, ..floor })?,
        deny_ip: list(read, "floor-deny-ip", |floor, deny_ip| Floor { deny_ip, ..floor })?,
        rate_limit: read.parsed("floor-rate-limit", rate)?,
        visitor_rate_limit: read.parsed("floor-visitor-rate-limit", rate)?,
        max_concurrent: read.parsed("floor-max-concurrent", parse_count)?,
        max_body: read.parsed("floor-max-body", bytes)?,
        allow_methods: list(read, "floor-allow-methods", |floor, allow_methods| Floor {
            allow_methods,
            ..floor
        })?,
        private_paths: list(read, "floor-private-paths", |floor, private_paths| Floor {
            private_paths,
            ..floor
        })?,
    })
}

/// Items between commas, which `put` has a policy judge.
fn list(
    read: &Read<'_>,
    option: &str,
    put: impl Fn(Floor, Vec<String>) -> Floor,
) -> Result<Vec<String>, ConfigError> {
    let parse = |text: &str| {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let items: Vec<String> = items.map(str::to_owned).collect();
        match Compiled::new(&put(Floor::default(), items.clone()).policy(), "") {
            Ok(_) => Ok(items),
            Err(sentence) => Err(sentence.trim_end_matches('.').to_owned()),
        }
    };
    Ok(read.parsed(option, parse)?.unwrap_or_default())
}

/// The letters after a number, with their seconds.
const UNITS: [(char, u32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// `100/s`, `600/m`, `5/10s`, as for a mapping.
fn rate(text: &str) -> Result<RateLimit, String> {
    let read = || {
        let (requests, time) = text.split_once('/')?;
        let time = time.trim();
        let (count, unit) =
            UNITS.into_iter().find_map(|(unit, seconds)| Some((time.strip_suffix(unit)?, seconds)))?;
        let count = if count.is_empty() { 1 } else { number(count)? };
        Some(RateLimit { requests: number(requests.trim())?, seconds: count.checked_mul(unit)? })
    };
    read()
        .filter(|limit| limit.is_usable())
        .ok_or_else(|| "give requests within a time of 1 second to 1 day, like 600/m or 5/10s".to_owned())
}

/// Digits only: `+5` means something else to somebody.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn bytes(text: &str) -> Result<u64, String> {
    parse_bytes(text).ok_or_else(|| "give a number of bytes, like 10MiB".to_owned())
}
