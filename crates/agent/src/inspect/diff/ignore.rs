//! Rules for what is not compared.

use std::str::FromStr;

/// Most rules at once.
pub const MAX_RULES: usize = 64;

/// Longest rule, in bytes.
pub const MAX_RULE_BYTES: usize = 256;

/// What is left out of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore {
    /// Lower case.
    fields: Vec<String>,
    paths: Vec<Pattern>,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreError {
    #[error("there are more than {MAX_RULES} rules")]
    TooMany,
    #[error("a rule is longer than {MAX_RULE_BYTES} bytes")]
    TooLong,
    #[error("“{0}” is no rule: write $.name, $..name, $.list[*].name, $['odd name'] or header:name")]
    Rule(String),
}

/// One step on the way to a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Step {
    Key(String),
    Index(usize),
}

/// Steps that a path is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Index(usize),
    /// `*`: any one step.
    Any,
    /// `..`: any number of steps.
    Descend,
}

impl Ignore {
    /// Reads rules: JSON paths that begin with `$`, and `header:NAME`.
    pub fn parse<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, IgnoreError> {
        let mut ignore = Self::default();
        for rule in rules {
            if ignore.fields.len() + ignore.paths.len() == MAX_RULES {
                return Err(IgnoreError::TooMany);
            }
            if rule.len() > MAX_RULE_BYTES {
                return Err(IgnoreError::TooLong);
            }
            match rule.trim().strip_prefix("header:").map(str::trim) {
                Some(name) if !name.is_empty() => ignore.fields.push(name.to_ascii_lowercase()),
                _ => ignore.paths.push(rule.trim().parse()?),
            }
        }
        Ok(ignore)
    }

    pub(in super::super) fn field(&self, lower: &str) -> bool {
        self.fields.iter().any(|name| name == lower)
    }

    pub(in super::super) fn path(&self, path: &[Step]) -> bool {
        self.paths.iter().any(|pattern| pattern.matches(path))
    }

    pub(super) fn has_paths(&self) -> bool {
        !self.paths.is_empty()
    }
}

impl Pattern {
    /// Like a shell's pattern with `..` as its star: going back to the last one suffices, so the time
    /// is that of pattern times path.
    fn matches(&self, path: &[Step]) -> bool {
        let parts = &self.0;
        let (mut part, mut step) = (0, 0);
        let mut retry = None;
        while step < path.len() {
            if parts.get(part) == Some(&Part::Descend) {
                part += 1;
                retry = Some((part, step));
            } else if parts.get(part).is_some_and(|part| part.is(&path[step])) {
                part += 1;
                step += 1;
            } else if let Some((behind, from)) = retry {
                retry = Some((behind, from + 1));
                (part, step) = (behind, from + 1);
            } else {
                return false;
            }
        }
        part == parts.len()
    }
}

impl Part {
    fn is(&self, step: &Step) -> bool {
        match (self, step) {
            (Self::Any, _) => true,
            (Self::Key(wanted), Step::Key(key)) => wanted == key,
            (Self::Index(wanted), Step::Index(index)) => wanted == index,
            _ => false,
        }
    }
}

impl FromStr for Pattern {
    type Err = IgnoreError;

    fn from_str(text: &str) -> Result<Self, IgnoreError> {
        let bad = || IgnoreError::Rule(text.chars().filter(|c| !c.is_control()).take(60).collect());
        let mut rest = text.strip_prefix('$').ok_or_else(bad)?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("..") {
                parts.push(Part::Descend);
                // `$..name` has its name at once; `$..[0]` its bracket.
                if !after.starts_with('[') {
                    rest = name(after, &mut parts).ok_or_else(bad)?;
                } else {
                    rest = after;
                }
            } else if let Some(after) = rest.strip_prefix('.') {
                rest = name(after, &mut parts).ok_or_else(bad)?;
            } else if let Some(after) = rest.strip_prefix('[') {
                rest = bracket(after, &mut parts).ok_or_else(bad)?;
            } else {
                return Err(bad());
            }
        }
        // `$` alone would ignore everything, and mean a slip.
        if parts.is_empty() { Err(bad()) } else { Ok(Self(parts)) }
    }
}

fn name<'a>(text: &'a str, parts: &mut Vec<Part>) -> Option<&'a str> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match name {
        "" => return None,
        "*" => parts.push(Part::Any),
        name => parts.push(Part::Key(name.to_owned())),
    }
    Some(rest)
}

/// Behind `[`: `*]`, `0]`, `'name']` or `"name"]`.
fn bracket<'a>(text: &'a str, parts: &mut Vec<Part>) -> Option<&'a str> {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (name, rest) = text[1..].split_once(quote)?;
        parts.push(Part::Key(name.to_owned()));
        return rest.strip_prefix(']');
    }
    let (inside, rest) = text.split_once(']')?;
    match inside {
        "*" => parts.push(Part::Any),
        number => parts.push(Part::Index(number.parse().ok()?)),
    }
    Some(rest)
}
