//! Sends visitors from clear text to https.

use bytes::Bytes;
use porthole_http1::{Fields, ResponseHead, Version};

use crate::config::{Config, PublicBase};
use crate::rescue::{Answer, date};

/// The answer that has a visitor ask again over https: same method, body, path and query. `host` is
/// normalised and one that is known here; `target` is what the codec took, so neither splits a line.
pub fn to_https(config: &Config, host: &str, target: &str) -> Answer {
    let base = https(config).url_of(host);
    // `*` of an OPTIONS request is no path.
    let target = if target.starts_with('/') { target } else { "/" };
    let mut fields = Fields::with_capacity(256, 4);
    fields.push("Date", date());
    fields.push("Location", format!("{base}{target}"));
    fields.push("Content-Length", "0");
    // Whoever turns TLS off one day shall not find it in browsers for ever: that is what HSTS is for.
    fields.push("Cache-Control", "no-store");
    let head = ResponseHead { status: 308, reason: Vec::new(), version: Version::Http11, fields };
    Answer { head, body: Bytes::new() }
}

/// Scheme and port of the TLS listener as visitors see them.
fn https(config: &Config) -> PublicBase {
    match &config.public {
        Some(public) if public.scheme == "https" => public.clone(),
        _ => {
            let port = Some(config.listen.port()).filter(|&port| port != 443);
            PublicBase { scheme: "https".to_owned(), host: String::new(), port }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{Secret, Secrets};

    fn location(public: Option<&str>, host: &str, target: &str) -> String {
        let secrets = Secrets::fixed(Secret::new("a secret of at least 32 bytes for a test"));
        let mut config = Config::in_folder(std::path::Path::new(""), secrets);
        config.listen.set_port(8443);
        config.public = public.map(|public| PublicBase::parse(public).unwrap());
        let answer = to_https(&config, host, target);
        assert_eq!(answer.head.status, 308);
        answer.head.fields.get_str("location").unwrap().to_owned()
    }

    #[test]
    fn host_path_and_query_are_kept_and_the_port_is_the_public_one() {
        let ask = |public, target| location(public, "shop.example.com", target);
        let https = Some("https://tunnel.example.com");
        assert_eq!(ask(https, "/a%2f?b=/c"), "https://shop.example.com/a%2f?b=/c");
        assert_eq!(ask(https, "//evil.example/"), "https://shop.example.com//evil.example/");
        assert_eq!(ask(https, "*"), "https://shop.example.com/");
        assert_eq!(ask(Some("https://tunnel.example.com:444"), "/"), "https://shop.example.com:444/");
        assert_eq!(ask(None, "/"), "https://shop.example.com:8443/");
        assert_eq!(location(https, "::1", "/"), "https://[::1]/");
    }
}
