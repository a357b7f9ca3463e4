//! What `/metrics` says.

use std::sync::atomic::Ordering;

use super::text::{Exposition, Kind};
use crate::counters::BOUNDS_US;
use crate::server::Gateway;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

pub(super) fn exposition(gateway: &Gateway) -> String {
    use Kind::{Counter, Gauge};
    let counters = &gateway.counters;
    let mut text = Exposition::default();

    let answers = CLASSES.into_iter().zip(counters.answers());
    text.by((Counter, "requests_total", "Answers to visitors by class of status."), "class", answers);
    let (counts, sum) = counters.latency.read();
    text.seconds(
        "exchange_seconds",
        "Time of exchanges with mappings, from the request's head to the end of the answer.",
        &BOUNDS_US,
        &counts,
        sum,
    );
    text.by(
        (Counter, "refusals_total", "Requests that the gateway answered itself with an error, by its code."),
        "code",
        counters.refusals.read(),
    );
    text.number(
        Counter,
        "broken_answers_total",
        "Answers that broke off after their head.",
        counters.broken(),
    );
    let (received, sent) = counters.traffic.read();
    text.by(
        (Counter, "visitor_bytes_total", "Bytes of visitors' HTTP connections, heads included, without TLS."),
        "direction",
        [("received", received), ("sent", sent)],
    );
    text.number(Counter, "tcp_connections_total", "Connections to TCP mappings.", counters.tcp_connections());

    let (accepted, refused) = counters.links();
    text.by(
        (Counter, "links_total", "Agents' links by what became of them."),
        "result",
        [("accepted", accepted), ("refused", refused)],
    );
    text.by(
        (Counter, "agents_refused_total", "Agents turned away, for their token or after it, by code."),
        "code",
        counters.agents_refused.read(),
    );
    text.by(
        (Counter, "mappings_refused_total", "Mappings that were refused to agents, by code."),
        "code",
        counters.mappings_refused.read(),
    );
    text.by(
        (Counter, "token_limits_total", "How often a token met one of its limits; rate: waits of streams."),
        "limit",
        gateway.allowances.told.read(),
    );
    let registry = &gateway.registry;
    text.number(Gauge, "links", "Links now live.", registry.links() as u64);
    text.number(Gauge, "endpoints", "Mappings now live.", registry.endpoints() as u64);
    text.number(Gauge, "streams", "Streams now open on all links.", registry.streams() as u64);

    text.by(
        (Counter, "reloads_total", "Times that the settings were read again."),
        "result",
        counters.reloads.read(),
    );
    if let Some(log) = &gateway.access_log {
        let help = "Exchanges that the access log has no line for.";
        text.number(Counter, "access_log_lost_total", help, log.lost());
    }
    text.number(
        Gauge,
        "ready",
        "1 while new work is taken.",
        u64::from(gateway.ready.load(Ordering::Relaxed)),
    );
    text.number(Gauge, "uptime_seconds", "Seconds since the start.", counters.since.elapsed().as_secs());
    text.by(
        (Gauge, "build_info", "1, with the version that runs."),
        "version",
        [(env!("CARGO_PKG_VERSION"), 1)],
    );
    text.finish()
}
