//! What `/metrics` says.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::text::{Exposition, Kind};
use crate::acme;
use crate::caddy;
use crate::counters::BOUNDS_US;
use crate::server::Gateway;

pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

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
    if let Some(acme) = &gateway.acme {
        certificates(&mut text, &acme.view(Timestamp::now()));
    }
    if let Some(caddy) = &gateway.caddy {
        front(&mut text, caddy.view());
    }
    text.finish()
}

/// Automatic certificates. No name is a label: token holders choose them.
fn certificates(text: &mut Exposition, acme: &acme::View) {
    use Kind::{Counter, Gauge};
    text.number(Gauge, "acme_names", "Names that are to have a certificate.", acme.names as u64);
    let family = (Gauge, "acme_certificates", "Certificates at hand by how long they still hold.");
    text.by(family, "within", acme.expiring.iter().map(|(span, count)| (*span, *count)));
    if let Some(first) = acme.soonest.first() {
        let days = u64::try_from(first.days).unwrap_or_default();
        text.number(Gauge, "acme_next_expiry_days", "Days until the first of them expires.", days);
    }
    let help = "Names that are waited for after a failure.";
    text.number(Gauge, "acme_names_failing", help, acme.failing as u64);
    text.number(Gauge, "acme_orders_under_way", "Orders now under way.", acme.under_way as u64);
    text.number(Counter, "acme_orders_total", "Certificates ordered.", acme.orders);
    let family = (Counter, "acme_failures_total", "Certificates that were not had, by code.");
    text.by(family, "code", acme.failures.iter().map(|(code, count)| (code, *count)));
    if let Some(last) = &acme.last_failure {
        let family = (Gauge, "acme_last_failure", "1, with the code of the newest failure.");
        text.by(family, "code", [(&last.code, 1)]);
    }
}

/// The Caddy in front.
fn front(text: &mut Exposition, caddy: caddy::View) {
    use Kind::{Counter, Gauge};
    let is_up = u64::from(caddy.state == caddy::Health::Good);
    text.number(Gauge, "caddy_up", "1 while the Caddy in front has all our routes.", is_up);
    text.number(Gauge, "caddy_routes", "Routes of ours that it has.", caddy.routes as u64);
    let family = (Counter, "caddy_failures_total", "Times that it could not be told of them, by code.");
    text.by(family, "code", caddy.failures);
}
