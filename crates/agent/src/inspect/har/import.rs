//! An archive to exchanges: ours back as they were, those of browsers as far as they tell.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::super::decode::{End, decode};
use super::super::recorded::{Fields, Recorded, RecordedRequest, RecordedResponse, Timings, field};
use super::{MAX_ENTRIES, MAX_FIELDS, MAX_HAR_BYTES};

/// Why an archive cannot be read. Entries are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the archive is larger than {} MiB", MAX_HAR_BYTES / 1024 / 1024)]
    TooLarge,
    #[error("this is no HAR archive: {0}")]
    Json(#[source] serde_json::Error),
    #[error("this is no HAR archive: it has no list log.entries")]
    NoEntries,
    #[error("the archive has more than {MAX_ENTRIES} entries")]
    TooManyEntries,
    #[error("entry {entry}: {field} {problem}")]
    Entry { entry: usize, field: String, problem: &'static str },
}

/// What an archive holds. Entries are counted from 1.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// Each with its entry.
    pub exchanges: Vec<(usize, Recorded)>,
    /// Entries that are none, and why.
    pub left_out: Vec<(usize, &'static str)>,
}

/// Reads an archive. What browsers leave out is taken for nothing; only what makes no exchange at
/// all (no method, no URL, no time) is an error. What a page has loaded from within itself (`data:`) is left out.
///
/// # Errors
/// [`ImportError`], which names entry and field.
pub fn import(archive: &[u8]) -> Result<Archive, ImportError> {
    if archive.len() > MAX_HAR_BYTES {
        return Err(ImportError::TooLarge);
    }
    // Some tools on Windows begin with a byte order mark.
    let archive = archive.strip_prefix(b"\xef\xbb\xbf").unwrap_or(archive);
    let archive: Value = serde_json::from_slice(archive).map_err(ImportError::Json)?;
    let entries = archive.pointer("/log/entries").and_then(Value::as_array).ok_or(ImportError::NoEntries)?;
    if entries.len() > MAX_ENTRIES {
        return Err(ImportError::TooManyEntries);
    }
    let mut read = Archive::default();
    for (number, entry) in (1..).zip(entries) {
        let entry = Reader(entry).entry().map_err(|(field, problem)| ImportError::Entry {
            entry: number,
            field: field.trim_start_matches('/').replace('/', "."),
            problem,
        })?;
        match entry {
            Some(exchange) => read.exchanges.push((number, exchange)),
            None => read.left_out.push((number, NOT_ASKED_OVER_HTTP)),
        }
    }
    Ok(read)
}

/// What the scheme of a URL that HTTP brings is called here.
fn scheme(url: &str) -> Option<&'static str> {
    let (scheme, _) = url.split_once(':')?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => Some("http"),
        "https" | "wss" => Some("https"),
        _ => None,
    }
}

/// Scheme, authority and target of a URL, byte for byte; a fragment is no part of a target.
pub(super) fn split_url(url: &str) -> Option<(&str, &str, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if scheme.is_empty() || host.is_empty() {
        return None;
    }
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Some((scheme, host, target))
}

const NO_URL: &str = "is no URL with a scheme and a host";

/// A browser lists what it made up itself, too.
const NOT_ASKED_OVER_HTTP: &str = "its URL is none that is asked for over HTTP";

/// Where it is, and what is wrong with it.
type Wrong = (String, &'static str);

/// One entry; places are JSON pointers into it.
struct Reader<'a>(&'a Value);

impl<'a> Reader<'a> {
    fn at(&self, place: &str) -> Option<&'a Value> {
        self.0.pointer(place).filter(|value| !value.is_null())
    }

    /// A text; absent is `None`, another type an error.
    fn text(&self, place: &str) -> Result<Option<&'a str>, Wrong> {
        self.at(place).map(|value| value.as_str().ok_or_else(|| (place.to_owned(), "is no text"))).transpose()
    }

    fn needed(&self, place: &str) -> Result<&'a str, Wrong> {
        self.text(place)?.filter(|text| !text.is_empty()).ok_or_else(|| (place.to_owned(), "is missing"))
    }

    fn whole(&self, place: &str) -> Option<u64> {
        self.at(place)?.as_u64()
    }

    /// None: nothing was asked for over HTTP.
    fn entry(&self) -> Result<Option<Recorded>, Wrong> {
        let url = self.needed("/request/url")?;
        let started: Timestamp = self
            .needed("/startedDateTime")?
            .parse()
            .map_err(|_| ("/startedDateTime".to_owned(), "is no time"))?;
        let method = self.needed("/request/method")?;
        let Some(scheme) = scheme(url) else {
            // Without any scheme it is a mistake.
            return if url.contains(':') { Ok(None) } else { Err(("/request/url".to_owned(), NO_URL)) };
        };
        let response = self.response()?;
        let error = ["/_porthole/error", "/_error", "/response/_error"]
            .into_iter()
            .find_map(|place| self.at(place)?.as_str())
            .map(str::to_owned);
        Ok(Some(Recorded {
            id: self.at("/_porthole/id").and_then(Value::as_i64).unwrap_or_default(),
            started,
            request: self.request(method, scheme, url)?,
            error,
            response,
            timings: self.timings(),
        }))
    }

    fn request(&self, method: &str, scheme: &str, url: &str) -> Result<RecordedRequest, Wrong> {
        let (_, host, target) = split_url(url).ok_or_else(|| ("/request/url".to_owned(), NO_URL))?;
        let body = match self.text("/request/postData/text")? {
            Some(text) => bytes(text, self.text("/request/postData/_encoding")?)
                .ok_or_else(|| ("/request/postData/text".to_owned(), "is not the base64 that it says"))?,
            None => self.form(),
        };
        Ok(RecordedRequest {
            method: method.to_owned(),
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            target: self.text("/_porthole/target")?.map_or(target, str::to_owned),
            fields: self.fields("/request/headers")?,
            trailers: self.fields("/request/_trailers")?,
            body_bytes: self.whole("/_porthole/requestBytes").unwrap_or(0).max(body.len() as u64),
            body,
        })
    }

    /// Some browsers tell a form by its parameters only.
    fn form(&self) -> Vec<u8> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for parameter in self.at("/request/postData/params").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
            form.append_pair(text("name"), text("value"));
        }
        form.finish().into_bytes()
    }

    /// Status 0 is how browsers write that there was no answer.
    fn response(&self) -> Result<Option<RecordedResponse>, Wrong> {
        let place = "/response/status";
        let status = match self.at(place) {
            None => 0,
            Some(value) => value
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .ok_or_else(|| (place.to_owned(), "is no status"))?,
        };
        if status == 0 {
            return Ok(None);
        }
        let mut fields = self.fields("/response/headers")?;
        let wrong = |place: &str| (place.to_owned(), "is not the base64 that it says");
        let body = if let Some(raw) = self.text("/response/content/_raw")? {
            STANDARD.decode(raw).map_err(|_| wrong("/response/content/_raw"))?
        } else {
            let text = self.text("/response/content/text")?.unwrap_or_default();
            let encoding = self.text("/response/content/encoding")?;
            let body = bytes(text, encoding).ok_or_else(|| wrong("/response/content/text"))?;
            if self.at("/_porthole").is_none() {
                forget_coding(&mut fields, &body);
            }
            body
        };
        // A browser that left the text out still tells its size.
        let size = self.whole("/_porthole/responseBytes").or_else(|| self.whole("/response/content/size"));
        Ok(Some(RecordedResponse {
            status,
            reason: self.text("/response/statusText")?.unwrap_or_default().to_owned(),
            version: self.text("/response/httpVersion")?.unwrap_or_default().to_owned(),
            fields,
            trailers: self.fields("/response/_trailers")?,
            body_bytes: size.unwrap_or(0).max(body.len() as u64),
            body,
        }))
    }

    fn fields(&self, place: &str) -> Result<Fields, Wrong> {
        let Some(list) = self.at(place) else {
            return Ok(Vec::new());
        };
        let list = list.as_array().ok_or_else(|| (place.to_owned(), "is no list"))?;
        if list.len() > MAX_FIELDS {
            return Err((place.to_owned(), "has more than 1000 fields"));
        }
        let mut fields = Vec::new();
        for (index, item) in list.iter().enumerate() {
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            let wrong = |what| (format!("{place}/{index}"), what);
            let name = text("name").ok_or_else(|| wrong("has no name"))?;
            // HTTP/2's own, which the URL and the status tell already.
            if name.starts_with(':') {
                continue;
            }
            if let Some(value) = text("_base64") {
                let value = STANDARD.decode(value).map_err(|_| wrong("is not the base64 that it says"))?;
                fields.push((name.to_owned(), value));
            } else {
                // Chromium writes a field that came several times as one, a line each.
                let values = text("value").unwrap_or_default().split('\n');
                fields.extend(values.map(|value| (name.to_owned(), value.as_bytes().to_vec())));
            }
        }
        Ok(fields)
    }

    fn timings(&self) -> Timings {
        if let Some(own) = self.at("/_porthole") {
            let time = |name: &str| own.get(name).and_then(Value::as_u64).map(Duration::from_micros);
            return Timings {
                connect: time("connectUs"),
                first_byte: time("firstByteUs"),
                total: time("totalUs"),
                link: time("linkUs"),
                gateway: time("gatewayUs"),
            };
        }
        // -1 is “does not apply”; what is beyond a day is no time of a request.
        let millis = |place: &str| {
            let value = self.at(place)?.as_f64().filter(|millis| (0.0..=86_400_000.0).contains(millis))?;
            Some(Duration::from_micros((value * 1000.0).round() as u64))
        };
        let before = ["blocked", "dns", "connect", "send", "wait"];
        let first: Duration = before.iter().filter_map(|name| millis(&format!("/timings/{name}"))).sum();
        Timings {
            connect: millis("/timings/connect"),
            first_byte: (!first.is_zero()).then_some(first),
            total: millis("/time"),
            ..Timings::default()
        }
    }
}

fn bytes(text: &str, encoding: Option<&str>) -> Option<Vec<u8>> {
    match encoding {
        Some("base64") => STANDARD.decode(text).ok(),
        _ => Some(text.as_bytes().to_vec()),
    }
}

/// Browsers write bodies decoded beside the field that says they are coded: without it, the body is
/// what it says it is.
fn forget_coding(fields: &mut Fields, body: &[u8]) {
    let coding = field(fields, "content-encoding").map(|coding| String::from_utf8_lossy(coding).into_owned());
    let coded =
        coding.is_none_or(|coding| decode(&coding, body).is_ok_and(|decoded| decoded.end == End::Whole));
    if !coded || body.is_empty() {
        fields.retain(|(name, _)| !name.eq_ignore_ascii_case("content-encoding"));
    }
}
