//! Fields by name: which came, went or have other values.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Ignore, shown};

/// A name whose values differ; one side is empty where it was added or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldDiff {
    /// Lower case.
    pub name: String,
    pub before: Vec<String>,
    pub after: Vec<String>,
}

pub(super) fn compare(
    before: &[(String, Vec<u8>)],
    after: &[(String, Vec<u8>)],
    ignore: &Ignore,
) -> Vec<FieldDiff> {
    let (before, after) = (by_name(before), by_name(after));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let none = Vec::new();
    names
        .into_iter()
        .filter(|name| !ignore.field(name))
        .map(|name| (name, before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none)))
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| FieldDiff {
            name: name.clone(),
            before: texts(before),
            after: texts(after),
        })
        .collect()
}

/// Values in their order: that of `Set-Cookie` or `Via` among themselves means something.
fn by_name(fields: &[(String, Vec<u8>)]) -> BTreeMap<String, Vec<&[u8]>> {
    let mut names: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in fields {
        names.entry(name.to_ascii_lowercase()).or_default().push(value);
    }
    names
}

fn texts(values: &[&[u8]]) -> Vec<String> {
    values.iter().map(|value| shown(&String::from_utf8_lossy(value))).collect()
}
