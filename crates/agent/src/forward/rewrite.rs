//! Host, Origin and X-Forwarded-Host: turned all together, or not at all.

use porthole_http1::{Fields, RequestHead, ResponseHead};

use crate::events::HostHeader;
use crate::target::{Scheme, Target};

/// What is done with the host fields of one mapping; worked out once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// The service sees what the visitor asked for.
    Preserve,
    /// The service sees its own authority, and its Location fields are turned back.
    Rewrite { scheme: &'static str, authority: String },
    /// The service sees this host.
    Value(String),
}

/// The origin a visitor used, kept to turn a response's Location back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicOrigin {
    pub scheme: String,
    pub authority: String,
}

impl HostRule {
    pub fn new(setting: &HostHeader, target: &Target) -> Self {
        match setting {
            HostHeader::Preserve => Self::Preserve,
            HostHeader::Rewrite => Self::Rewrite {
                scheme: if target.scheme == Scheme::Https { "https" } else { "http" },
                authority: target.authority(),
            },
            HostHeader::Value(value) => Self::Value(value.clone()),
        }
    }

    pub fn is_rewrite(&self) -> bool {
        matches!(self, Self::Rewrite { .. })
    }

    /// Turns the request's fields. What comes back is the origin the visitor used, where a response
    /// must be turned as well.
    pub fn apply(&self, head: &mut RequestHead) -> Option<PublicOrigin> {
        let (scheme, authority) = match self {
            Self::Preserve => return None,
            Self::Rewrite { scheme, authority } => (Some(*scheme), authority.as_str()),
            Self::Value(value) => (None, value.as_str()),
        };
        let public = public_origin(&head.fields);
        if let Some(public) = &public
            && let Some(origin) = head.fields.get_str("origin")
            && same_origin(origin, public)
        {
            let origin = format!("{}://{authority}", scheme.unwrap_or(&public.scheme));
            head.fields.set("Origin", origin);
        }
        head.fields.set("Host", authority);
        head.fields.set("X-Forwarded-Host", authority);
        if scheme.is_some() { public } else { None }
    }

    /// Turns a Location that points at the service itself back to where the visitor is.
    pub fn turn_back(&self, head: &mut ResponseHead, public: &PublicOrigin) {
        let Self::Rewrite { authority, .. } = self else { return };
        let Some(location) = head.fields.get_str("location") else { return };
        let Some((scheme, rest)) = location.split_once("://") else { return };
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (local, path) = rest.split_at(end);
        if !bare(scheme, local).eq_ignore_ascii_case(bare(scheme, authority)) {
            return;
        }
        let turned = format!("{}://{}{path}", public.scheme, public.authority);
        head.fields.set("Location", turned);
    }
}

/// The visitor's origin, as the gateway told it.
fn public_origin(fields: &Fields) -> Option<PublicOrigin> {
    let authority = fields.get_str("x-forwarded-host").or_else(|| fields.get_str("host"))?;
    let scheme = fields.get_str("x-forwarded-proto").unwrap_or("http").to_ascii_lowercase();
    Some(PublicOrigin { authority: bare(&scheme, authority).to_owned(), scheme })
}

fn same_origin(origin: &str, public: &PublicOrigin) -> bool {
    origin.split_once("://").is_some_and(|(scheme, authority)| {
        scheme.eq_ignore_ascii_case(&public.scheme)
            && bare(scheme, authority).eq_ignore_ascii_case(&public.authority)
    })
}

/// An authority without its scheme's usual port.
fn bare<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let usual = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    authority.strip_suffix(usual).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use porthole_http1::Version;

    use super::*;

    fn request(fields: &[(&str, &str)]) -> RequestHead {
        RequestHead {
            method: "GET".into(),
            target: "/".into(),
            version: Version::Http11,
            fields: fields.iter().copied().collect(),
        }
    }

    fn response(location: &str) -> ResponseHead {
        ResponseHead {
            status: 302,
            reason: Vec::new(),
            version: Version::Http11,
            fields: [("Location", location)].into_iter().collect(),
        }
    }

    fn rule(setting: &str, target: &str) -> HostRule {
        HostRule::new(&setting.parse().unwrap(), &target.parse().unwrap())
    }

    const VISIT: [(&str, &str); 4] = [
        ("Host", "shop.example.com"),
        ("Origin", "https://shop.example.com"),
        ("X-Forwarded-Host", "shop.example.com:443"),
        ("X-Forwarded-Proto", "https"),
    ];

    #[test]
    fn preserve_touches_nothing() {
        let mut head = request(&VISIT);
        assert_eq!(rule("preserve", "3000").apply(&mut head), None);
        assert_eq!(head, request(&VISIT));
    }

    #[test]
    fn rewrite_turns_host_origin_and_forwarded_host_together() {
        let mut head = request(&VISIT);
        let public = rule("rewrite", "3000").apply(&mut head).unwrap();
        assert_eq!(head.fields.get_str("host"), Some("localhost:3000"));
        assert_eq!(head.fields.get_str("origin"), Some("http://localhost:3000"));
        assert_eq!(head.fields.get_str("x-forwarded-host"), Some("localhost:3000"));
        assert_eq!(public, PublicOrigin { scheme: "https".into(), authority: "shop.example.com".into() });
    }

    #[test]
    fn a_usual_port_is_left_out_of_the_host() {
        let mut head = request(&VISIT);
        rule("rewrite", "https://localhost").apply(&mut head);
        assert_eq!(head.fields.get_str("host"), Some("localhost"));
        assert_eq!(head.fields.get_str("origin"), Some("https://localhost"));
    }

    #[test]
    fn another_sites_origin_is_left_alone() {
        for origin in ["https://evil.example", "null", "http://shop.example.com"] {
            let mut head = request(&[
                ("Host", "shop.example.com"),
                ("Origin", origin),
                ("X-Forwarded-Host", "shop.example.com"),
                ("X-Forwarded-Proto", "https"),
            ]);
            rule("rewrite", "3000").apply(&mut head);
            assert_eq!(head.fields.get_str("origin"), Some(origin));
            assert_eq!(head.fields.get_str("host"), Some("localhost:3000"));
        }
    }

    #[test]
    fn a_given_host_is_used_with_the_visitors_scheme() {
        let mut head = request(&VISIT);
        assert_eq!(rule("dev.test:8080", "3000").apply(&mut head), None);
        assert_eq!(head.fields.get_str("host"), Some("dev.test:8080"));
        assert_eq!(head.fields.get_str("origin"), Some("https://dev.test:8080"));
        assert_eq!(head.fields.get_str("x-forwarded-host"), Some("dev.test:8080"));
    }

    #[test]
    fn a_location_at_the_service_points_back_to_the_visitors_origin() {
        let rule = rule("rewrite", "3000");
        let public = PublicOrigin { scheme: "https".into(), authority: "shop.example.com".into() };
        for (from, to) in [
            ("http://localhost:3000/login?a=1", "https://shop.example.com/login?a=1"),
            ("https://LOCALHOST:3000", "https://shop.example.com"),
            ("/login", "/login"),
            ("http://localhost:3001/x", "http://localhost:3001/x"),
            ("https://idp.example/x", "https://idp.example/x"),
            ("http://localhost:3000@evil.example/", "http://localhost:3000@evil.example/"),
        ] {
            let mut head = response(from);
            rule.turn_back(&mut head, &public);
            assert_eq!(head.fields.get_str("location"), Some(to));
        }
    }
}
