//! JSON by paths: what was added, removed or changed, and where.

use serde::Serialize;
use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::ignore::Step;
use super::{Ignore, MAX_DIFFERENCES, shown};

/// Longest lists whose elements are aligned; longer ones are compared place by place. Aligning takes
/// time with the product of length and differences.
const ALIGNED_ELEMENTS: usize = 1000;

/// One difference. Values are JSON texts, cut when long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum JsonChange {
    /// The path is that of the later body.
    Added {
        path: String,
        after: String,
    },
    Removed {
        path: String,
        before: String,
    },
    /// The path is that of the earlier body.
    Changed {
        path: String,
        before: String,
        after: String,
    },
}

/// The differences, and whether there are more than [`MAX_DIFFERENCES`].
///
/// Elements of lists are aligned first, so that one more at the front is one difference. Numbers
/// beyond 64 bits are compared as floating point.
pub(super) fn compare(before: &Value, after: &Value, ignore: &Ignore) -> (Vec<JsonChange>, bool) {
    let mut changes = Changes { found: Vec::new(), more: false };
    if ignore.has_paths() {
        let (before, after) =
            (without(before, ignore, &mut Vec::new()), without(after, ignore, &mut Vec::new()));
        changes.value(&before, &after, &mut Vec::new());
    } else {
        changes.value(before, after, &mut Vec::new());
    }
    (changes.found, changes.more)
}

/// The value without what is ignored. In a list, `null` stands in its place: others keep theirs.
fn without(value: &Value, ignore: &Ignore, path: &mut Vec<Step>) -> Value {
    match value {
        Value::Object(members) => {
            let mut kept = serde_json::Map::new();
            for (key, member) in members {
                path.push(Step::Key(key.clone()));
                if !ignore.path(path) {
                    kept.insert(key.clone(), without(member, ignore, path));
                }
                path.pop();
            }
            Value::Object(kept)
        }
        Value::Array(elements) => {
            let kept = elements.iter().enumerate().map(|(index, element)| {
                path.push(Step::Index(index));
                let kept = if ignore.path(path) { Value::Null } else { without(element, ignore, path) };
                path.pop();
                kept
            });
            Value::Array(kept.collect())
        }
        other => other.clone(),
    }
}

struct Changes {
    found: Vec<JsonChange>,
    more: bool,
}

impl Changes {
    fn push(&mut self, change: JsonChange) {
        if self.found.len() < MAX_DIFFERENCES {
            self.found.push(change);
        } else {
            self.more = true;
        }
    }

    fn value(&mut self, before: &Value, after: &Value, path: &mut Vec<Step>) {
        // Equality first is one walk; without this each level would find it out anew.
        if self.more || before == after {
            return;
        }
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (key, was) in before {
                    path.push(Step::Key(key.clone()));
                    match after.get(key) {
                        Some(is) => self.value(was, is, path),
                        None => self.push(JsonChange::Removed { path: written(path), before: text(was) }),
                    }
                    path.pop();
                }
                for (key, is) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
                    path.push(Step::Key(key.clone()));
                    self.push(JsonChange::Added { path: written(path), after: text(is) });
                    path.pop();
                }
            }
            (Value::Array(before), Value::Array(after)) => self.list(before, after, path),
            _ => {
                let change =
                    JsonChange::Changed { path: written(path), before: text(before), after: text(after) };
                self.push(change);
            }
        }
    }

    fn list(&mut self, before: &[Value], after: &[Value], path: &mut Vec<Step>) {
        if before.len().max(after.len()) > ALIGNED_ELEMENTS {
            self.side_by_side(before, after, (0, 0), path);
            return;
        }
        // Values have no order of their own, which the algorithm wants; their texts do.
        let texts = |values: &[Value]| values.iter().map(Value::to_string).collect::<Vec<_>>();
        for op in capture_diff_slices(Algorithm::Myers, &texts(before), &texts(after)) {
            if !matches!(op, DiffOp::Equal { .. }) {
                let (old, new) = (op.old_range(), op.new_range());
                let from = (old.start, new.start);
                self.side_by_side(&before[old], &after[new], from, path);
            }
        }
    }

    /// Elements at the same place are taken for the same one; `from` is where the slices begin.
    fn side_by_side(
        &mut self,
        before: &[Value],
        after: &[Value],
        from: (usize, usize),
        path: &mut Vec<Step>,
    ) {
        for index in 0..before.len().max(after.len()) {
            let at = if index < before.len() { from.0 } else { from.1 } + index;
            path.push(Step::Index(at));
            match (before.get(index), after.get(index)) {
                (Some(was), Some(is)) => self.value(was, is, path),
                (Some(was), None) => {
                    self.push(JsonChange::Removed { path: written(path), before: text(was) });
                }
                (None, Some(is)) => self.push(JsonChange::Added { path: written(path), after: text(is) }),
                (None, None) => {}
            }
            path.pop();
        }
    }
}

fn text(value: &Value) -> String {
    shown(&value.to_string())
}

/// `$.items[0]['odd key']`, as a rule to ignore it is written.
fn written(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Index(index) => format!("[{index}]"),
        Step::Key(key) if is_plain(key) => format!(".{key}"),
        Step::Key(key) => {
            let quote = if key.contains('\'') { '"' } else { '\'' };
            format!("[{quote}{}{quote}]", shown(key))
        }
    });
    ["$".to_owned()].into_iter().chain(steps).collect()
}

/// A key that needs no quotes.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
