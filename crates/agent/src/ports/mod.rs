//! What listens on this computer: ports with the programs and projects behind them.
//!
//! [`listening`] asks the system, [`sockets`] whether that may have changed, [`kind`] guesses from a command line, [`project`] looks for the folder that
//! a program was started in. Programs of other users are seen only as far as the system shows them.

mod kind;
mod project;
mod sockets;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use listeners::{Protocol, SocketState};

pub use sockets::sockets;

/// Ports told at once: a computer with more is no laptop.
const MAX_PORTS: usize = 1000;

/// Characters of a command line that are told.
const COMMAND_CHARS: usize = 500;

/// Our own programs: a tunnel to the tunnel helps nobody.
const OWN: [&str; 3] = ["porthole", "porthole-gateway", "porthole-desktop"];

/// One port with a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub port: u16,
    /// The widest address it listens on.
    pub address: IpAddr,
    pub pid: Option<u32>,
    /// The program's name.
    pub process: Option<String>,
    /// Its command line, shortened.
    pub command: Option<String>,
    /// What the project calls itself.
    pub project: Option<String>,
    /// Where the project is.
    pub folder: Option<PathBuf>,
    /// What it probably is: `vite`, `next`, `django`.
    pub kind: Option<&'static str>,
}

/// Asks the system. Takes some milliseconds for each hundred processes.
///
/// # Errors
/// A sentence, where the system does not tell.
pub fn listening() -> Result<Vec<Port>, String> {
    let all =
        listeners::get_all().map_err(|error| format!("the system does not tell what listens: {error}"))?;
    let mut ports: BTreeMap<(u16, u32), Port> = BTreeMap::new();
    for listener in all {
        if listener.protocol != Protocol::TCP || listener.state != SocketState::Listen {
            continue;
        }
        let pid = listener.process.pid;
        let name = whole_name(listener.process.name, &listener.process.path);
        if pid == std::process::id() || OWN.contains(&name.trim_end_matches(".exe")) {
            continue;
        }
        let address = listener.socket.ip();
        let key = (listener.socket.port(), pid);
        if let Some(known) = ports.get_mut(&key) {
            if width(address) > width(known.address) {
                known.address = address;
            }
        } else if ports.len() < MAX_PORTS {
            ports.insert(key, described(listener.socket.port(), address, pid, name));
        }
    }
    Ok(ports.into_values().collect())
}

/// Linux keeps 15 bytes of a program's name; its file has the rest.
fn whole_name(name: String, path: &str) -> String {
    let file = Path::new(path).file_name().and_then(|file| file.to_str());
    file.filter(|file| name.len() == 15 && file.starts_with(&name)).map(str::to_owned).unwrap_or(name)
}

/// Everybody, then other computers, then this one; of the same, the older protocol.
fn width(address: IpAddr) -> (u8, bool) {
    let reach = if address.is_unspecified() { 2 } else { u8::from(!address.is_loopback()) };
    (reach, address.is_ipv4())
}

fn described(port: u16, address: IpAddr, pid: u32, process: String) -> Port {
    let command = command(pid);
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let project = folder(pid).and_then(|folder| project::of(&folder));
    let (project, folder) = project.map_or((None, None), |found| (Some(found.name), Some(found.folder)));
    Port {
        port,
        address,
        kind: kind::of(&process, &words),
        pid: Some(pid),
        process: Some(process).filter(|name| !name.is_empty()),
        command: (!words.is_empty()).then(|| words.join(" ").chars().take(COMMAND_CHARS).collect()),
        project,
        folder,
    }
}

/// The words of a process's command line; none where the system does not show them.
#[cfg(target_os = "linux")]
fn command(pid: u32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes.split(|&byte| byte == 0).filter(|word| !word.is_empty());
    words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[cfg(not(target_os = "linux"))]
fn command(_pid: u32) -> Vec<String> {
    Vec::new()
}

/// Where a process works.
#[cfg(target_os = "linux")]
fn folder(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

#[cfg(not(target_os = "linux"))]
fn folder(_pid: u32) -> Option<PathBuf> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_cut_is_that_of_its_file() {
        let whole = |name: &str, path: &str| whole_name(name.into(), path);
        assert_eq!(whole("porthole-gatewa", "/usr/bin/porthole-gateway"), "porthole-gateway");
        assert_eq!(whole("next-server (v1", "/usr/bin/node"), "next-server (v1");
        assert_eq!(whole("node", "/usr/bin/nodejs"), "node");
    }

    #[test]
    fn the_widest_address_counts() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let from_wide = ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "127.0.0.1", "::1"];
        for pair in from_wide.windows(2) {
            assert!(width(address(pair[0])) > width(address(pair[1])), "{pair:?}");
        }
    }
}
