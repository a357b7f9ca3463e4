//! What the gateway answers in a service's place, as the mapping asks for it.

use bytes::Bytes;
use porthole_http1::{Fields, ResponseHead, Version};
use porthole_link::control::CannedAnswer;

use super::shown;
use crate::rescue::{Answer, date};

/// An answer that was checked: nothing in it can end a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Canned {
    status: u16,
    /// All but the date.
    fields: Fields,
    body: Bytes,
}

impl Canned {
    /// # Errors
    /// One sentence that names the answer's path.
    pub(super) fn new(asked: &CannedAnswer) -> Result<Self, String> {
        let path = || shown(&asked.path);
        asked.check().map_err(|wrong| format!("The answer at \"{}\" is not usable: {wrong}.", path()))?;
        let body = Bytes::from(asked.body.clone());
        let mut fields = Fields::new();
        if let Some(location) = &asked.location {
            fields.push("Location", location);
        }
        if !body.is_empty() {
            fields.push("Content-Type", asked.content_type.as_deref().unwrap_or("text/plain; charset=utf-8"));
            fields.push("X-Content-Type-Options", "nosniff");
        }
        // RFC 9110 §8.6: a 204 has none.
        if asked.status != 204 {
            fields.push("Content-Length", body.len().to_string());
        }
        // It ends when somebody takes it off the mapping.
        fields.push("Cache-Control", "no-store");
        Ok(Self { status: asked.status, fields, body })
    }

    /// Nothing: what a browser that asks beforehand wants to know stands in the fields for all answers.
    pub(super) fn nothing() -> Self {
        Self { status: 204, fields: Fields::new(), body: Bytes::new() }
    }

    /// The answer as it is sent now.
    pub fn answer(&self) -> Answer {
        let mut fields = self.fields.clone();
        fields.push("Date", date());
        let head = ResponseHead { status: self.status, reason: Vec::new(), version: Version::Http11, fields };
        Answer { head, body: self.body.clone() }
    }
}
