//! Conditions on a request beside host and path.

use porthole_link::control::Match;

use super::RouteRequest;

/// Whether all of `conditions` hold.
pub(super) fn all_hold(conditions: &[Match], request: &RouteRequest<'_>) -> bool {
    conditions.iter().all(|condition| holds(condition, request))
}

fn holds(condition: &Match, request: &RouteRequest<'_>) -> bool {
    match condition {
        Match::Header { name, value } => {
            request.fields.get_all(name).any(|found| value.as_deref().is_none_or(|v| v.as_bytes() == found))
        }
        Match::Query { name, value } => {
            let query = request.query.unwrap_or_default();
            url::form_urlencoded::parse(query.as_bytes())
                .any(|(found, v)| found == *name && value.as_deref().is_none_or(|value| value == v))
        }
        Match::Cookie { name, value } => cookies(request).any(|(found, v)| {
            found == name.as_bytes() && value.as_deref().is_none_or(|value| value.as_bytes() == v)
        }),
    }
}

fn cookies<'a>(request: &RouteRequest<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    request.fields.get_all("cookie").flat_map(|line| line.split(|&b| b == b';')).filter_map(|pair| {
        let pair = pair.trim_ascii();
        let equals = pair.iter().position(|&b| b == b'=')?;
        Some((&pair[..equals], &pair[equals + 1..]))
    })
}
