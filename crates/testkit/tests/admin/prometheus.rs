//! A strict reader of Prometheus' text format 0.0.4, with the rules of `promtool check metrics`: each
//! family has its help and type before its samples, stands together, and is named as its kind wants.

use std::collections::{BTreeMap, BTreeSet};

/// All samples, by name with labels as they were written.
#[derive(Debug)]
pub struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// What the sample says; 0 where it is missing, as for a counter that nothing has counted yet.
    pub fn value(&self, sample: &str) -> f64 {
        self.0.get(&format!("porthole_gateway_{sample}")).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: String,
    samples: usize,
}

/// Reads a whole exposition.
///
/// # Panics
/// When a line breaks a rule, naming it.
pub fn read(text: &str) -> Samples {
    assert!(text.ends_with('\n'), "the last line has its end");
    let mut samples = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut family = Family::default();
    let mut helped = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(family.name.is_empty() || family.kind != "histogram" || family.samples > 2, "{line}");
            let (name, help) = rest.split_once(' ').unwrap_or_else(|| panic!("no help: {line}"));
            assert!(help.ends_with('.') && is_name(name), "{line}");
            assert!(seen.insert(name.to_owned()), "a family twice: {line}");
            name.clone_into(&mut helped);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            assert_eq!(name, helped, "help and type of one family: {line}");
            let total = name.ends_with("_total");
            match kind {
                "counter" => assert!(total, "a counter's name ends so: {line}"),
                "gauge" | "histogram" => assert!(!total, "only a counter's name ends so: {line}"),
                _ => panic!("an unknown type: {line}"),
            }
            family = Family { name: name.to_owned(), kind: kind.to_owned(), samples: 0 };
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
            let (name, labels) = match sample.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix('}').expect("labels end")),
                None => (sample, ""),
            };
            assert!(is_name(name) && labels.is_empty() || are_labels(labels), "{line}");
            let belongs = match family.kind.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .into_iter()
                    .any(|end| name.strip_suffix(end) == Some(family.name.as_str())),
                _ => name == family.name,
            };
            assert!(belongs, "a sample outside its family: {line}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(value.is_finite() && value >= 0.0, "{line}");
            family.samples += 1;
            assert!(samples.insert(sample.to_owned(), value).is_none(), "a sample twice: {line}");
        }
    }
    Samples(samples)
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':')
}

/// `name="value"`, separated by commas; no value of ours holds a comma or a quote.
fn are_labels(text: &str) -> bool {
    text.split(',').all(|label| {
        label.split_once("=\"").is_some_and(|(name, value)| {
            is_name(name) && value.strip_suffix('"').is_some_and(|value| !value.contains(['"', '\\', '\n']))
        })
    })
}

#[test]
fn the_reader_takes_what_is_right_and_nothing_else() {
    let right = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n";
    read(right);
    for wrong in [
        right.trim_end(),
        &right.replace("# HELP a_total A.\n", ""),
        &right.replace("# TYPE a_total counter\n", ""),
        &right.replace("counter", "gauge"),
        &right.replace("a_total{", "b_total{"),
        &right.replace("\"1\"", "1"),
        &right.replace("} 2", "} x"),
        &right.replace("} 2", "} NaN"),
        &format!("{right}a_total{{x=\"1\"}} 2\n"),
        &format!("{right}{right}"),
    ] {
        assert!(std::panic::catch_unwind(|| read(wrong)).is_err(), "{wrong}");
    }
}
