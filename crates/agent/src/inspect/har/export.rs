//! Exchanges to an archive.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::decode::{End, decode};
use super::super::recorded::{Fields, Recorded, RecordedRequest, RecordedResponse, field, told_bytes};
use super::import::split_url;
use super::model::{
    Cache, Content, Creator, Entry, Har, Log, Own, Pair, PostData, Request, Response, Timings,
};

/// The archive of these exchanges, as JSON. Nothing is taken out of it: what must not leave the
/// machine is to be taken out before.
///
/// # Errors
/// None in practice: every text and number in it can be written as JSON.
pub fn export<'a>(exchanges: impl IntoIterator<Item = &'a Recorded>) -> Result<String, serde_json::Error> {
    let entries = exchanges.into_iter().map(entry).collect();
    let creator = Creator { name: "Porthole", version: env!("CARGO_PKG_VERSION") };
    serde_json::to_string_pretty(&Har { log: Log { version: "1.2", creator, entries } })
}

fn entry(recorded: &Recorded) -> Entry {
    let times = &recorded.timings;
    let micros = |time: Option<Duration>| time.and_then(|time| u64::try_from(time.as_micros()).ok());
    let connect = times.connect.map_or(-1.0, millis);
    let first = times.first_byte.or(times.total).unwrap_or_default();
    let wait = millis(first.saturating_sub(times.connect.unwrap_or_default()));
    let receive = millis(times.total.unwrap_or(first).saturating_sub(first));
    let url = recorded.request.url();
    let told = split_url(&url).is_some_and(|(_, _, target)| target == recorded.request.target);
    Entry {
        started_date_time: recorded.started.to_string(),
        time: connect.max(0.0) + wait + receive,
        response: recorded.response.as_ref().map_or_else(no_answer, response),
        cache: Cache {},
        timings: Timings { blocked: -1.0, dns: -1.0, connect, send: 0.0, wait, receive, ssl: -1.0 },
        own: Own {
            id: recorded.id,
            target: (!told).then(|| recorded.request.target.clone()),
            request_bytes: recorded.request.body_bytes,
            response_bytes: recorded.response.as_ref().map_or(0, |response| response.body_bytes),
            error: recorded.error.clone(),
            connect_us: micros(times.connect),
            first_byte_us: micros(times.first_byte),
            total_us: micros(times.total),
            link_us: micros(times.link),
            gateway_us: micros(times.gateway),
        },
        request: request(&recorded.request, url),
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn request(request: &RecordedRequest, url: String) -> Request {
    let query = request.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let post_data = (!request.body.is_empty()).then(|| {
        let (text, encoding) = text_or_base64(&request.body);
        PostData {
            mime_type: content_type(&request.fields),
            text,
            encoding,
            comment: kept(request.body.len(), request.body_bytes),
        }
    });
    Request {
        method: request.method.clone(),
        url,
        http_version: "HTTP/1.1",
        cookies: request_cookies(&request.fields),
        headers: headers(&request.fields),
        query_string: url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| pair(name.into_owned(), value.into_owned()))
            .collect(),
        post_data,
        trailers: headers(&request.trailers),
        headers_size: -1,
        body_size: request.body_bytes,
    }
}

fn response(response: &RecordedResponse) -> Response {
    let coding = field(&response.fields, "content-encoding").map(String::from_utf8_lossy);
    let decoded = coding
        .and_then(|coding| decode(&coding, &response.body).ok())
        .filter(|decoded| decoded.end == End::Whole && decoded.bytes != response.body);
    let raw = decoded.is_some().then(|| STANDARD.encode(&response.body));
    let shown = decoded.map_or_else(|| response.body.clone(), |decoded| decoded.bytes);
    let (text, encoding) = text_or_base64(&shown);
    let redirect = field(&response.fields, "location").map(String::from_utf8_lossy);
    Response {
        status: response.status,
        status_text: response.reason.clone(),
        http_version: response.version.clone(),
        cookies: response_cookies(&response.fields),
        headers: headers(&response.fields),
        content: Content {
            size: shown.len(),
            mime_type: content_type(&response.fields),
            text,
            encoding,
            raw,
            comment: kept(response.body.len(), response.body_bytes),
        },
        trailers: headers(&response.trailers),
        redirect_url: redirect.unwrap_or_default().into_owned(),
        headers_size: -1,
        body_size: response.body_bytes,
    }
}

/// What browsers write where no answer came.
fn no_answer() -> Response {
    response(&RecordedResponse::default())
}

fn kept(kept: usize, whole: u64) -> Option<String> {
    ((kept as u64) < whole).then(|| format!("the first {kept} of {whole} bytes"))
}

fn content_type(fields: &Fields) -> String {
    field(fields, "content-type").map(String::from_utf8_lossy).unwrap_or_default().into_owned()
}

/// The encoding is told where it is not text.
fn text_or_base64(bytes: &[u8]) -> (String, Option<&'static str>) {
    let (text, encoding) = told_bytes(bytes);
    (text, Some(encoding).filter(|encoding| *encoding != "utf-8"))
}

fn pair(name: String, value: String) -> Pair {
    Pair { name, value, base64: None }
}

fn headers(fields: &Fields) -> Vec<Pair> {
    let header = |(name, value): &(String, Vec<u8>)| match std::str::from_utf8(value) {
        Ok(text) => pair(name.clone(), text.to_owned()),
        Err(_) => Pair {
            base64: Some(STANDARD.encode(value)),
            ..pair(name.clone(), String::from_utf8_lossy(value).into_owned())
        },
    };
    fields.iter().map(header).collect()
}

fn values<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let named = move |(given, _): &&(String, Vec<u8>)| given.eq_ignore_ascii_case(name);
    fields.iter().filter(named).map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

fn cookie(text: &str) -> Option<Pair> {
    let (name, value) = text.trim().split_once('=')?;
    Some(pair(name.to_owned(), value.to_owned()))
}

fn request_cookies(fields: &Fields) -> Vec<Pair> {
    values(fields, "cookie").flat_map(|line| line.split(';').filter_map(cookie).collect::<Vec<_>>()).collect()
}

fn response_cookies(fields: &Fields) -> Vec<Pair> {
    values(fields, "set-cookie").filter_map(|line| cookie(line.split(';').next()?)).collect()
}
