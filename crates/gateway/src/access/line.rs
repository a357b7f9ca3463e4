//! One line of the access log, and how much of what a visitor sent it may hold.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use porthole_http1::{Fields, RequestHead, Version};
use serde::{Serialize, Serializer};

use super::mask::masked;

/// Bytes of a target, a host, a method and a user agent that are told; what is longer is cut. Beside a few
/// hundred bytes of our own, a line is then below 4 KiB.
const TARGET_BYTES: usize = 2_048;
const HOST_BYTES: usize = 255;
const METHOD_BYTES: usize = 32;
const AGENT_BYTES: usize = 256;

/// One exchange, as the log tells it.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// When the request's head had been read.
    #[serde(serialize_with = "to_the_millisecond")]
    pub(super) time: Timestamp,
    pub(super) request_id: String,
    pub(super) visitor: IpAddr,
    #[serde(flatten)]
    pub(super) asked: Asked,
    /// None: nothing was answered.
    pub(super) status: Option<u16>,
    /// Why the gateway answered in the service's place: the value of `porthole-error`.
    pub(super) code: Option<String>,
    /// `done`, `broken` or `cancelled`.
    pub(super) outcome: &'static str,
    /// Of the bodies, and of what follows a 101.
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) ms: f64,
    /// Until the answer's head was there.
    pub(super) first_byte_ms: Option<f64>,
    pub(super) mapping_id: Option<String>,
    pub(super) mapping: Option<String>,
    pub(super) subject: Option<Arc<str>>,
}

/// What was asked, before the head is made fit for the service.
#[derive(Debug, Default, Serialize)]
pub(super) struct Asked {
    pub(super) method: Option<String>,
    pub(super) host: Option<String>,
    /// With the query, its secrets masked.
    pub(super) path: Option<String>,
    pub(super) protocol: Option<&'static str>,
    pub(super) user_agent: Option<String>,
    pub(super) trace_id: Option<String>,
}

impl Asked {
    pub(super) fn of(head: &RequestHead) -> Self {
        let protocol = match head.version {
            Version::Http10 => "http/1.0",
            Version::Http11 => "http/1.1",
            Version::Http2 => "http/2",
        };
        Self {
            method: Some(cut(&head.method, METHOD_BYTES)),
            host: head.authority().map(|host| cut(host, HOST_BYTES)),
            path: Some(cut(&masked(&head.target), TARGET_BYTES)),
            protocol: Some(protocol),
            user_agent: head
                .fields
                .get("user-agent")
                .map(|agent| cut(&String::from_utf8_lossy(agent), AGENT_BYTES)),
            trace_id: trace_id(&head.fields).map(str::to_owned),
        }
    }
}

/// The trace that the request is a part of. Source: W3C Trace Context §3.2 (version 00, and what later
/// versions begin with).
fn trace_id(fields: &Fields) -> Option<&str> {
    let mut given = fields.get_all("traceparent");
    let only = given.next().filter(|_| given.next().is_none())?;
    let mut parts = std::str::from_utf8(only).ok()?.trim().split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let good = version.len() == 2 && is_hex(version) && version != "ff" && id.len() == 32 && is_hex(id);
    (good && id.bytes().any(|byte| byte != b'0')).then_some(id)
}

/// At most `bytes` of a text, whole characters.
fn cut(text: &str, bytes: usize) -> String {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn to_the_millisecond<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, pairs: &[(&str, &str)]) -> RequestHead {
        let fields = pairs.iter().copied().collect();
        RequestHead { method: "GET".into(), target: target.into(), version: Version::Http11, fields }
    }

    #[test]
    fn a_line_is_bounded_whatever_a_visitor_sends() {
        let long = "é".repeat(40_000);
        let mut head = head(&format!("/{long}"), &[("Host", "a.example"), ("User-Agent", &long)]);
        head.method = "M".repeat(40_000);
        let asked = Asked::of(&head);
        assert_eq!(asked.path.as_ref().map(String::len), Some(TARGET_BYTES - 1), "whole characters only");
        assert_eq!(asked.user_agent.as_ref().map(String::len), Some(AGENT_BYTES));
        assert_eq!(asked.method.as_ref().map(String::len), Some(METHOD_BYTES));
        assert!(serde_json::to_string(&asked).unwrap().len() < 4 * 1024);
    }

    #[test]
    fn a_trace_is_named_where_its_parent_is_told_once_and_well() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let told = |values: &[&str]| {
            let fields: Fields = values.iter().map(|value| ("traceparent", *value)).collect();
            trace_id(&fields).map(str::to_owned)
        };
        let good = format!("00-{id}-00f067aa0ba902b7-01");
        assert_eq!(told(&[&good]).as_deref(), Some(id));
        assert_eq!(told(&[&format!("cc-{id}-00f067aa0ba902b7-01-later")]).as_deref(), Some(id));
        let zeros = "0".repeat(32);
        for wrong in [
            "",
            "00",
            &format!("ff-{id}-00f067aa0ba902b7-01"),
            &format!("00-{zeros}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", &id[1..]),
        ] {
            assert_eq!(told(&[wrong]), None, "{wrong}");
        }
        assert_eq!(told(&[&good, &good]), None);
    }

    #[test]
    fn a_line_is_json_with_a_time_to_the_millisecond() {
        let line = Line {
            time: "2026-01-02T03:04:05.678901Z".parse().unwrap(),
            request_id: "r1".into(),
            visitor: [192, 0, 2, 1].into(),
            asked: Asked::of(&head("/a?token=canary&b=\u{1b}", &[("Host", "a.example")])),
            status: None,
            code: None,
            outcome: "cancelled",
            bytes_in: 1,
            bytes_out: 2,
            ms: 1.5,
            first_byte_ms: None,
            mapping_id: None,
            mapping: None,
            subject: Some("alice".into()),
        };
        let text = serde_json::to_string(&line).unwrap();
        assert!(!text.contains("canary") && !text.contains('\u{1b}'), "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["time"], "2026-01-02T03:04:05.678Z");
        assert_eq!((&json["method"], &json["host"]), (&"GET".into(), &"a.example".into()));
        assert_eq!((&json["protocol"], &json["visitor"]), (&"http/1.1".into(), &"192.0.2.1".into()));
        assert_eq!((&json["status"], &json["subject"]), (&serde_json::Value::Null, &"alice".into()));
    }
}
