//! Which mapping a request from elsewhere belongs to, by its URL.

use crate::gateway_url::GatewayUrl;
use crate::inspect::recorded::RecordedRequest;
use crate::mapping::MappingSpec;
use crate::target::Scheme;

/// The mapping whose public address the URL begins with: the one with the longest path, and the first of those.
/// Whether it was served at that time, and its conditions on requests, do not count.
pub(super) fn owner<'a>(
    request: &RecordedRequest,
    known: &'a [MappingSpec],
    gateway: Option<&GatewayUrl>,
) -> Option<&'a MappingSpec> {
    let host = host(&request.host);
    let path = request.target.split('?').next().unwrap_or_default();
    let fits = |spec: &&MappingSpec| {
        spec.target.scheme != Scheme::Tcp && has_host(spec, &host, gateway) && has_path(spec, path)
    };
    // Of equals `max_by_key` takes the last.
    let longest = |spec: &&MappingSpec| spec.path.as_ref().map_or(0, String::len);
    known.iter().rev().filter(fits).max_by_key(longest)
}

/// Without port and trailing dot, in lower case.
fn host(authority: &str) -> String {
    let port = authority.rfind(':').filter(|_| !authority.ends_with(']'));
    let host = &authority[..port.unwrap_or(authority.len())];
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn has_host(spec: &MappingSpec, host: &str, gateway: Option<&GatewayUrl>) -> bool {
    match (&spec.host, &spec.name) {
        (Some(own), _) => match own.strip_prefix("*.") {
            Some(domain) => {
                host.strip_suffix(domain).is_some_and(|label| label.len() > 1 && label.ends_with('.'))
            }
            None => own == host,
        },
        (None, Some(name)) => gateway.is_some_and(|gateway| {
            let label = host.strip_suffix(&gateway.host).and_then(|label| label.strip_suffix('.'));
            label == Some(name.as_str())
        }),
        // A path on the gateway's own host.
        (None, None) => spec.path.is_some() && gateway.is_some_and(|gateway| gateway.host == host),
    }
}

fn has_path(spec: &MappingSpec, path: &str) -> bool {
    let Some(prefix) = spec.path.as_deref() else { return true };
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_belongs_to_the_mapping_whose_address_it_begins_with() {
        let spec = |id: &str, name: Option<&str>, host: Option<&str>, path: Option<&str>| {
            let spec = MappingSpec::new(id.into(), "3000".parse().unwrap());
            let own = |text: Option<&str>| text.map(str::to_owned);
            MappingSpec { name: own(name), host: own(host), path: own(path), ..spec }
        };
        let known = [
            spec("shop", Some("shop"), None, None),
            spec("api", Some("shop"), None, Some("/api")),
            spec("again", Some("shop"), None, Some("/api")),
            spec("wild", None, Some("*.example.org"), None),
            spec("path", None, None, Some("/node")),
        ];
        let gateway: GatewayUrl = "https://tunnel.example.com".parse().unwrap();
        let found = |host: &str, target: &str, gateway: Option<&GatewayUrl>| {
            let request =
                RecordedRequest { host: host.into(), target: target.into(), ..RecordedRequest::default() };
            owner(&request, &known, gateway).map(|spec| spec.id.clone())
        };
        for (host, target, id) in [
            ("shop.tunnel.example.com", "/", Some("shop")),
            ("SHOP.tunnel.example.com.:8443", "/apis", Some("shop")),
            ("shop.tunnel.example.com", "/api?x=/y", Some("api")),
            ("shop.tunnel.example.com", "/api/orders", Some("api")),
            ("xshop.tunnel.example.com", "/", None),
            ("a.b.example.org", "/", Some("wild")),
            ("example.org", "/", None),
            (".example.org", "/", None),
            ("tunnel.example.com", "/node/x", Some("path")),
            ("tunnel.example.com", "/nodes", None),
            ("[::1]", "/", None),
        ] {
            assert_eq!(found(host, target, Some(&gateway)).as_deref(), id, "{host}{target}");
        }
        assert_eq!(found("shop.tunnel.example.com", "/", None), None, "whose domain it is nobody knows");
    }
}
