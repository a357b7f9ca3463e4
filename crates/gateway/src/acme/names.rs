//! Which hosts are to have a certificate of their own.

use std::net::IpAddr;
use std::sync::Arc;

use super::schedule::Wanted;

/// The gateway's own host first, then those of live mappings by their name. A name that is none of these is
/// never ordered, whoever asks for it; nor is one that is `covered` by a certificate from elsewhere.
pub fn wanted(
    own: Option<&str>,
    hosts: Vec<(String, Arc<str>)>,
    covered: impl Fn(&str) -> bool,
) -> Vec<Wanted> {
    let own = own.map(|host| Wanted { name: host.to_owned(), subject: None });
    let mut hosts: Vec<_> =
        hosts.into_iter().filter(|(host, _)| Some(host) != own.as_ref().map(|own| &own.name)).collect();
    hosts.sort();
    hosts.dedup_by(|later, first| later.0 == first.0);
    let hosts = hosts.into_iter().map(|(name, subject)| Wanted { name, subject: Some(subject) });
    let all = own.into_iter().chain(hosts);
    all.filter(|wanted| can_be_certified(&wanted.name) && !covered(&wanted.name)).collect()
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

    fn names(own: Option<&str>, hosts: &[&str]) -> Vec<String> {
        let hosts = hosts.iter().map(|host| ((*host).to_owned(), Arc::from("alice"))).collect();
        wanted(own, hosts, |_| false).into_iter().map(|wanted| wanted.name).collect()
    }

    #[test]
    fn the_own_host_comes_first_and_each_name_once() {
        let hosts = ["shop.example.com", "app.example.com", "tunnel.example.com", "shop.example.com"];
        let found = names(Some("tunnel.example.com"), &hosts);
        assert_eq!(found, ["tunnel.example.com", "app.example.com", "shop.example.com"]);
        assert!(wanted(Some("tunnel.example.com"), Vec::new(), |_| false)[0].subject.is_none());
    }

    #[test]
    fn a_name_that_files_cover_is_not_ordered_too() {
        let hosts = ["app.example.com", "shop.example.org"].map(|host| (host.to_owned(), Arc::from("alice")));
        let covered = |host: &str| host.ends_with(".example.com");
        let found = wanted(Some("tunnel.example.com"), hosts.to_vec(), covered);
        assert_eq!(found.into_iter().map(|wanted| wanted.name).collect::<Vec<_>>(), ["shop.example.org"]);
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
