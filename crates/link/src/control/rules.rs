//! What a policy asks of requests, where that is more than a number or a list. Both ends check it: an agent to tell
//! its user, a gateway because it believes no agent.

use serde::{Deserialize, Serialize};

/// The mapping serves nobody for now: 503.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    /// A sentence for visitors; none: the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds after which visitors may try again.
    pub retry_after: u32,
}

impl Maintenance {
    /// Bytes of the sentence.
    pub const MAX_MESSAGE_BYTES: usize = 1000;
    /// Seconds that visitors may be told to wait: a week.
    pub const MAX_RETRY_AFTER: u32 = 7 * 24 * 60 * 60;

    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let message = self.message.as_deref().unwrap_or("-");
        if message.trim().is_empty() || message.len() > Self::MAX_MESSAGE_BYTES {
            return Err("its sentence has 1 to 1000 bytes");
        }
        if message.chars().any(char::is_control) {
            return Err("its sentence holds no line breaks and no control characters");
        }
        if !(1..=Self::MAX_RETRY_AFTER).contains(&self.retry_after) {
            return Err("visitors may be told to wait 1 second to 7 days");
        }
        Ok(())
    }
}

/// What the gateway answers itself to requests under a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CannedAnswer {
    /// A prefix of the path as the service would see it; `/`: all.
    pub path: String,
    pub status: u16,
    /// Where a redirect leads: a path, or an `http` or `https` URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

impl CannedAnswer {
    /// Answers of one mapping: looked through for each request.
    pub const MAX_ANSWERS: usize = 32;
    /// Bytes of a body: 32 of them fit twice into a control message.
    pub const MAX_BODY_BYTES: usize = 16 * 1024;
    /// Bytes of a location.
    pub const MAX_LOCATION_BYTES: usize = 2048;

    /// Whether the status sends visitors elsewhere.
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
    }

    /// Whether it can be written as it stands; its path is the caller's to check.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        if !(200..=599).contains(&self.status) || self.status == 304 {
            return Err("its status is one from 200 to 599, and not 304");
        }
        let bodyless = matches!(self.status, 204 | 205);
        if bodyless && !(self.body.is_empty() && self.content_type.is_none()) {
            return Err("an answer with the status 204 or 205 has no body");
        }
        if self.body.len() > Self::MAX_BODY_BYTES {
            return Err("its body has at most 16 KiB");
        }
        if self.is_redirect() != self.location.is_some() {
            return Err("a location belongs to the statuses 301, 302, 303, 307 and 308, and to no other");
        }
        if let Some(location) = &self.location {
            let begins = |start: &str| {
                location.get(..start.len()).is_some_and(|first| first.eq_ignore_ascii_case(start))
            };
            let graphic = location.bytes().all(|byte| byte.is_ascii_graphic());
            if !graphic || location.len() > Self::MAX_LOCATION_BYTES {
                return Err("its location has at most 2048 visible ASCII characters, others percent-encoded");
            }
            if !(begins("/") || begins("http://") || begins("https://")) {
                return Err("its location is a path or an http:// or https:// URL");
            }
        }
        let written =
            |kind: &String| (1..=256).contains(&kind.len()) && kind.bytes().all(|b| matches!(b, b' '..=b'~'));
        if !self.content_type.as_ref().is_none_or(written) {
            return Err("its content type has 1 to 256 visible ASCII characters");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maintenance_has_bounds_on_both_sides_and_splits_no_line() {
        let of = |message: &str, retry_after| {
            Maintenance { message: Some(message.into()), retry_after }.check().is_ok()
        };
        assert!(Maintenance { message: None, retry_after: 1 }.check().is_ok());
        assert!(of("Back at noon.", Maintenance::MAX_RETRY_AFTER) && of(&"x".repeat(1000), 1));
        assert!(!of("x", 0) && !of("x", Maintenance::MAX_RETRY_AFTER + 1));
        assert!(!of("", 1) && !of(" ", 1) && !of(&"x".repeat(1001), 1));
        assert!(!of("a\r\nX-Canary: 1", 1) && !of("a\0", 1));
    }

    #[test]
    fn an_answer_that_cannot_be_written_as_it_stands_is_refused() {
        let plain = CannedAnswer { path: "/".into(), status: 200, ..CannedAnswer::default() };
        let to = |status, location: &str| {
            CannedAnswer { status, location: Some(location.into()), ..plain.clone() }.check().is_ok()
        };
        let with =
            |status, body: &str| CannedAnswer { status, body: body.into(), ..plain.clone() }.check().is_ok();
        assert!(with(200, "") && with(599, "x") && with(204, ""));
        assert!(!with(199, "") && !with(600, "") && !with(304, "") && !with(101, ""));
        assert!(!with(204, "x") && !with(205, "x"));
        assert!(with(404, &"x".repeat(CannedAnswer::MAX_BODY_BYTES)));
        assert!(!with(404, &"x".repeat(CannedAnswer::MAX_BODY_BYTES + 1)));
        for status in [301, 302, 303, 307, 308] {
            assert!(
                to(status, "/new?x#y") && to(status, "HTTPS://a.example/") && !with(status, ""),
                "{status}"
            );
        }
        assert!(!to(200, "/new") && !to(300, "/new"));
        for location in ["", "new", "javascript:alert(1)", "/a b", "/a\r\nX: 1", "/\0", "/é", "data:,x"] {
            assert!(!to(302, location), "{location:?}");
        }
        assert!(to(302, &format!("/{}", "x".repeat(2047))) && !to(302, &format!("/{}", "x".repeat(2048))));
        for (kind, good) in [("text/plain", true), ("", false), ("a\nb", false), ("é", false)] {
            let typed = CannedAnswer { content_type: Some(kind.into()), body: "x".into(), ..plain.clone() };
            assert_eq!(typed.check().is_ok(), good, "{kind:?}");
        }
    }
}
