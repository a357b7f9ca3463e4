//! Which hosts are to have a certificate of their own.

use std::net::IpAddr;
use std::sync::Arc;

use super::schedule::Wanted;

/// What is the gateway's own.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    pub host: Option<&'a str>,
    /// All names right below it are to have one certificate together.
    pub wildcard: bool,
}

impl Own<'_> {
    /// Whether the wildcard, where one is wanted, is for `host`.
    fn covers(self, host: &str) -> bool {
        let below = |own| host.strip_suffix(own)?.strip_suffix('.');
        self.wildcard && self.host.and_then(below).is_some_and(|label| !label.contains('.'))
    }
}

/// The gateway's own host first, then those of live mappings by their name. A name that is none of these is
/// never ordered, whoever asks for it; nor is one that is `covered` by a certificate from elsewhere.
pub fn wanted(own: Own<'_>, hosts: Vec<(String, Arc<str>)>, covered: impl Fn(&str) -> bool) -> Vec<Wanted> {
    let mut hosts: Vec<_> =
        hosts.into_iter().filter(|(host, _)| Some(host.as_str()) != own.host && !own.covers(host)).collect();
    hosts.sort();
    hosts.dedup_by(|later, first| later.0 == first.0);
    let hosts = hosts.into_iter().map(|(name, subject)| Wanted { name, subject: Some(subject) });
    let host = own.host.filter(|host| can_be_certified(host));
    // A wildcard from elsewhere covers this host's siblings: any label shows that.
    let wildcard = host.filter(|host| own.wildcard && !covered(&format!("x.{host}")));
    let ours = |name| Wanted { name, subject: None };
    let host = host.filter(|host| !covered(host)).map(str::to_owned).map(ours);
    let wildcard = wildcard.map(|host| ours(format!("*.{host}")));
    let hosts = hosts.filter(|wanted| can_be_certified(&wanted.name) && !covered(&wanted.name));
    host.into_iter().chain(wildcard).chain(hosts).collect()
}

/// Whether an authority could vouch for this host. Not for addresses, for names of this computer or without
/// a dot, and by these challenges not for wildcards.
fn can_be_certified(host: &str) -> bool {
    let labels = host.split('.').count();
    labels > 1
        && host.parse::<IpAddr>().is_err()
        && !host.contains(['*', '_'])
        && !host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(host: Option<&str>) -> Own<'_> {
        Own { host, wildcard: false }
    }

    fn names(own: Option<&str>, hosts: &[&str]) -> Vec<String> {
        let hosts = hosts.iter().map(|host| ((*host).to_owned(), Arc::from("alice"))).collect();
        wanted(plain(own), hosts, |_| false).into_iter().map(|wanted| wanted.name).collect()
    }

    #[test]
    fn the_own_host_comes_first_and_each_name_once() {
        let hosts = ["shop.example.com", "app.example.com", "tunnel.example.com", "shop.example.com"];
        let found = names(Some("tunnel.example.com"), &hosts);
        assert_eq!(found, ["tunnel.example.com", "app.example.com", "shop.example.com"]);
        assert!(wanted(plain(Some("tunnel.example.com")), Vec::new(), |_| false)[0].subject.is_none());
    }

    #[test]
    fn a_name_that_files_cover_is_not_ordered_too() {
        let hosts = ["app.example.com", "shop.example.org"].map(|host| (host.to_owned(), Arc::from("alice")));
        let covered = |host: &str| host.ends_with(".example.com");
        let found = wanted(plain(Some("tunnel.example.com")), hosts.to_vec(), covered);
        assert_eq!(found.into_iter().map(|wanted| wanted.name).collect::<Vec<_>>(), ["shop.example.org"]);
    }

    #[test]
    fn with_a_wildcard_names_right_below_the_own_host_are_ordered_together() {
        let hosts = ["shop.tunnel.example.com", "a.b.tunnel.example.com", "xtunnel.example.com"];
        let hosts: Vec<_> = hosts.iter().map(|host| ((*host).to_owned(), Arc::from("alice"))).collect();
        let own = Own { host: Some("tunnel.example.com"), wildcard: true };
        let names = |covered: fn(&str) -> bool| {
            wanted(own, hosts.clone(), covered).into_iter().map(|wanted| wanted.name).collect::<Vec<_>>()
        };
        let rest = ["a.b.tunnel.example.com", "xtunnel.example.com"];
        assert_eq!(names(|_| false)[..2], ["tunnel.example.com", "*.tunnel.example.com"]);
        assert_eq!(names(|_| false)[2..], rest);
        assert_eq!(names(|host| host.starts_with("x."))[..1], ["tunnel.example.com"]);
        assert_eq!(names(|host| host.starts_with("x."))[1..], rest);
        let local = Own { host: Some("localhost"), wildcard: true };
        assert!(wanted(local, Vec::new(), |_| false).is_empty());
    }

    #[test]
    fn what_no_authority_vouches_for_is_never_asked_for() {
        for host in
            ["localhost", "shop.localhost", "127.0.0.1", "::1", "intranet", "*.example.com", "a_b.example"]
        {
            assert!(names(Some(host), &[host]).is_empty(), "{host}");
        }
    }
}
