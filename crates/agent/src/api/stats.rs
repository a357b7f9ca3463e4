//! How much came through lately, and how long it took.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Asked;
use super::{Api, Problem, in_background};
use crate::store::exchanges::Sample;

/// Points of one chart: what a screen shows apart.
const POINTS: i64 = 60;

/// Minutes looked back, unless asked otherwise, and at most: a week, which is what is kept by default.
const MINUTES: i64 = 60;
const MAX_MINUTES: i64 = 7 * 24 * 60;

const SECOND_US: i64 = 1_000_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatsQuery {
    /// Only of this mapping.
    mapping_id: Option<String>,
    /// How far back: 60, at most a week.
    #[param(minimum = 1, maximum = 10080)]
    minutes: Option<i64>,
}

/// Points in time order; the last one goes on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stats {
    step_ms: i64,
    points: Vec<Point>,
}

/// What began in one step.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Point {
    /// Its beginning.
    at_us: i64,
    requests: u64,
    status: Classes,
    /// Durations of what has ended: so many percent took no longer.
    p50_us: Option<i64>,
    p95_us: Option<i64>,
    p99_us: Option<i64>,
}

/// Answers by the first digit of their status, and what failed.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, ToSchema)]
struct Classes {
    #[serde(rename = "1xx")]
    informational: u64,
    #[serde(rename = "2xx")]
    success: u64,
    #[serde(rename = "3xx")]
    redirection: u64,
    #[serde(rename = "4xx")]
    client_error: u64,
    #[serde(rename = "5xx")]
    server_error: u64,
    failed: u64,
}

/// How much came through lately, and how long it took.
#[utoipa::path(get, path = "/stats", operation_id = "getStats", tag = "exchanges", params(StatsQuery),
    responses((status = OK, body = Stats)))]
pub(super) async fn read(
    State(api): State<Api>,
    Asked(StatsQuery { mapping_id, minutes }): Asked<StatsQuery>,
) -> Result<Json<Stats>, Problem> {
    let minutes = minutes.unwrap_or(MINUTES);
    if !(1..=MAX_MINUTES).contains(&minutes) {
        let detail = format!("minutes is a number from 1 to {MAX_MINUTES}");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-query", detail));
    }
    let step_us = minutes * 60 * SECOND_US / POINTS;
    // Steps begin at whole ones, so that points stay the same from one look to the next.
    let last = Timestamp::now().as_microsecond() / step_us;
    let first_us = (last - POINTS + 1) * step_us;
    let samples = api.engine.reader().samples_since(first_us, mapping_id).await?;
    in_background(move || {
        Json(Stats { step_ms: step_us / 1000, points: points(&samples, first_us, step_us) })
    })
    .await
}

fn points(samples: &[Sample], first_us: i64, step_us: i64) -> Vec<Point> {
    let mut durations = vec![Vec::new(); POINTS as usize];
    let at = |number: i64| Point { at_us: first_us + number * step_us, ..Point::default() };
    let mut points: Vec<Point> = (0..POINTS).map(at).collect();
    for sample in samples {
        let number = (sample.started_us - first_us).max(0) / step_us;
        let Some(place) = usize::try_from(number).ok().filter(|place| *place < points.len()) else {
            continue;
        };
        let point = &mut points[place];
        point.requests += 1;
        let classes = &mut point.status;
        let class = match (sample.failed, sample.status.map(|status| status / 100)) {
            (true, _) => Some(&mut classes.failed),
            (false, Some(1)) => Some(&mut classes.informational),
            (false, Some(2)) => Some(&mut classes.success),
            (false, Some(3)) => Some(&mut classes.redirection),
            (false, Some(4)) => Some(&mut classes.client_error),
            (false, Some(5)) => Some(&mut classes.server_error),
            _ => None,
        };
        if let Some(class) = class {
            *class += 1;
        }
        durations[place].extend(sample.total_us);
    }
    for (point, durations) in points.iter_mut().zip(&mut durations) {
        durations.sort_unstable();
        point.p50_us = percentile(durations, 50);
        point.p95_us = percentile(durations, 95);
        point.p99_us = percentile(durations, 99);
    }
    points
}

/// The smallest of sorted values that so many percent do not exceed.
fn percentile(sorted: &[i64], percent: usize) -> Option<i64> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(started_us: i64, status: Option<u16>, failed: bool, total_us: Option<i64>) -> Sample {
        Sample { started_us, status, failed, total_us }
    }

    #[test]
    fn samples_fall_into_their_step_and_class() {
        let samples = [
            sample(1000, Some(200), false, Some(10)),
            sample(1099, Some(404), false, Some(30)),
            sample(1100, Some(502), true, Some(5)),
            sample(1101, None, false, None),
            sample(1000 + 100 * POINTS, Some(200), false, None),
        ];
        let points = points(&samples, 1000, 100);
        assert_eq!(points.len(), POINTS as usize);
        assert_eq!((points[0].at_us, points[0].requests, points[1].requests), (1000, 2, 2));
        assert_eq!((points[0].status.success, points[0].status.client_error), (1, 1));
        assert_eq!((points[1].status.failed, points[1].status.server_error), (1, 0));
        assert_eq!((points[0].p50_us, points[0].p99_us, points[1].p50_us), (Some(10), Some(30), Some(5)));
        assert_eq!(points[2], Point { at_us: 1200, ..Point::default() });
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!([50, 95, 99].map(|percent| percentile(&hundred, percent)), [50, 95, 99].map(Some));
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile(&[], 50), None);
    }
}
