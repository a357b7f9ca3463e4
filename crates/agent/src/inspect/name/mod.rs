//! What a request calls itself: a webhook's event type, a GraphQL operation.
//!
//! Known by its fields first ([`Hint::of`]), then read from the body where it stands there. A beginning of the body
//! is enough as far as it goes.

mod graphql;
mod json;

use std::borrow::Cow;

use super::recorded::beginning;

/// Bytes of a name: the longest event types have eighty.
const NAME_BYTES: usize = 128;

/// Where the name of a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A field says it all.
    Field(String),
    /// GitHub's event, which its body's `action` completes: `pull_request` and `opened`.
    GitHub(String),
    /// In the body, as JSON, under the first of these that is there.
    Json(&'static [&'static str]),
    /// In the body, as a form.
    Form(&'static [&'static str]),
    /// In the body, perhaps: JSON as GraphQL clients send it.
    GraphQl,
    /// GraphQL itself.
    Query(String),
}

/// Fields of webhooks that say what happened. Gitea and its kin send GitHub's beside their own.
const EVENT_FIELDS: [&str; 5] =
    ["x-gitlab-event", "x-shopify-topic", "x-event-key", "x-wc-webhook-topic", "x-linear-event"];

/// Fields of webhooks whose body says what happened, and where.
const EVENT_BODIES: [(&str, Hint); 6] = [
    ("stripe-signature", Hint::Json(&["type"])),
    ("svix-id", Hint::Json(&["type", "event_type", "event"])),
    ("webhook-id", Hint::Json(&["type", "event_type", "event"])),
    ("x-slack-signature", Hint::Json(&["event.type", "type"])),
    ("paypal-transmission-id", Hint::Json(&["event_type"])),
    ("x-twilio-signature", Hint::Form(&["EventType", "MessageStatus", "SmsStatus", "CallStatus"])),
];

impl Hint {
    /// Looks for one in a request's head.
    pub fn of<'a>(
        method: &str,
        target: &str,
        fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Option<Self> {
        let (mut hint, mut media_type) = (None, None);
        for (name, value) in fields {
            let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
            if is("x-github-event") {
                return Some(Self::GitHub(String::from_utf8_lossy(value).into_owned()));
            } else if EVENT_FIELDS.iter().any(|known| is(known)) {
                return Some(Self::Field(String::from_utf8_lossy(value).into_owned()));
            } else if is("content-type") {
                media_type = Some(value);
            } else if hint.is_none() {
                hint = EVENT_BODIES.iter().find(|(known, _)| is(known)).map(|(_, hint)| hint.clone());
            }
        }
        hint.or_else(|| graphql(method, target, media_type.unwrap_or_default()))
    }

    /// The name, where it can be told with this beginning of the body.
    pub fn name(&self, body: &[u8]) -> Option<String> {
        let name: Cow<'_, str> = match self {
            Self::Field(name) => name.into(),
            Self::GitHub(event) => match json::first(body, &["action"]) {
                Some(action) => format!("{event}.{action}").into(),
                None => event.into(),
            },
            Self::Json(places) => json::first(body, places)?.into(),
            Self::Form(names) => form(body, names)?.into(),
            Self::GraphQl => graphql::of_body(body)?.into(),
            Self::Query(query) if query.is_empty() => {
                graphql::of_query(&String::from_utf8_lossy(body))?.into()
            }
            Self::Query(query) => graphql::of_query(query)?.into(),
        };
        tidy(&name)
    }
}

/// How GraphQL travels: JSON in a POST, by itself, or in a query.
fn graphql(method: &str, target: &str, media_type: &[u8]) -> Option<Hint> {
    let media_type =
        String::from_utf8_lossy(media_type.split(|&byte| byte == b';').next().unwrap_or_default());
    match method {
        "POST" if media_type.trim().eq_ignore_ascii_case("application/graphql") => {
            Some(Hint::Query(String::new()))
        }
        "POST" if media_type.to_ascii_lowercase().contains("json") => Some(Hint::GraphQl),
        "GET" => {
            let (path, query) = target.split_once('?')?;
            // A query named so is common: only where the path says what it is.
            if !path.to_ascii_lowercase().contains("graphql") {
                return None;
            }
            let value = |wanted: &str| {
                let mut pairs = url::form_urlencoded::parse(query.as_bytes());
                pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
            };
            value("query").map(Hint::Query)
        }
        _ => None,
    }
}

fn form(body: &[u8], names: &[&str]) -> Option<String> {
    let found = |wanted: &&str| {
        let mut pairs = url::form_urlencoded::parse(body);
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    names.iter().find_map(found)
}

/// One line within the bound; none of nothing.
fn tidy(name: &str) -> Option<String> {
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(NAME_BYTES).collect();
    let name = beginning(&name, NAME_BYTES);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
