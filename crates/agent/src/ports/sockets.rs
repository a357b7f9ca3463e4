//! Which sockets listen, without asking whose they are: that is what takes time, and it rarely changes.

/// The numbers of all TCP sockets that listen, in order; none where the system does not show them.
pub fn sockets() -> Option<Vec<u64>> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let mut found = inodes(&std::fs::read_to_string("/proc/net/tcp").ok()?);
    // There may be no IPv6.
    found.extend(inodes(&std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default()));
    found.sort_unstable();
    Some(found)
}

/// Of the lines of `/proc/net/tcp` those whose state, the fourth word, is that of a listener: their tenth word.
fn inodes(table: &str) -> Vec<u64> {
    /// `TCP_LISTEN` of Linux' `include/net/tcp_states.h`.
    const LISTEN: &str = "0A";
    let inode = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(3);
        (words.next()? == LISTEN).then(|| words.nth(5)?.parse().ok())?
    };
    table.lines().skip(1).filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_from_connections() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000 100 0 0 10 0
   1: 0100007F:0BB8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0000 20 4 30 10 -1
   2: cut";
        assert_eq!(inodes(table), [4242]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_new_listener_is_among_them_until_it_is_closed() {
        use std::os::fd::AsRawFd;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
        let inode =
            link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap();
        assert!(sockets().unwrap().contains(&inode));
        drop(listener);
        assert!(!sockets().unwrap().contains(&inode));
    }
}
