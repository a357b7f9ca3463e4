//! Installs what the tests need on a fresh Debian or Ubuntu, and says so before doing it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::sh;

/// The oldest Node that the fixtures' frameworks and the page's tools run on.
const NODE_AT_LEAST: (u32, u32) = (20, 19);

/// A program that tests need, and Debian's packages that bring it.
struct Tool {
    program: &'static str,
    probe: &'static [&'static str],
    packages: &'static [&'static str],
    why: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        program: "cc",
        probe: &["--version"],
        packages: &["build-essential"],
        why: "SQLite and the TLS library are compiled from C",
    },
    Tool {
        program: "nginx",
        // With the module that passes on bytes, which is a package of its own.
        probe: &["-tq", "-p", ".", "-c", "crates/xtask/nginx-stream.conf"],
        packages: &["nginx-light", "libnginx-mod-stream"],
        why: "tests put it in front of the gateway",
    },
    Tool {
        program: "haproxy",
        probe: &["-v"],
        packages: &["haproxy"],
        why: "tests put it in front of the gateway",
    },
    Tool {
        program: "caddy",
        probe: &["version"],
        packages: &["caddy"],
        why: "tests put it in front of the gateway",
    },
    Tool {
        program: "redis-cli",
        probe: &["--version"],
        packages: &["redis-server", "redis-tools"],
        why: "tests reach it through a TCP mapping",
    },
    Tool {
        program: "psql",
        probe: &["--version"],
        packages: &["postgresql", "postgresql-client"],
        why: "tests reach it through a TCP mapping",
    },
    Tool {
        program: "sshd",
        probe: &["-V"],
        packages: &["openssh-server"],
        why: "tests reach it through a TCP mapping",
    },
    Tool {
        program: "ssh",
        probe: &["-V"],
        packages: &["openssh-client"],
        why: "tests reach it through a TCP mapping",
    },
    Tool {
        program: "curl",
        probe: &["--version"],
        packages: &["curl"],
        why: "tests run the commands that Porthole writes for it",
    },
    Tool {
        program: "jq",
        probe: &["--version"],
        packages: &["jq"],
        why: "tests run the scripts that Porthole writes, which read JSON with it",
    },
    // Both are in one package; neither has an option that only says that it is there.
    Tool {
        program: "pebble",
        probe: &["-h"],
        packages: &["pebble"],
        why: "it is the certificate authority that tests ask for certificates",
    },
    Tool {
        program: "faketime",
        probe: &["--version"],
        packages: &["faketime"],
        why: "tests set one program's clock wrong with it",
    },
    Tool {
        program: "ip",
        probe: &["-Version"],
        packages: &["iproute2"],
        why: "tests make networks of their own with it",
    },
    Tool {
        program: "ethtool",
        probe: &["--version"],
        packages: &["ethtool"],
        why: "tests make networks of their own with it",
    },
];

/// Knows the libraries that the desktop app is built with: without it there is no app.
const LIBRARIES: &str = "pkg-config";

/// What the desktop app is built with, and what its tests sit at.
const DESKTOP_TOOLS: &[Tool] = &[
    Tool {
        program: LIBRARIES,
        probe: &["--exists", "webkit2gtk-4.1", "librsvg-2.0"],
        packages: &["pkg-config", "libwebkit2gtk-4.1-dev", "librsvg2-dev"],
        why: "the app's window is made of WebKitGTK",
    },
    Tool { program: "Xvfb", probe: &["-help"], packages: &["xvfb"], why: "tests have a screen of their own" },
    Tool {
        program: "dbus-daemon",
        probe: &["--version"],
        packages: &["dbus-daemon"],
        why: "tests have a session bus of their own",
    },
    Tool {
        program: "WebKitWebDriver",
        probe: &["--help"],
        packages: &["webkit2gtk-driver"],
        why: "tests drive the app's window with it",
    },
    Tool { program: "xclip", probe: &["-version"], packages: &["xclip"], why: "tests look at the clipboard" },
    Tool {
        program: "openbox",
        probe: &["--version"],
        packages: &["openbox"],
        why: "windows of tests are managed by it",
    },
    Tool {
        program: "wmctrl",
        probe: &["--version"],
        packages: &["wmctrl"],
        why: "tests find and close windows with it",
    },
    Tool {
        program: "import",
        probe: &["-version"],
        packages: &["imagemagick"],
        why: "a test that fails leaves a picture of its screen",
    },
    Tool {
        program: "gnome-keyring-daemon",
        probe: &["--version"],
        packages: &["gnome-keyring"],
        why: "tests keep tokens in a keychain of their own",
    },
    Tool {
        program: "fc-match",
        probe: &["DejaVu Sans"],
        packages: &["fontconfig", "fonts-dejavu-core"],
        why: "without a font the app's window shows no text",
    },
];

/// What packages are built with.
const PACKAGE_TOOLS: &[Tool] = &[
    Tool {
        program: "dpkg-deb",
        probe: &["--version"],
        packages: &["dpkg"],
        why: "it builds Debian's packages",
    },
    Tool {
        program: "dpkg-shlibdeps",
        probe: &["--version"],
        packages: &["dpkg-dev"],
        why: "it knows which libraries a Debian package needs",
    },
    Tool { program: "rpmbuild", probe: &["--version"], packages: &["rpm"], why: "it builds RPM packages" },
];

/// What looks at packages in tests.
const PACKAGE_TEST_TOOLS: &[Tool] = &[
    Tool {
        program: "lintian",
        probe: &["--version"],
        packages: &["lintian"],
        why: "tests have packages checked by it",
    },
    Tool {
        program: "desktop-file-validate",
        probe: &["--help"],
        packages: &["desktop-file-utils"],
        why: "tests have the app's entry in menus checked by it",
    },
    Tool {
        program: "appstreamcli",
        probe: &["--version"],
        packages: &["appstream"],
        why: "tests have what catalogues show of the app checked by it",
    },
    Tool {
        program: "systemd-analyze",
        probe: &["--version"],
        packages: &["systemd"],
        why: "tests have systemd's units checked by it",
    },
];

/// What only `cargo xtask bench` needs: programs to compare with.
const BENCH_TOOLS: &[Tool] = &[
    Tool {
        program: "nginx",
        probe: &["-v"],
        packages: &["nginx-light"],
        why: "it is the local service, and compared with",
    },
    Tool { program: "haproxy", probe: &["-v"], packages: &["haproxy"], why: "compared with" },
    Tool { program: "caddy", probe: &["version"], packages: &["caddy"], why: "compared with" },
    Tool { program: "sshd", probe: &["-V"], packages: &["openssh-server"], why: "compared with" },
    Tool { program: "ssh", probe: &["-V"], packages: &["openssh-client"], why: "compared with" },
];

/// Names under which a Chromium is found; the first is Debian's package.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The browser that tests look at the page with, installed where there is none and Debian's package can be had.
pub fn browser() -> Option<PathBuf> {
    let there = || {
        let name = BROWSERS.into_iter().find(|name| sh::works(name, &["--version"]))?;
        let places = std::env::var_os("PATH")?;
        std::env::split_paths(&places).map(|place| place.join(name)).find(|path| path.is_file())
    };
    there().or_else(|| {
        // By itself: Ubuntu has no such package, and one that is missing keeps apt from all the others.
        bring_in(&[&Tool {
            program: BROWSERS[0],
            probe: &["--version"],
            packages: &["chromium"],
            why: "tests look at the page with it",
        }]);
        there()
    })
}

/// What tests have to do without, after saying how each is brought: programs, and `root`.
pub fn absent() -> Vec<&'static str> {
    let mut absent = system_packages();
    if !is_root() {
        eprintln!("Not root: tests that make networks of their own are left out.");
        absent.push("root");
    }
    absent
}

/// Brings the system packages in; returns the programs that are still missing, after naming the command
/// that brings each.
fn system_packages() -> Vec<&'static str> {
    bring_in(&TOOLS.iter().collect::<Vec<_>>())
}

/// The same for the desktop app.
pub fn desktop_packages() -> Vec<&'static str> {
    bring_in(&DESKTOP_TOOLS.iter().collect::<Vec<_>>())
}

/// The same for what the desktop app is built with, without its tests.
pub fn desktop_libraries() -> Vec<&'static str> {
    bring_in(&DESKTOP_TOOLS.iter().filter(|tool| tool.program == LIBRARIES).collect::<Vec<_>>())
}

/// The same for those of [`PACKAGE_TOOLS`] that are named.
pub fn package_packages(programs: &[&str]) -> Vec<&'static str> {
    let wanted = |tool: &&Tool| programs.contains(&tool.program);
    bring_in(&PACKAGE_TOOLS.iter().filter(wanted).collect::<Vec<_>>())
}

/// The same for building packages and looking at them.
pub fn package_test_packages() -> Vec<&'static str> {
    bring_in(&PACKAGE_TOOLS.iter().chain(PACKAGE_TEST_TOOLS).collect::<Vec<_>>())
}

/// Whether the app can be built, whatever its tests lack.
pub fn builds_desktop(absent: &[&str]) -> bool {
    !absent.contains(&LIBRARIES)
}

/// The same for those of [`BENCH_TOOLS`] that are named.
pub fn bench_packages(programs: &[&str]) -> Vec<&'static str> {
    // nginx is the local service, whatever is compared.
    let wanted = |tool: &&Tool| tool.program == "nginx" || programs.contains(&tool.program);
    bring_in(&BENCH_TOOLS.iter().filter(wanted).collect::<Vec<_>>())
}

fn bring_in(tools: &[&'static Tool]) -> Vec<&'static str> {
    let missing = missing(tools);
    if missing.is_empty() {
        return Vec::new();
    }
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages.iter().copied()).collect();
    for tool in &missing {
        eprintln!("`{}` is not installed ({}).", tool.program, tool.why);
    }
    if let Some(prefix) = apt_prefix() {
        eprintln!("Installing {} with apt-get.", packages.join(", "));
        if let Err(error) = install(&prefix, &packages) {
            eprintln!("xtask: {error:#}");
        }
    }
    let absent: Vec<&str> = self::missing(tools).iter().map(|tool| tool.program).collect();
    if !absent.is_empty() {
        eprintln!(
            "Going on without {}; as root, `apt-get install -y {}` brings what needs it.",
            absent.join(", "),
            packages.join(" ")
        );
    }
    absent
}

fn missing(tools: &[&'static Tool]) -> Vec<&'static Tool> {
    tools.iter().copied().filter(|tool| !sh::works(tool.program, tool.probe)).collect()
}

fn install(prefix: &[String], packages: &[&str]) -> Result<()> {
    let apt = |words: &[&str]| {
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive");
        sh::run(&mut command)
    };
    // An old package list is the usual reason for a failed install on a fresh machine; a failed update
    // (one mirror of several away) is not yet a reason to stop.
    if let Err(error) = apt(&["update", "-q"]) {
        eprintln!("xtask: {error:#}");
    }
    let mut words = vec!["install", "-y", "-q", "--no-install-recommends"];
    words.extend(packages);
    apt(&words)
}

/// How to become root for apt: nothing, `sudo -n`, or not at all.
fn apt_prefix() -> Option<Vec<String>> {
    if !sh::works("apt-get", &["--version"]) {
        return None;
    }
    if is_root() {
        // `env` keeps the shape of the command the same as with sudo.
        return Some(vec!["env".to_owned()]);
    }
    sh::works("sudo", &["-n", "true"])
        .then(|| ["sudo", "-n", "--preserve-env=DEBIAN_FRONTEND"].map(str::to_owned).to_vec())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|uid| uid.stdout.trim_ascii() == b"0")
}

/// The formatter and the linter, through rustup where it is there.
pub fn rust_components() -> Result<()> {
    for (probe, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if sh::works("cargo", &[probe, "--version"]) {
            continue;
        }
        if !sh::works("rustup", &["--version"]) {
            bail!("cargo {probe} is missing: install the {component} component of your Rust toolchain");
        }
        eprintln!("Installing {component} with rustup.");
        sh::run(Command::new("rustup").args(["component", "add", component]))?;
    }
    Ok(())
}

/// The dev servers and clients that tests drive (Vite, Next, SignalR), exactly as locked.
pub fn node_fixtures() -> Result<()> {
    node_packages("crates/testkit/node", "the dev server tests")
}

/// Installs a folder's Node packages, exactly as locked, unless they are there.
pub fn node_packages(folder: &str, who: &str) -> Result<()> {
    let place = sh::root().join(folder);
    let lock = place.join("package-lock.json");
    let installed = place.join("node_modules/.package-lock.json");
    let modified = |path: &std::path::Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    if modified(&installed).is_some_and(|done| modified(&lock).is_some_and(|wanted| done >= wanted)) {
        return Ok(());
    }
    let (major, minor) = NODE_AT_LEAST;
    let Some(version) = node_version() else {
        bail!("Node is not installed: {who} need Node {major}.{minor} or newer");
    };
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if found < NODE_AT_LEAST {
        bail!("Node {version} is too old: {who} need Node {major}.{minor} or newer");
    }
    eprintln!("Installing Node packages, as locked, in {folder}.");
    let mut command = Command::new("npm");
    command.args(["ci", "--no-audit", "--no-fund"]).current_dir(&place);
    sh::run(&mut command).with_context(|| format!("{who} need their packages"))
}

/// Like `v20.19.0`; none where there is no Node.
pub fn node_version() -> Option<String> {
    let output = Command::new("node").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
