//! The members of HAR 1.2 that are written, in the order of its description.

use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Har {
    pub log: Log,
}

#[derive(Serialize)]
pub(super) struct Log {
    pub version: &'static str,
    pub creator: Creator,
    pub entries: Vec<Entry>,
}

#[derive(Serialize)]
pub(super) struct Creator {
    pub name: &'static str,
    pub version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub started_date_time: String,
    /// Milliseconds: the sum of `timings`.
    pub time: f64,
    pub request: Request,
    pub response: Response,
    pub cache: Cache,
    pub timings: Timings,
    #[serde(rename = "_porthole")]
    pub own: Own,
}

/// Nothing is said of caches.
#[derive(Serialize)]
pub(super) struct Cache {}

/// What the format has no place for.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Own {
    pub id: i64,
    /// Where the URL does not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    pub request_bytes: u64,
    pub response_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub connect_us: Option<u64>,
    pub first_byte_us: Option<u64>,
    pub total_us: Option<u64>,
    pub link_us: Option<u64>,
    pub gateway_us: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub method: String,
    pub url: String,
    pub http_version: &'static str,
    pub cookies: Vec<Pair>,
    pub headers: Vec<Pair>,
    pub query_string: Vec<Pair>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_data: Option<PostData>,
    /// Fields after the body.
    #[serde(rename = "_trailers", skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<Pair>,
    pub headers_size: i64,
    pub body_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    pub status: u16,
    pub status_text: String,
    pub http_version: String,
    pub cookies: Vec<Pair>,
    pub headers: Vec<Pair>,
    pub content: Content,
    /// Fields after the body.
    #[serde(rename = "_trailers", skip_serializing_if = "Vec::is_empty")]
    pub trailers: Vec<Pair>,
    #[serde(rename = "redirectURL")]
    pub redirect_url: String,
    pub headers_size: i64,
    pub body_size: u64,
}

/// A name with a value: a field, a cookie, a part of a query.
#[derive(Serialize)]
pub(super) struct Pair {
    pub name: String,
    pub value: String,
    /// The value's bytes where they are no UTF-8.
    #[serde(rename = "_base64", skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostData {
    pub mime_type: String,
    pub text: String,
    #[serde(rename = "_encoding", skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Content {
    /// Bytes of what `text` holds, decoded.
    pub size: usize,
    pub mime_type: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// The bytes as they came, in base64, where `text` is decoded.
    #[serde(rename = "_raw", skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Milliseconds; -1: does not apply.
#[derive(Serialize)]
pub(super) struct Timings {
    pub blocked: f64,
    pub dns: f64,
    pub connect: f64,
    pub send: f64,
    pub wait: f64,
    pub receive: f64,
    pub ssl: f64,
}
