//! One head, or one trailer section, out of bytes that hold exactly that.
//!
//! httparse tokenises; what it takes leniently was refused before ([`crate::scan`] takes CRLF only)
//! or is refused here.

use std::mem::MaybeUninit;

use httparse::{EMPTY_HEADER, Error, Header, Status};

use crate::framing::{Announced, Asked};
use crate::names::{Known, is_forbidden_trailer, known};
use crate::target::{Form, form, is_authority, is_target};
use crate::{Fields, Framing, Limits, Refusal, RequestHead, ResponseHead, Version};

/// Fields for which the tokeniser's table lives on the stack; larger limits pay an allocation.
const STACK_FIELDS: usize = 128;

/// Room left in a head for what a hop adds (Forwarded, X-Forwarded-*, a request id), so that adding
/// does not copy the head once more.
const SPARE_BYTES: usize = 256;
const SPARE_FIELDS: usize = 8;

/// Reads the request head that fills `bytes`.
pub(crate) fn request(bytes: &[u8], limits: &Limits) -> Result<(RequestHead, Framing), Refusal> {
    with_table(limits.fields, |table| {
        let mut parsed = httparse::Request::new(&mut []);
        let status = httparse::ParserConfig::default()
            .parse_request_with_uninit_headers(&mut parsed, bytes, table)
            .map_err(|error| refusal(error, limits, is_unsupported(last_word(bytes))))?;
        require_all(status, bytes)?;
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Refusal::Line);
        };
        let version = version(minor);
        check_target(method, target)?;

        let mut announced = Announced::default();
        let mut hosts = 0;
        let fields = copy(parsed.headers, bytes.len(), |name, value| {
            announced.see(name, value);
            if name == Known::Host {
                hosts += if is_authority(value) { 1 } else { 2 };
            }
        });
        if hosts > 1 || (hosts == 0 && version == Version::Http11) {
            return Err(Refusal::Host);
        }
        let framing = announced.of_request(version)?;
        let head = RequestHead { method: method.to_owned(), target: target.to_owned(), version, fields };
        Ok((head, framing))
    })
}

/// Reads the response head that fills `bytes`, which answers a request of the kind `asked`.
pub(crate) fn response(
    bytes: &[u8],
    asked: Asked,
    limits: &Limits,
) -> Result<(ResponseHead, Framing), Refusal> {
    with_table(limits.fields, |table| {
        let mut parsed = httparse::Response::new(&mut []);
        let status = httparse::ParserConfig::default()
            .parse_response_with_uninit_headers(&mut parsed, bytes, table)
            .map_err(|error| refusal(error, limits, is_unsupported(first_word(bytes))))?;
        require_all(status, bytes)?;
        let (Some(status), Some(minor)) = (parsed.code, parsed.version) else { return Err(Refusal::Line) };
        if status < 100 {
            return Err(Refusal::Line);
        }
        let version = version(minor);
        let mut announced = Announced::default();
        let fields = copy(parsed.headers, bytes.len(), |name, value| announced.see(name, value));
        let framing = announced.of_response(version, status, asked)?;
        let head = ResponseHead { status, reason: reason(bytes).to_vec(), version, fields };
        Ok((head, framing))
    })
}

/// Reads the trailer section that fills `bytes`, its closing empty line included; `None` when it has
/// no field.
pub(crate) fn trailers(bytes: &[u8], limits: &Limits) -> Result<Option<Fields>, Refusal> {
    if bytes == b"\r\n" {
        return Ok(None);
    }
    let mut table = vec![EMPTY_HEADER; limits.fields];
    let Ok(Status::Complete((used, headers))) = httparse::parse_headers(bytes, &mut table) else {
        return Err(Refusal::Trailer);
    };
    if used != bytes.len() || headers.iter().any(|header| is_forbidden_trailer(header.name.as_bytes())) {
        return Err(Refusal::Trailer);
    }
    Ok(Some(copy(headers, bytes.len(), |_, _| {})))
}

/// Runs `read` with a table of `fields` entries.
fn with_table<'a, T>(fields: usize, read: impl FnOnce(&mut [MaybeUninit<Header<'a>>]) -> T) -> T {
    if fields <= STACK_FIELDS {
        read(&mut [const { MaybeUninit::uninit() }; STACK_FIELDS][..fields])
    } else {
        read(&mut vec![MaybeUninit::new(EMPTY_HEADER); fields])
    }
}

/// Copies the fields in one pass and shows each to `see`.
fn copy(headers: &[Header<'_>], bytes: usize, mut see: impl FnMut(Known, &[u8])) -> Fields {
    let mut fields = Fields::with_capacity(bytes + SPARE_BYTES, headers.len() + SPARE_FIELDS);
    for header in headers {
        let name = known(header.name.as_bytes());
        if name != Known::Other {
            see(name, header.value);
        }
        fields.push(header.name, header.value);
    }
    fields
}

fn check_target(method: &str, target: &str) -> Result<(), Refusal> {
    if !is_target(target) {
        return Err(Refusal::Line);
    }
    match form(method, target).ok_or(Refusal::Line)? {
        Form::Origin | Form::Asterisk => Ok(()),
        Form::Absolute { authority, .. } if is_authority(authority) => Ok(()),
        Form::Absolute { .. } => Err(Refusal::Host),
        // CONNECT needs a port (RFC 9112 §3.2.3); a bracketed address ends in `]` without one.
        Form::Authority if is_authority(target) && target.contains(':') && !target.ends_with(']') => Ok(()),
        Form::Authority => Err(Refusal::Line),
    }
}

fn version(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}

fn require_all(status: Status<usize>, bytes: &[u8]) -> Result<(), Refusal> {
    if status == Status::Complete(bytes.len()) { Ok(()) } else { Err(Refusal::Line) }
}

fn refusal(error: Error, limits: &Limits, unsupported_version: bool) -> Refusal {
    match error {
        Error::HeaderName | Error::HeaderValue => Refusal::Field,
        Error::TooManyHeaders => Refusal::TooManyFields(limits.fields),
        Error::Version if unsupported_version => Refusal::Version,
        Error::Version | Error::NewLine | Error::Status | Error::Token => Refusal::Line,
    }
}

/// A well-formed version (`HTTP/` digit `.` digit) other than the two that are understood.
fn is_unsupported(word: &[u8]) -> bool {
    matches!(word, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit() && word != b"HTTP/1.1" && word != b"HTTP/1.0")
}

fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == b'\r').next().unwrap_or_default()
}

fn last_word(bytes: &[u8]) -> &[u8] {
    first_line(bytes).rsplit(|&byte| byte == b' ').next().unwrap_or_default()
}

fn first_word(bytes: &[u8]) -> &[u8] {
    first_line(bytes).split(|&byte| byte == b' ').next().unwrap_or_default()
}

/// The reason phrase of a status line that was found to be valid. httparse does not give out one
/// with bytes beyond ASCII.
fn reason(bytes: &[u8]) -> &[u8] {
    first_line(bytes).get("HTTP/1.1 200 ".len()..).unwrap_or_default()
}
