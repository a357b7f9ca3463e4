//! What pages of other origins are told in a service's place (Fetch §3.2). Nothing of a request is written back but
//! names that were looked at letter by letter.

use porthole_http1::{Fields, RequestHead};
use porthole_link::control;

/// Bytes of a method that is allowed because it was asked for.
const MAX_METHOD_BYTES: usize = 32;
/// Bytes of the names that are allowed because they were asked for, together.
const MAX_ASKED_BYTES: usize = 2048;

/// What was asked for, checked.
#[derive(Debug)]
pub(super) struct Cors {
    /// None: any origin, and never with credentials.
    origins: Option<Vec<String>>,
    methods: List,
    headers: List,
    expose: Option<String>,
    credentials: bool,
    max_age: Option<String>,
}

#[derive(Debug)]
enum List {
    These(String),
    /// Whatever a page asks for.
    Any,
}

/// What the page behind one request is told with its answer.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    origin: Origin,
    preflight: Option<Box<Asked>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Origin {
    Any,
    /// By its place on the list: what a visitor sent is never written.
    Listed(usize),
    /// No page of another origin, or one that is not on the list.
    #[default]
    Other,
}

/// What a browser wants to know before it sends a page's request; none: nothing that could be written.
#[derive(Debug, Clone)]
struct Asked {
    method: Option<String>,
    headers: Option<String>,
}

impl Cors {
    /// # Errors
    /// One sentence.
    pub(super) fn new(asked: &control::Cors) -> Result<Self, String> {
        asked.check().map_err(|wrong| format!("The mapping's CORS is not usable: {wrong}."))?;
        let any = asked.is_any();
        let mut methods = vec!["GET".to_owned(), "HEAD".into(), "POST".into()];
        for method in &asked.methods {
            if !methods.contains(method) {
                methods.push(method.clone());
            }
        }
        Ok(Self {
            origins: (!any).then(|| asked.origins.clone()),
            methods: List::of(&methods),
            headers: List::of(&asked.headers),
            expose: (!asked.expose.is_empty()).then(|| asked.expose.join(", ")),
            credentials: asked.credentials && !any,
            max_age: asked.max_age.map(|seconds| seconds.to_string()),
        })
    }

    /// Whether a browser asks before it sends a page's own request.
    pub(super) fn is_preflight(method: &str, fields: &Fields) -> bool {
        method == "OPTIONS" && fields.contains("origin") && fields.contains("access-control-request-method")
    }

    pub(super) fn grant(&self, head: &RequestHead) -> Grant {
        let mut told = head.fields.get_all("origin");
        let origin = match (&self.origins, told.next(), told.next()) {
            (None, ..) => Origin::Any,
            (Some(list), Some(told), None) => {
                let place = list.iter().position(|listed| listed.as_bytes() == told);
                place.map_or(Origin::Other, Origin::Listed)
            }
            _ => Origin::Other,
        };
        let preflight =
            Self::is_preflight(&head.method, &head.fields).then(|| Box::new(Asked::of(&head.fields)));
        Grant { origin, preflight }
    }

    /// Tells the page, in place of whatever the service told it.
    pub(super) fn tell(&self, grant: &Grant, fields: &mut Fields) {
        const OURS: &[u8] = b"access-control-";
        fields
            .retain(|name, _| !name.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS)));
        let allowed = match (grant.origin, &self.origins) {
            (Origin::Any, None) => Some("*"),
            (Origin::Listed(place), Some(list)) => list.get(place).map(String::as_str),
            _ => None,
        };
        if let Some(allowed) = allowed {
            fields.push("Access-Control-Allow-Origin", allowed);
            if self.credentials {
                fields.push("Access-Control-Allow-Credentials", "true");
            }
            match &grant.preflight {
                Some(asked) => self.tell_beforehand(asked, fields),
                None => {
                    if let Some(expose) = &self.expose {
                        fields.push("Access-Control-Expose-Headers", expose);
                    }
                }
            }
        }
        // A cache between must not give one origin's answer to another; any of them gets the same.
        if self.origins.is_some() && !varies_by_origin(fields) {
            fields.push("Vary", "Origin");
        }
    }

    fn tell_beforehand(&self, asked: &Asked, fields: &mut Fields) {
        for (name, list, asked) in [
            ("Access-Control-Allow-Methods", &self.methods, &asked.method),
            ("Access-Control-Allow-Headers", &self.headers, &asked.headers),
        ] {
            let told = match list {
                List::These(list) => Some(list).filter(|list| !list.is_empty()),
                List::Any => asked.as_ref(),
            };
            if let Some(told) = told {
                fields.push(name, told);
            }
        }
        if let Some(seconds) = &self.max_age {
            fields.push("Access-Control-Max-Age", seconds);
        }
    }
}

impl List {
    fn of(entries: &[String]) -> Self {
        if entries.iter().any(|entry| entry == "*") { Self::Any } else { Self::These(entries.join(", ")) }
    }
}

impl Asked {
    fn of(fields: &Fields) -> Self {
        let method = fields.get_str("access-control-request-method");
        let method =
            method.map(str::trim).filter(|method| method.len() <= MAX_METHOD_BYTES && is_token(method));
        Self { method: method.map(str::to_owned), headers: names(fields) }
    }
}

/// The names that are asked for, as a list of tokens; none where there is something else among them.
fn names(fields: &Fields) -> Option<String> {
    let mut list = String::new();
    for value in fields.get_all("access-control-request-headers") {
        for name in std::str::from_utf8(value).ok()?.split(',').map(str::trim).filter(|name| !name.is_empty())
        {
            if !is_token(name) || list.len() + name.len() > MAX_ASKED_BYTES {
                return None;
            }
            if !list.is_empty() {
                list.push_str(", ");
            }
            list.push_str(name);
        }
    }
    (!list.is_empty()).then_some(list)
}

fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}

fn varies_by_origin(fields: &Fields) -> bool {
    fields.get_all("vary").any(|value| {
        value.split(|byte| *byte == b',').any(|member| {
            let member = member.trim_ascii();
            member == b"*" || member.eq_ignore_ascii_case(b"origin")
        })
    })
}

#[cfg(test)]
mod tests;
