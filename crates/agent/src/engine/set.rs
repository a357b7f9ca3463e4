//! Which mappings are served, and under which numbers: plain functions over values.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::events::{MappingSet, Served};
use crate::mapping::MappingSpec;
use crate::store::StoredMapping;

/// Mappings that are wanted for good: enabled, and meant for this gateway.
pub fn standing<'a>(
    stored: &'a [StoredMapping],
    file: &'a [MappingSpec],
    gateway: &'a str,
) -> impl Iterator<Item = &'a MappingSpec> {
    let meant_here = move |mapping: &&StoredMapping| {
        mapping.enabled && mapping.gateway.as_deref().is_none_or(|g| g == gateway)
    };
    stored.iter().filter(meant_here).map(|mapping| &mapping.spec).chain(file)
}

/// Numbers mappings and counts revisions. A number never comes to mean something else: a changed
/// mapping gets a new one, so that a stream opened under the old still means the old.
#[derive(Debug, Default)]
pub struct Numbering {
    revision: u64,
    last: u32,
    current: HashMap<String, Arc<Served>>,
    order: Vec<String>,
}

impl Numbering {
    /// The set made of `specs` (the first of each id), or `None` when nothing changed.
    pub fn replace<'a>(&mut self, specs: impl IntoIterator<Item = &'a MappingSpec>) -> Option<MappingSet> {
        let mut seen = HashSet::new();
        let mut next = HashMap::new();
        let mut order = Vec::new();
        let mut changed = false;
        for spec in specs {
            if !seen.insert(spec.id.as_str()) {
                continue;
            }
            let kept =
                self.current.get(&spec.id).filter(|served| spec.serve(served.wire.number) == ***served);
            let served = match kept {
                Some(served) => Arc::clone(served),
                None => {
                    changed = true;
                    self.last = self.last.wrapping_add(1);
                    Arc::new(spec.serve(self.last))
                }
            };
            next.insert(spec.id.clone(), served);
            order.push(spec.id.clone());
        }
        changed |= order != self.order;
        self.current = next;
        self.order = order;
        changed.then(|| self.again())
    }

    /// The same set under a new revision: makes the gateway tell everything once more.
    pub fn again(&mut self) -> MappingSet {
        self.revision += 1;
        let mappings = self.order.iter().filter_map(|id| self.current.get(id).cloned()).collect();
        MappingSet { revision: self.revision, mappings }
    }

    /// The mappings served now, in order.
    pub fn served(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.order.iter().filter_map(|id| self.current.get(id))
    }

    pub fn contains(&self, id: &str) -> bool {
        self.current.contains_key(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: &str, target: &str) -> MappingSpec {
        MappingSpec::new(id.into(), target.parse().unwrap())
    }

    #[test]
    fn a_changed_mapping_gets_a_new_number_and_an_unchanged_one_keeps_its_own() {
        let mut numbering = Numbering::default();
        let (a, b) = (spec("a", "3000"), spec("b", "4000"));
        let first = numbering.replace([&a, &b]).unwrap();
        assert!(numbering.replace([&a, &b, &a]).is_none());
        let moved = spec("b", "5000");
        let second = numbering.replace([&a, &moved]).unwrap();
        assert_eq!(second.revision, first.revision + 1);
        assert_eq!(second.mappings[0].wire.number, first.mappings[0].wire.number);
        assert!(second.by_number(first.mappings[1].wire.number).is_none());
        assert_eq!(numbering.replace([&a]).unwrap().mappings.len(), 1);
        assert!(numbering.contains("a") && !numbering.contains("b"));
    }

    #[test]
    fn only_enabled_mappings_of_this_gateway_stand() {
        let mut off = StoredMapping::new(spec("off", "1"), None);
        off.enabled = false;
        let stored = [
            StoredMapping::new(spec("any", "1"), None),
            StoredMapping::new(spec("here", "1"), Some("https://a".into())),
            StoredMapping::new(spec("there", "1"), Some("https://b".into())),
            off,
        ];
        let file = [spec("file", "1")];
        let ids: Vec<_> = standing(&stored, &file, "https://a").map(|spec| spec.id.as_str()).collect();
        assert_eq!(ids, ["any", "here", "file"]);
    }
}
