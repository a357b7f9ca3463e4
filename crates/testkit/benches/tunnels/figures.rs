//! Figures by tunnel and measurement, one for each round.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::tunnel::Kind;

/// What was measured, and why something was not.
#[derive(Debug, Default)]
pub struct Figures {
    values: BTreeMap<(Kind, &'static str), BTreeMap<usize, f64>>,
    notes: Vec<String>,
    missing: BTreeMap<Kind, String>,
}

#[derive(Debug, Clone, Copy)]
pub struct Summary {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Figures {
    pub fn add(&mut self, kind: Kind, metric: &'static str, round: usize, value: f64) {
        self.values.entry((kind, metric)).or_default().insert(round, value);
    }

    /// Says something that belongs under the tables; the same thing once.
    pub fn note(&mut self, text: String) {
        eprintln!("  note: {text}");
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// This tunnel did not start, and why.
    pub fn missing(&mut self, kind: Kind, why: String) {
        eprintln!("  {}: n/a: {why}", kind.name());
        self.missing.insert(kind, why);
    }

    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    pub fn left_out(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.missing.iter().map(|(kind, why)| (*kind, why.as_str()))
    }

    pub fn summary(&self, kind: Kind, metric: &'static str) -> Option<Summary> {
        summary(self.values.get(&(kind, metric))?.values().copied().collect())
    }

    /// The median of the rounds' ratios to `base`; drift over the run falls out of it.
    pub fn ratio(&self, kind: Kind, base: Kind, metric: &'static str) -> Option<Summary> {
        let own = self.values.get(&(kind, metric))?;
        let base = self.values.get(&(base, metric))?;
        let pairs = own.iter().filter_map(|(round, value)| Some((value, base.get(round)?)));
        summary(pairs.filter(|(_, base)| **base > 0.0).map(|(value, base)| value / base).collect())
    }

    pub fn to_json(&self) -> Value {
        let mut tunnels = serde_json::Map::new();
        for ((kind, metric), rounds) in &self.values {
            let of_tunnel = tunnels.entry(kind.name()).or_insert_with(|| json!({}));
            let values: Vec<f64> = rounds.values().map(|value| (value * 1000.0).round() / 1000.0).collect();
            of_tunnel[metric] = json!(values);
        }
        Value::Object(tunnels)
    }
}

/// Median, least and most; none of nothing.
pub fn summary(mut values: Vec<f64>) -> Option<Summary> {
    values.sort_by(f64::total_cmp);
    let (min, max) = (*values.first()?, *values.last()?);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    };
    Some(Summary { median, min, max })
}
