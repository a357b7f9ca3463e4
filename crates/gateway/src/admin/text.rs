//! Prometheus' text format 0.0.4, written into one text.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Stands before every name.
const PREFIX: &str = "porthole_gateway_";

/// What a family's numbers are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// An exposition that grows by whole families.
#[derive(Debug, Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// One number without labels.
    pub(super) fn number(&mut self, kind: Kind, name: &str, help: &str, value: u64) {
        self.begin(kind, name, help);
        let _ = writeln!(self.0, "{PREFIX}{name} {value}");
    }

    /// A number for each value of one label.
    pub(super) fn by<L: AsRef<str>>(
        &mut self,
        (kind, name, help): (Kind, &str, &str),
        label: &str,
        rows: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.begin(kind, name, help);
        for (value, count) in rows {
            let _ = writeln!(self.0, "{PREFIX}{name}{{{label}=\"{}\"}} {count}", escaped(value.as_ref()));
        }
    }

    /// A histogram of seconds: `counts` up to each bound, and of all.
    pub(super) fn seconds(&mut self, name: &str, help: &str, bounds_us: &[u64], counts: &[u64], sum: f64) {
        self.heading("histogram", name, help);
        let bounds = bounds_us.iter().map(|&us| (us as f64 / 1e6).to_string());
        for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts) {
            let _ = writeln!(self.0, "{PREFIX}{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let all = counts.last().copied().unwrap_or_default();
        let _ = writeln!(self.0, "{PREFIX}{name}_sum {sum}\n{PREFIX}{name}_count {all}");
    }

    fn begin(&mut self, kind: Kind, name: &str, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.heading(kind, name, help);
    }

    fn heading(&mut self, kind: &str, name: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut text = Exposition::default();
        text.number(Kind::Gauge, "links", "Links now live.", 3);
        text.by((Kind::Counter, "x_total", "X."), "code", [("a\"b\\c\nd", 1), ("e", 2)]);
        text.seconds("took_seconds", "Time.", &[500, 1_000_000], &[1, 2, 4], 1.5);
        let expected = r#"# HELP porthole_gateway_links Links now live.
# TYPE porthole_gateway_links gauge
porthole_gateway_links 3
# HELP porthole_gateway_x_total X.
# TYPE porthole_gateway_x_total counter
porthole_gateway_x_total{code="a\"b\\c\nd"} 1
porthole_gateway_x_total{code="e"} 2
# HELP porthole_gateway_took_seconds Time.
# TYPE porthole_gateway_took_seconds histogram
porthole_gateway_took_seconds_bucket{le="0.0005"} 1
porthole_gateway_took_seconds_bucket{le="1"} 2
porthole_gateway_took_seconds_bucket{le="+Inf"} 4
porthole_gateway_took_seconds_sum 1.5
porthole_gateway_took_seconds_count 4
"#;
        assert_eq!(text.finish(), expected);
    }
}
