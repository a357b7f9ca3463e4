//! A message as it stood on the connection.

use super::super::recorded::{Fields, RecordedRequest, RecordedResponse};

/// Head and body of the request, as far as it was kept.
pub fn raw_request(request: &RecordedRequest) -> Vec<u8> {
    raw(format!("{} {} HTTP/1.1\r\n", request.method, request.target), &request.fields, &request.body)
}

/// Head and body of the answer, as far as it was kept.
pub fn raw_response(response: &RecordedResponse) -> Vec<u8> {
    let first = format!("{} {} {}\r\n", response.version, response.status, response.reason);
    raw(first, &response.fields, &response.body)
}

fn raw(first: String, fields: &Fields, body: &[u8]) -> Vec<u8> {
    let mut bytes = first.into_bytes();
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}
