//! What is in the packages, and where it is installed: told here once for both kinds.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::made::{Made, SHELLS};
use crate::sh;

/// Kinds of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Deb,
    Rpm,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Deb, Self::Rpm];

    pub fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }

    /// What builds it.
    pub fn tools(self) -> &'static [&'static str] {
        match self {
            Self::Deb => &["dpkg-deb", "dpkg-shlibdeps"],
            Self::Rpm => &["rpmbuild"],
        }
    }

    /// Where zsh looks for completions of packages.
    fn zsh(self) -> &'static str {
        match self {
            Self::Deb => "usr/share/zsh/vendor-completions",
            Self::Rpm => "usr/share/zsh/site-functions",
        }
    }
}

/// One package, of either kind.
#[derive(Debug)]
pub struct Package {
    pub name: &'static str,
    pub summary: &'static str,
    /// Lines of text, of 80 characters at most.
    pub description: &'static [&'static str],
    /// Debian's section.
    pub section: &'static str,
    /// Ours that hold them.
    pub crates: &'static [&'static str],
    /// Installed into `/usr/bin`. The first has completions and writes the manual pages.
    pub programs: &'static [&'static str],
    /// From below `installer/NAME` to below `/`. What is put below `/etc` is the administrator's from then on.
    files: &'static [(&'static str, &'static str)],
    /// It has an icon, and the page inside.
    pub app: bool,
    /// Other packages that it needs, beside those of the libraries that its programs load, in each kind's words.
    needs: &'static [(Kind, &'static str)],
    pub recommends: &'static [&'static str],
    pub suggests: &'static [&'static str],
}

pub const PACKAGES: [&Package; 2] = [&PORTHOLE, &GATEWAY];

const PORTHOLE: Package = Package {
    name: "porthole",
    summary: "tunnel from a public URL to a local port, with an inspector",
    description: &[
        "Porthole puts a local port on the internet through a gateway that you own,",
        "and lets you watch, search and replay what comes through.",
        "",
        "This package has the desktop app (tray and window) and the command line",
        "porthole, which works without a desktop, too.",
    ],
    section: "net",
    crates: &["porthole-agent", "porthole-desktop"],
    programs: &["porthole", "porthole-desktop", "porthole-window"],
    files: &[
        ("porthole.desktop", "usr/share/applications/porthole.desktop"),
        ("dev.porthole.Porthole.metainfo.xml", "usr/share/metainfo/dev.porthole.Porthole.metainfo.xml"),
        ("porthole.service", "usr/lib/systemd/user/porthole.service"),
    ],
    app: true,
    needs: &[],
    // For trying it out on one computer, and for links that lead to the browser.
    recommends: &["porthole-gateway", "xdg-utils"],
    // Where tokens are kept; what shows the tray in GNOME.
    suggests: &["gnome-keyring", "gnome-shell-extension-appindicator"],
};

const GATEWAY: Package = Package {
    name: "porthole-gateway",
    summary: "public end of Porthole's tunnels, on a server of your own",
    description: &[
        "Porthole puts a local port on the internet through a gateway that you own.",
        "",
        "This package has that gateway, with a systemd unit that is not enabled by",
        "itself. On a laptop, Porthole starts it for trying things out.",
    ],
    section: "net",
    crates: &["porthole-gateway"],
    programs: &["porthole-gateway"],
    files: &[
        ("porthole-gateway.service", "usr/lib/systemd/system/porthole-gateway.service"),
        ("sysusers.conf", "usr/lib/sysusers.d/porthole-gateway.conf"),
        ("gateway.toml", "etc/porthole/gateway.toml"),
    ],
    app: false,
    // Its user is made by this.
    needs: &[
        (Kind::Deb, "systemd | systemd-standalone-sysusers"),
        (Kind::Rpm, "(systemd or systemd-standalone-sysusers)"),
    ],
    recommends: &["ca-certificates"],
    suggests: &[],
};

/// Sizes of the app's icon in pixels, as they lie in `icons/`.
const ICON_SIZES: [u32; 9] = [16, 22, 24, 32, 48, 64, 128, 256, 512];

/// One file of a package.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub from: PathBuf,
    /// Below `/`.
    pub to: String,
    pub program: bool,
}

impl Package {
    /// Its folder in `installer/`.
    pub fn folder(&self) -> PathBuf {
        sh::root().join("installer").join(self.name)
    }

    pub fn needs(&self, kind: Kind) -> impl Iterator<Item = &'static str> {
        self.needs.iter().filter(move |(of, _)| *of == kind).map(|(_, name)| *name)
    }

    /// Every file that is installed, apart from what says where they come from (licence, changes).
    pub fn items(&self, kind: Kind, made: &Made) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        let mut put = |from: PathBuf, to: String| items.push(Item { from, to, program: false });
        for page in made.pages(self.programs[0])? {
            let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
            put(page, format!("usr/share/man/man1/{name}"));
        }
        for shell in SHELLS {
            let name = self.programs[0];
            let to = match shell {
                "bash" => format!("usr/share/bash-completion/completions/{name}"),
                "zsh" => format!("{}/_{name}", kind.zsh()),
                _ => format!("usr/share/fish/vendor_completions.d/{name}.fish"),
            };
            put(made.completions(name, shell), to);
        }
        for (from, to) in self.files {
            put(self.folder().join(from), (*to).to_owned());
        }
        put(made.notices(self), format!("usr/share/doc/{}/libraries.gz", self.name));
        if self.app {
            let icons = sh::root().join("icons");
            let themed = Path::new("usr/share/icons/hicolor");
            for size in ICON_SIZES {
                let to = themed.join(format!("{size}x{size}/apps/porthole.png"));
                put(icons.join(format!("porthole-{size}.png")), to.display().to_string());
            }
            let to = themed.join("scalable/apps/porthole.svg");
            put(icons.join("porthole.svg"), to.display().to_string());
        }
        for name in self.programs {
            items.push(Item { from: made.program(name), to: format!("usr/bin/{name}"), program: true });
        }
        Ok(items)
    }
}
