//! Text by lines, in hunks with some lines around them.

use serde::Serialize;
use similar::{Algorithm, DiffTag, capture_diff_slices, group_diff_ops};

use super::{MAX_DIFFERENCES, shown};

/// Lines of either text that are compared; beyond, only where the texts part is told. Aligning takes
/// time with the product of length and differences.
pub(super) const MAX_LINES: usize = 5000;

/// Lines shown around a difference.
const AROUND: usize = 3;

/// Differences near each other, with the lines around them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Hunk {
    /// Number of its first line before, from 1.
    pub before: usize,
    /// Number of its first line after, from 1.
    pub after: usize,
    pub lines: Vec<Line>,
}

/// One line without its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Line {
    pub mark: Mark,
    pub text: String,
}

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    Both,
    Removed,
    Added,
}

/// The hunks, and whether there are more lines in them than [`MAX_DIFFERENCES`]; `None` for texts
/// beyond [`MAX_LINES`].
///
/// A line's end is part of it: CRLF for LF is a difference.
pub(super) fn compare(before: &str, after: &str) -> Option<(Vec<Hunk>, bool)> {
    let cut = |text| str::split_inclusive(text, '\n').take(MAX_LINES + 1).collect::<Vec<_>>();
    let (before, after) = (cut(before), cut(after));
    if before.len().max(after.len()) > MAX_LINES {
        return None;
    }
    let ops = capture_diff_slices(Algorithm::Myers, &before, &after);
    let (mut hunks, mut room) = (Vec::new(), MAX_DIFFERENCES);
    for group in group_diff_ops(ops, AROUND) {
        let Some(first) = group.first() else { continue };
        let mut hunk = Hunk {
            before: first.old_range().start + 1,
            after: first.new_range().start + 1,
            lines: Vec::new(),
        };
        for op in &group {
            let mut add = |mark, lines: &[&str]| {
                let taken = lines.len().min(room);
                room -= taken;
                hunk.lines.extend(lines[..taken].iter().map(|line| Line { mark, text: shown_line(line) }));
                taken == lines.len()
            };
            let whole = match op.tag() {
                DiffTag::Equal => add(Mark::Both, &before[op.old_range()]),
                _ => add(Mark::Removed, &before[op.old_range()]) && add(Mark::Added, &after[op.new_range()]),
            };
            if !whole {
                hunks.push(hunk);
                return Some((hunks, true));
            }
        }
        hunks.push(hunk);
    }
    Some((hunks, false))
}

/// Without its `\n`; a `\r` before it stays to be seen.
fn shown_line(line: &str) -> String {
    shown(line.strip_suffix('\n').unwrap_or(line))
}
