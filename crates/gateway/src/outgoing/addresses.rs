//! Which addresses the gateway calls for somebody else: pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What keeps `address` from being called, as part of a sentence. None: it may be, as any public one and those in
/// `allowed`.
pub fn refused(address: IpAddr, allowed: &[IpNet]) -> Option<&'static str> {
    let named = |address: IpAddr| allowed.iter().any(|network| network.contains(&address));
    if let IpAddr::V6(six) = address
        && let Some((what, four)) = within(six)
    {
        // Whoever allows a translator's network has not allowed all that it translates to.
        let four = IpAddr::V4(four);
        let meant = named(four) || (named(address) && reserved(four).is_none());
        return (!meant).then_some(what);
    }
    reserved(address).filter(|_| !named(address))
}

/// The IPv4 address that an IPv6 one stands for.
fn within(address: Ipv6Addr) -> Option<(&'static str, Ipv4Addr)> {
    let last = |bits: u128| Ipv4Addr::from(bits as u32);
    let bits = address.to_bits();
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] => Some(("an IPv4 address written as IPv6", last(bits))),
        // RFC 6052 §2.1, and RFC 8215 for translators within a network.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => Some(("an address of NAT64", last(bits))),
        // RFC 3056 §2.
        [0x2002, ..] => Some(("an address of 6to4", last(bits >> 80))),
        _ => None,
    }
}

/// What an address is that is not a public one.
fn reserved(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => reserved_v4(address),
        IpAddr::V6(address) => reserved_v6(address),
    }
}

/// Source: IANA's registry of special-purpose IPv4 addresses (RFC 6890).
fn reserved_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [0, ..] => "an unspecified address",
        [127, ..] => "a loopback address",
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => "a private address",
        [169, 254, ..] => "a link-local address",
        [100, 64..=127, ..] => "an address behind a carrier's NAT",
        [224..=239, ..] => "a multicast address",
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => {
            "a reserved address"
        }
        [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

/// Only what is given out as global unicast (2000::/3) is public; within it IANA keeps some.
fn reserved_v6(address: Ipv6Addr) -> Option<&'static str> {
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an unspecified address",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback address",
        [0xfe80..=0xfebf, ..] => "a link-local address",
        [0xfc00..=0xfdff, ..] => "a private address",
        [0xff00..=0xffff, ..] => "a multicast address",
        // 2001::/23 (Teredo and its like), documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "a reserved address",
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved address",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn nets(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn public_addresses_are_called_and_no_others() {
        for public in
            ["1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "198.20.0.0"]
        {
            assert_eq!(refused(ip(public), &[]), None, "{public}");
        }
        for public in ["2606:4700::1111", "2001:200::1", "2a00:1450::1", "3fff:1000::1"] {
            assert_eq!(refused(ip(public), &[]), None, "{public}");
        }
        for (address, what) in [
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("10.0.0.1", "private"),
            ("172.16.0.0", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("169.254.169.254", "link-local"),
            ("100.64.0.1", "carrier"),
            ("100.127.255.255", "carrier"),
            ("192.0.0.8", "reserved"),
            ("192.0.2.1", "reserved"),
            ("198.18.0.1", "reserved"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::7f00:1", "reserved"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("fd00:ec2::254", "private"),
            ("ff02::1", "multicast"),
            ("2001::1", "reserved"),
            ("2001:db8::1", "reserved"),
            ("100::1", "reserved"),
            ("::ffff:1.1.1.1", "IPv4"),
            ("::ffff:127.0.0.1", "IPv4"),
            ("64:ff9b::101:101", "NAT64"),
            ("64:ff9b::a9fe:a9fe", "NAT64"),
            ("64:ff9b:1::a00:1", "NAT64"),
            ("2002:7f00:1::", "6to4"),
        ] {
            let told = refused(ip(address), &[]);
            assert!(told.is_some_and(|told| told.contains(what)), "{address}: {told:?}");
        }
    }

    #[test]
    fn what_the_operator_allows_is_called_and_nothing_through_it() {
        let allowed = nets(&["10.1.0.0/16", "64:ff9b::/96", "::1/128"]);
        let open = |address: &str| refused(ip(address), &allowed).is_none();
        assert!(open("10.1.2.3") && open("::1") && open("::ffff:10.1.2.3") && open("64:ff9b::a01:203"));
        assert!(open("64:ff9b::101:101"), "a public address through a translator that was allowed");
        assert!(!open("64:ff9b::a9fe:a9fe") && !open("64:ff9b::a02:1"), "what it hides is judged by itself");
        assert!(!open("10.2.0.1") && !open("127.0.0.1") && !open("::ffff:127.0.0.1"));
        let all = nets(&["::/0"]);
        assert!(refused(ip("::ffff:10.0.0.1"), &all).is_some(), "IPv4 was not allowed");
    }
}
