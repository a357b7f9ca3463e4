//! `claims.json` in the gateway's data folder.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Claim, Key};

const FILE: &str = "claims.json";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    claims: Vec<Row>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    key: String,
    subject: String,
    label: String,
    last_used: Timestamp,
}

/// Reads the claims; rows of a kind that this version does not know are left out.
pub fn load(data: &Path) -> io::Result<Vec<(Key, Claim)>> {
    crate::files::read_json(&data.join(FILE)).map(claims)
}

/// The same from the file's text.
pub fn parse(text: &[u8]) -> io::Result<Vec<(Key, Claim)>> {
    serde_json::from_slice(text).map(claims).map_err(io::Error::from)
}

fn claims(content: Content) -> Vec<(Key, Claim)> {
    let claim = |row: Row| {
        let key = row.key.parse().ok()?;
        Some((key, Claim { subject: row.subject.into(), label: row.label.into(), last_used: row.last_used }))
    };
    content.claims.into_iter().filter_map(claim).collect()
}

/// Replaces the file whole. Blocking.
pub fn save(data: &Path, claims: &[(Key, Claim)]) -> io::Result<()> {
    crate::files::write_json(&data.join(FILE), &content(claims))
}

/// The file's text.
pub fn render(claims: &[(Key, Claim)]) -> io::Result<String> {
    serde_json::to_string(&content(claims)).map_err(io::Error::from)
}

fn content(claims: &[(Key, Claim)]) -> Content {
    let row = |(key, claim): &(Key, Claim)| Row {
        key: key.to_string(),
        subject: claim.subject.to_string(),
        label: claim.label.to_string(),
        last_used: claim.last_used,
    };
    Content { claims: claims.iter().map(row).collect() }
}
