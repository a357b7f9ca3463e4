//! A life with the package: installed, started, removed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_testkit::process::{self, Process};
use porthole_testkit::wait::eventually;
use porthole_testkit::{Visitor, has_program, is_root};
use rustix::process::Signal;

use super::{LABEL, Packages, done, value};
use crate::desk::Desk;
use crate::has_desktop;

const NAMES: [&str; 2] = ["porthole", "porthole-gateway"];

/// What the service keeps.
const STATE: &str = "/var/lib/porthole-gateway";

/// Held by whoever has a test's packages installed: this system has room for one of them.
fn turn() -> File {
    let lock = File::create(std::env::temp_dir().join("porthole-packages-test.lock")).expect("a file");
    lock.lock().expect("a lock");
    lock
}

/// Waits for others that install something, and asks nothing.
fn apt(words: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    command.args(["-y", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "APT::Install-Recommends=false"]);
    // Images for containers leave manual pages out.
    command.args(["-o", "DPkg::Options::=--path-include=/usr/share/*"]).args(words);
    command
}

/// Packages that are installed; they leave with this.
struct Installed {
    _turn: File,
}

impl Installed {
    /// None, once said, where somebody has Porthole installed for use.
    fn new(packages: &[PathBuf]) -> Option<Self> {
        let turn = turn();
        // What a test left that was ended before its time.
        purge();
        for package in packages {
            let list = done(Command::new("dpkg-deb").args(["--contents"]).arg(package));
            let files = list.lines().filter(|line| !line.ends_with('/'));
            for file in files.filter_map(|line| line.rsplit_once(" ./")) {
                let path = Path::new("/").join(file.1);
                if path.exists() {
                    eprintln!("skipped: {} is there already, and not a test's", path.display());
                    return None;
                }
            }
        }
        let installed = Self { _turn: turn };
        done(apt(&["install", "--no-remove"]).args(packages));
        Some(installed)
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        purge();
    }
}

/// Removes a test's packages with all that they kept, and nobody else's.
fn purge() {
    let installed = |name: &&str| {
        let mut command = Command::new("dpkg-query");
        let output = command.args(["--show", "--showformat=${Version}", name]).output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).ends_with(&format!("~{LABEL}")))
    };
    let names: Vec<&str> = NAMES.into_iter().filter(|name| installed(name)).collect();
    if !names.is_empty() {
        done(apt(&["purge"]).args(names));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_package_starts_from_its_desktop_entry_and_leaves_nothing_behind() {
    let tools = ["dpkg-deb", "dpkg-shlibdeps", "systemd-analyze"];
    if !has_desktop() || !tools.into_iter().all(has_program) || !is_root("install packages") {
        return;
    }
    let packages = Packages::pack(Some("deb"));
    let Some(installed) = Installed::new(&packages.of("deb")) else { return };
    let files = done(Command::new("dpkg").arg("--listfiles").args(NAMES));
    let files: Vec<&Path> = files.lines().map(Path::new).filter(|path| path.is_file()).collect();
    for needed in ["/usr/bin/porthole", "/usr/share/man/man1/porthole.1.gz", "/etc/porthole/gateway.toml"] {
        assert!(files.contains(&Path::new(needed)), "{needed} is not among {files:?}");
    }
    done(Command::new("dpkg").arg("--verify").args(NAMES));
    for name in NAMES {
        let version = done(process::command(Path::new("/usr/bin").join(name).as_path()).arg("--version"));
        assert_eq!(version, format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
    }
    the_units_are_understood();
    the_app_starts_from_its_desktop_entry().await;
    the_gateways_unit_starts_a_gateway().await;

    drop(installed);
    let left: Vec<_> = files.into_iter().filter(|path| path.exists()).collect();
    assert!(left.is_empty(), "{left:?}");
    for folder in [STATE, "/etc/porthole"] {
        assert!(!Path::new(folder).exists(), "{folder} is left");
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("users");
    assert!(!users.contains("porthole-gateway"), "{users}");
}

/// With what they name: programs and manual pages are there only now.
fn the_units_are_understood() {
    for words in [
        &["verify", "/usr/lib/systemd/system/porthole-gateway.service"][..],
        &["--user", "verify", "/usr/lib/systemd/user/porthole.service"],
    ] {
        let home = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("systemd-analyze");
        command.env("XDG_RUNTIME_DIR", home.path()).args(["--man=no"]).args(words);
        let said = done(&mut command);
        // Units of others that ours name are looked at, too.
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("porthole")).collect();
        assert!(ours.is_empty(), "{ours:?}");
    }
}

async fn the_app_starts_from_its_desktop_entry() {
    let desk = Desk::new().await;
    let started = value("/usr/share/applications/porthole.desktop", "Exec");
    // No link was clicked: nothing stands for it.
    let (program, rest) = started.split_once(' ').expect("a place for a link");
    assert_eq!(rest, "%u");
    let mut app = Process::start("the installed app", desk.command(program));
    eventually("the window", || desk.has_window("Porthole")).await;
    let own = std::fs::read_link(format!("/proc/{}/exe", app.pid())).expect("a running program");
    assert_eq!(own, Path::new("/usr/bin/porthole-desktop"));
    desk.tray.line(&["Connected to the trial gateway"]).await;
    desk.tray.click(&["Quit"]).await;
    assert_eq!(app.exit_code().await, Some(0));
}

/// As systemd would: its command, its user, its folder.
async fn the_gateways_unit_starts_a_gateway() {
    let unit = "/usr/lib/systemd/system/porthole-gateway.service";
    let user = value(unit, "User");
    assert_eq!(Path::new("/var/lib").join(value(unit, "StateDirectory")), Path::new(STATE));
    let mut folder = Command::new("install");
    done(folder.args(["-d", "-m", &value(unit, "StateDirectoryMode"), "-o", &user, "-g", &user, STATE]));
    let as_user = |words: &str| {
        let mut command = process::command(Path::new("setpriv"));
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).args(words.split(' '));
        // Beside a gateway that somebody has on its usual port.
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
        command.env("HOME", STATE).env("PORTHOLE_GATEWAY_LISTEN", "127.0.0.1:0");
        command
    };
    let started = value(unit, "ExecStart");
    done(&mut as_user(&started.replace(" serve ", " check ")));
    let mut gateway = Process::start("the service", as_user(&started));
    let address = gateway
        .line("where it listens", |line| {
            line.split_once("listening on ")?.1.split(',').next()?.parse::<SocketAddr>().ok()
        })
        .await;
    let reply = Visitor::new(address, "localhost").get("/health").await;
    assert_eq!(reply.status, 200);
    let token = done(&mut as_user("porthole-gateway token create --name alice"));
    assert!(token.contains("porthole login"), "{token}");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exit_code().await, Some(0));
}
