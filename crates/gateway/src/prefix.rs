//! Path prefixes that the gateway takes off a request, and puts back into its answer.
//!
//! The service believes that it lives at `/`. Where its answer names its own paths in header fields
//! (`Location`, `Content-Location`, cookie `Path`), the prefix is put in front; bodies stay as they are.

use porthole_http1::{Fields, RequestHead};

/// What must be put back into the answers to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// What was taken off, without a slash at its end.
    path: String,
    /// The authority the visitor used, to know absolute URLs of the same origin.
    authority: String,
}

impl Prefix {
    /// Takes the first `strip` bytes off the path of `head` (in origin form) and sets
    /// `X-Forwarded-Prefix`. `strip` lies at the end of a segment of the path.
    ///
    /// A prefix that a trusted proxy took off before stands in front of ours.
    pub fn take(head: &mut RequestHead, strip: usize, authority: &str) -> Self {
        let taken = head.target.get(..strip).unwrap_or_default().trim_end_matches('/');
        let outer = head.fields.get_str("x-forwarded-prefix").unwrap_or_default().trim_end_matches('/');
        let path = format!("{outer}{taken}");
        let rest = head.target.get(strip..).unwrap_or_default();
        head.target = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
        head.fields.set("X-Forwarded-Prefix", &path);
        Self { path, authority: authority.to_owned() }
    }

    /// Puts the prefix back into an answer's fields.
    pub fn put_back(&self, fields: &mut Fields) {
        let concerned = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"location")
                || name.eq_ignore_ascii_case(b"content-location")
                || name.eq_ignore_ascii_case(b"set-cookie")
        };
        if !fields.iter().any(|(name, _)| concerned(name)) {
            return;
        }
        *fields = fields
            .iter()
            .map(|(name, value)| {
                let text = std::str::from_utf8(value).ok().filter(|_| concerned(name));
                let rewritten = text.and_then(|text| {
                    if name.eq_ignore_ascii_case(b"set-cookie") {
                        self.cookie(text)
                    } else {
                        self.location(text)
                    }
                });
                (name, rewritten.map_or_else(|| value.to_vec(), String::into_bytes))
            })
            .collect();
    }

    /// A path or a URL of the same origin with the prefix in front; None: leave it as it is.
    fn location(&self, value: &str) -> Option<String> {
        if value.starts_with('/') && !value.starts_with("//") && !value.starts_with("/\\") {
            return self.prefixed(value);
        }
        let (scheme, rest) = value.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !authority.eq_ignore_ascii_case(&self.authority) {
            return None;
        }
        if path.starts_with('/') {
            Some(format!("{scheme}://{authority}{}", self.prefixed(path)?))
        } else {
            Some(format!("{scheme}://{authority}{}/{path}", self.path))
        }
    }

    /// `path` behind the prefix, unless the service (which was told by X-Forwarded-Prefix) put it there.
    fn prefixed(&self, path: &str) -> Option<String> {
        let there = path
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
        (!there).then(|| format!("{}{path}", self.path))
    }

    /// A Set-Cookie value with its Path prefixed. A cookie without one belongs to the visitor's own
    /// directory, which has the prefix already.
    fn cookie(&self, value: &str) -> Option<String> {
        let mut changed = false;
        let parts: Vec<String> = value
            .split(';')
            .enumerate()
            .map(|(index, part)| {
                let path = (index > 0)
                    .then(|| part.split_once('='))
                    .flatten()
                    .filter(|(key, _)| key.trim().eq_ignore_ascii_case("path"))
                    .map(|(key, path)| (key, path.trim()))
                    .filter(|(_, path)| path.starts_with('/'));
                // `Path=/prefix/` would keep the cookie from the prefix itself, which is the service's `/`.
                let prefixed = |path| if path == "/" { Some(self.path.clone()) } else { self.prefixed(path) };
                match path.and_then(|(key, path)| Some((key, prefixed(path)?))) {
                    Some((key, path)) => {
                        changed = true;
                        format!("{key}={path}")
                    }
                    None => part.to_owned(),
                }
            })
            .collect();
        changed.then(|| parts.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use porthole_http1::Version;

    use super::*;

    fn head(target: &str) -> RequestHead {
        RequestHead {
            method: "GET".into(),
            target: target.into(),
            version: Version::Http11,
            fields: Fields::new(),
        }
    }

    #[test]
    fn a_prefix_leaves_the_target_and_is_told_to_the_service() {
        for (target, strip, left, told) in [
            ("/pub/ab/x?q=1", 7, "/x?q=1", "/pub/ab"),
            ("/pub/ab/", 7, "/", "/pub/ab"),
            ("/pub/ab", 7, "/", "/pub/ab"),
            ("/pub/ab?q", 7, "/?q", "/pub/ab"),
            ("/pub/ab/%2Fx//y", 8, "/%2Fx//y", "/pub/ab"),
        ] {
            let mut head = head(target);
            Prefix::take(&mut head, strip, "h");
            assert_eq!(head.target, left, "{target}");
            assert_eq!(head.fields.get_str("x-forwarded-prefix"), Some(told), "{target}");
        }
    }

    fn back(name: &str, value: &str) -> String {
        let prefix = Prefix { path: "/pub/ab".into(), authority: "gate.example:8080".into() };
        let mut fields = Fields::from_iter([("X", "1"), (name, value)]);
        prefix.put_back(&mut fields);
        assert_eq!(fields.len(), 2);
        fields.get_str(name).unwrap().to_owned()
    }

    #[test]
    fn locations_of_the_same_origin_get_the_prefix_back() {
        for (value, expected) in [
            ("/login?x", "/pub/ab/login?x"),
            ("/", "/pub/ab/"),
            ("/pub/ab/there", "/pub/ab/there"),
            ("/pub/abc", "/pub/ab/pub/abc"),
            ("next", "next"),
            ("//other/x", "//other/x"),
            ("http://gate.example:8080/x", "http://gate.example:8080/pub/ab/x"),
            ("https://GATE.example:8080", "https://GATE.example:8080/pub/ab/"),
            ("http://gate.example:8080?q", "http://gate.example:8080/pub/ab/?q"),
            ("http://gate.example:8080/pub/ab/x", "http://gate.example:8080/pub/ab/x"),
            ("http://other.example/x", "http://other.example/x"),
        ] {
            assert_eq!(back("Location", value), expected, "{value}");
        }
    }

    #[test]
    fn cookie_paths_get_the_prefix_back() {
        for (value, expected) in [
            ("a=1; Path=/; HttpOnly", "a=1; Path=/pub/ab; HttpOnly"),
            ("a=1; path=/x", "a=1; path=/pub/ab/x"),
            ("a=1; Secure", "a=1; Secure"),
            ("path=/evil; Secure", "path=/evil; Secure"),
            ("a=1;Path=/pub/ab", "a=1;Path=/pub/ab"),
        ] {
            assert_eq!(back("Set-Cookie", value), expected, "{value}");
        }
    }
}
