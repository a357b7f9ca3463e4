//! What came through: lists, single ones, bodies, and texts to copy.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Zoned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::described::{filter, ignored};
use super::diff::parse_ignore;
use super::extract::{Asked, At};
use super::{Api, Problem, in_background};
use crate::inspect::decode::{self, Decoded, End};
use crate::inspect::diff::Ignore;
use crate::inspect::filter::Filter;
use crate::inspect::recorded;
use crate::inspect::{as_test, copy};
use crate::stand_in::StandIn;
use crate::store::exchanges::{Exchange, Listed};
use crate::target::Target;

/// Rows of one page of a list, unless asked otherwise, and at most.
const PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// What a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// In the filter language: `method:POST status:5xx`.
    #[serde(default)]
    #[param(schema_with = filter)]
    filter: String,
    /// Rows wanted: 100, at most 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only those before this id: the last page's `next_before`.
    before: Option<i64>,
}

/// A page of a list, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List {
    exchanges: Vec<Listed>,
    /// What to ask `before` for the next page; null: there is none.
    next_before: Option<i64>,
    /// How many there are in all, where that is known at no cost.
    total: Option<i64>,
}

/// One exchange with its heads.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Detail {
    #[serde(flatten)]
    row: Listed,
    request: Half,
    /// Null: no answer came.
    response: Option<Half>,
    /// The request's head as the local service got it; null: as it came.
    sent: Option<Sent>,
    /// Ids of its replays.
    replays: Vec<i64>,
    /// Requests that its answer is for while the service is down; null: it stands in for nothing.
    stand_in: Option<StandIn>,
}

/// A request's head as the local service got it: with other hosts, or another framing.
#[derive(Debug, Serialize, ToSchema)]
struct Sent {
    line: String,
    /// Name and value, in order and case.
    fields: Vec<[String; 2]>,
}

/// A head, and what there is of its body.
#[derive(Debug, Serialize, ToSchema)]
struct Half {
    /// The first line as it came; empty for raw TCP.
    line: String,
    /// Name and value, in order and case. Bytes that are no UTF-8 are shown as �.
    fields: Vec<[String; 2]>,
    /// Fields that came after the body.
    trailers: Vec<[String; 2]>,
    /// As it passed.
    body_bytes: u64,
    /// Of it, kept: always its beginning.
    body_kept: u64,
    truncated: bool,
    /// Like `application/json`.
    media_type: Option<String>,
    charset: Option<String>,
    /// Content codings, the one put on first first.
    encoding: Vec<String>,
}

impl Half {
    fn new((head, trailers): &(Vec<u8>, Vec<u8>), bytes: i64, kept: i64) -> Self {
        let (line, fields) = recorded::parse_head(head);
        let encoding = recorded::content_encoding(&fields);
        let codings = encoding.split(',').map(|coding| coding.trim().to_ascii_lowercase());
        Self {
            line,
            body_bytes: bytes.max(0) as u64,
            body_kept: kept.max(0) as u64,
            truncated: kept < bytes,
            media_type: recorded::media_type(&fields),
            charset: recorded::charset(&fields),
            encoding: codings.filter(|coding| !coding.is_empty()).collect(),
            fields: shown(fields),
            trailers: shown(recorded::parse_fields(trailers)),
        }
    }
}

impl Sent {
    fn new(head: &[u8]) -> Self {
        let (line, fields) = recorded::parse_head(head);
        Self { line, fields: shown(fields) }
    }
}

fn shown(fields: recorded::Fields) -> Vec<[String; 2]> {
    fields.into_iter().map(|(name, value)| [name, String::from_utf8_lossy(&value).into_owned()]).collect()
}

/// Exchanges, the newest first.
#[utoipa::path(get, path = "/exchanges", operation_id = "listExchanges", tag = "exchanges", params(ListQuery),
    responses((status = OK, body = List)))]
pub(super) async fn list(
    State(api): State<Api>,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<List>, Problem> {
    let filter = parse_filter(&asked.filter)?;
    let limit = page_size(asked.limit)?;
    let reader = api.engine.reader();
    // One more tells whether there is a further page.
    let mut found = reader.exchanges_before(&filter, &Zoned::now(), asked.before, limit + 1).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_before = found.last().filter(|_| more).map(|last| last.id);
    let total = match (asked.before, more) {
        (None, false) => Some(found.len() as i64),
        (None, true) if filter.terms.is_empty() => Some(reader.count_exchanges().await?),
        _ => None,
    };
    Ok(Json(List { exchanges: found.into_iter().map(Listed::from).collect(), next_before, total }))
}

/// How many rows are wanted.
pub(super) fn page_size(asked: Option<u32>) -> Result<u32, Problem> {
    let asked = asked.unwrap_or(PAGE);
    if (1..=MAX_PAGE).contains(&asked) {
        return Ok(asked);
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid-query",
        format!("limit is a number from 1 to {MAX_PAGE}"),
    ))
}

pub(super) fn parse_filter(text: &str) -> Result<Filter, Problem> {
    Filter::parse(text).map_err(|error| Problem::field("invalid-filter", "filter", error.to_string()))
}

/// One exchange with its heads.
#[utoipa::path(get, path = "/exchanges/{id}", operation_id = "getExchange", tag = "exchanges", params(("id" = i64, Path)),
    responses((status = OK, body = Detail)))]
pub(super) async fn one(State(api): State<Api>, At(id): At<i64>) -> Result<Json<Detail>, Problem> {
    let heads = api.engine.reader().exchange_heads(id).await?;
    let summary = &heads.summary;
    let request = Half::new(&heads.request, summary.request_bytes, summary.request_kept);
    let response = heads.response.map(|head| Half::new(&head, summary.response_bytes, summary.response_kept));
    let sent = heads.sent.as_deref().map(Sent::new);
    let stand_in = api.engine.reader().stand_in_of(id).await?;
    Ok(Json(Detail { row: heads.summary.into(), request, response, sent, replays: heads.replays, stand_in }))
}

/// Which of an exchange's two bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    Request,
    Response,
}

/// How a body is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum BodyView {
    /// With its content codings taken off.
    #[default]
    Decoded,
    /// As it passed.
    Raw,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BodyQuery {
    #[serde(default)]
    #[param(inline, required = false)]
    view: BodyView,
}

/// A body's bytes, as far as they were kept. Never as a page: whoever sent them is a stranger.
#[utoipa::path(get, path = "/exchanges/{id}/{side}/body", operation_id = "getBody", tag = "exchanges",
    params(("id" = i64, Path), ("side" = inline(Side), Path), BodyQuery),
    responses(
        (status = OK, content_type = "application/octet-stream", body = [u8], headers(
            ("porthole-media-type" = String, description = "What its head says it is"),
            ("porthole-truncated" = String, description = "`true`: only its beginning was kept"),
            ("porthole-decode-error" = String,
                description = "Why decoding stopped: `cut`, `bound`, `broken` or `unknown`")))))]
pub(super) async fn body(
    State(api): State<Api>,
    At((id, side)): At<(i64, Side)>,
    Asked(query): Asked<BodyQuery>,
) -> Result<Response, Problem> {
    let exchange = api.engine.reader().exchange(id).await?;
    let half = match side {
        Side::Request => Some(exchange.request),
        Side::Response => exchange.response,
    };
    let half = half.ok_or_else(|| Problem::not_found(format!("exchange {id} has no response")))?;
    let (_, fields) = recorded::parse_head(&half.head);
    let truncated = half.body.is_truncated();
    let (bytes, error) = match query.view {
        BodyView::Raw => (half.body.data, None),
        BodyView::Decoded => {
            let encoding = recorded::content_encoding(&fields);
            in_background(move || decoded(&encoding, half.body.data)).await?
        }
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::CONTENT_SECURITY_POLICY, "sandbox"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let media_type = recorded::media_type(&fields).and_then(|media| HeaderValue::from_str(&media).ok());
    if let Some(media_type) = media_type {
        headers.insert("porthole-media-type", media_type);
    }
    headers.insert("porthole-truncated", HeaderValue::from_static(if truncated { "true" } else { "false" }));
    if let Some(error) = error {
        headers.insert("porthole-decode-error", HeaderValue::from_static(error));
    }
    Ok(response)
}

/// The body with its codings taken off, and why that stopped early.
fn decoded(encoding: &str, data: Vec<u8>) -> (Vec<u8>, Option<&'static str>) {
    match decode::decode(encoding, &data) {
        Ok(Decoded { bytes, end }) => {
            let error = match end {
                End::Whole => None,
                End::Cut => Some("cut"),
                End::Bound => Some("bound"),
                End::Broken => Some("broken"),
            };
            (bytes, error)
        }
        Err(_) => (data, Some("unknown")),
    }
}

/// How a request is written to be pasted elsewhere, or with its answer as a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CopyFormat {
    Curl,
    Fetch,
    Httpie,
    Raw,
    /// A test of the answer: a shell script.
    #[serde(rename = "test-sh")]
    TestSh,
    /// The same for Node's runner.
    #[serde(rename = "test-node")]
    TestNode,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CopyQuery {
    /// Of tests: what is not compared, with commas: `$.timestamp,$..id,header:content-type`.
    #[serde(default)]
    #[param(schema_with = ignored)]
    ignore: String,
}

/// A text to paste.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Copied {
    text: String,
}

/// The request as a command, as JavaScript, or as it came; or the whole exchange as a test that is ready to run.
#[utoipa::path(get, path = "/exchanges/{id}/copy/{format}", operation_id = "copyRequest", tag = "exchanges",
    params(("id" = i64, Path), ("format" = inline(CopyFormat), Path), CopyQuery),
    responses((status = OK, body = Copied)))]
pub(super) async fn copy(
    State(api): State<Api>,
    At((id, format)): At<(i64, CopyFormat)>,
    Asked(CopyQuery { ignore }): Asked<CopyQuery>,
) -> Result<Json<Copied>, Problem> {
    let ignore = parse_ignore(&ignore)?;
    let exchange = api.engine.reader().exchange(id).await?;
    if exchange.summary.kind == "tcp" {
        let detail = format!("exchange {id} is a raw TCP connection: there is no request to copy");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-request", detail));
    }
    let target = api.engine.target_of(&exchange.summary.mapping_id).await?;
    in_background(move || match copied(&exchange, format, target, &ignore) {
        Some(text) => Ok(Json(Copied { text })),
        None => Err(no_test(id)),
    })
    .await?
}

/// None where a test is asked for and there is no answer to expect.
fn copied(
    exchange: &Exchange,
    format: CopyFormat,
    target: Option<Target>,
    ignore: &Ignore,
) -> Option<String> {
    let request = exchange.recorded_request();
    let kind = match format {
        CopyFormat::Curl => return Some(copy::curl(&request)),
        CopyFormat::Fetch => return Some(copy::fetch(&request)),
        CopyFormat::Httpie => return Some(copy::httpie(&request)),
        CopyFormat::Raw => {
            let bytes = [exchange.request.head.as_slice(), &exchange.request.body.data].concat();
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        CopyFormat::TestSh => as_test::script,
        CopyFormat::TestNode => as_test::node,
    };
    exchange.as_test(target, ignore, kind)
}

fn no_test(id: i64) -> Problem {
    let detail = format!("exchange {id} is no request with an answer: there is nothing to test");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-response", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_tells_what_its_head_says() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=UTF-8\r\ncontent-encoding: gzip\r\n\
                     Content-Encoding: br\r\nX: \xff\r\n\r\n";
        let half = Half::new(&(head.to_vec(), b"Sum: 1\r\n".to_vec()), 10, 4);
        assert_eq!(half.trailers, [["Sum", "1"]]);
        assert_eq!(half.line, "HTTP/1.1 200 OK");
        assert_eq!((half.media_type.as_deref(), half.charset.as_deref()), (Some("text/html"), Some("utf-8")));
        assert_eq!(half.encoding, ["gzip", "br"]);
        assert!(half.truncated);
        assert_eq!(half.fields[3], ["X", "\u{fffd}"]);
        assert!(!Half::new(&Default::default(), 0, 0).truncated);
    }

    #[test]
    fn an_unknown_coding_leaves_the_bytes_and_says_so() {
        assert_eq!(decoded("wat", vec![1, 2]), (vec![1, 2], Some("unknown")));
        assert_eq!(decoded("", vec![1, 2]), (vec![1, 2], None));
        assert_eq!(decoded("gzip", vec![1; 64]).1, Some("broken"));
    }
}
