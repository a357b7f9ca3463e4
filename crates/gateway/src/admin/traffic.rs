//! What has passed since the start, for the status page and for programs that read no metrics.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::metrics::CLASSES;
use crate::counters::{BOUNDS_US, Codes};
use crate::server::Gateway;

/// Totals since the start; who wants rates compares two of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrafficView {
    /// Answers to visitors by class of status, `1xx` to `5xx`.
    answers: BTreeMap<&'static str, u64>,
    /// Requests that the gateway answered itself with an error, by its code.
    refusals: BTreeMap<String, u64>,
    /// Agents turned away, by code.
    agents_refused: BTreeMap<String, u64>,
    /// Mappings refused to agents, by code.
    mappings_refused: BTreeMap<String, u64>,
    /// Answers that broke off after their head.
    broken_answers: u64,
    tcp_connections: u64,
    /// Bytes of visitors' HTTP connections, heads included, without TLS.
    received_bytes: u64,
    sent_bytes: u64,
    latency: LatencyView,
    /// Exchanges that the access log has no line for.
    #[serde(skip_serializing_if = "Option::is_none")]
    access_log_lost: Option<u64>,
}

/// How long exchanges with mappings took, as a histogram.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LatencyView {
    /// Upper bounds of the buckets, without the open one.
    up_to_seconds: Vec<f64>,
    /// Exchanges up to each bound, and in all.
    counts: Vec<u64>,
    sum_seconds: f64,
}

impl TrafficView {
    pub(super) fn of(gateway: &Gateway) -> Self {
        let counters = &gateway.counters;
        let by_code = |codes: &Codes| codes.read().into_iter().collect();
        let (received_bytes, sent_bytes) = counters.traffic.read();
        let (counts, sum_seconds) = counters.latency.read();
        Self {
            answers: CLASSES.into_iter().zip(counters.answers()).collect(),
            refusals: by_code(&counters.refusals),
            agents_refused: by_code(&counters.agents_refused),
            mappings_refused: by_code(&counters.mappings_refused),
            broken_answers: counters.broken(),
            tcp_connections: counters.tcp_connections(),
            received_bytes,
            sent_bytes,
            latency: LatencyView {
                up_to_seconds: BOUNDS_US.iter().map(|&us| us as f64 / 1e6).collect(),
                counts: counts.to_vec(),
                sum_seconds,
            },
            access_log_lost: gateway.access_log.as_ref().map(crate::access::AccessLog::lost),
        }
    }
}
