//! What those say who check packages for a living.

use std::process::Command;

use porthole_testkit::binaries::root;
use porthole_testkit::has_program;

use super::{Packages, done};
use crate::has_desktop;

#[test]
fn those_who_check_packages_find_nothing_wrong_with_ours() {
    let tools = ["dpkg-deb", "dpkg-shlibdeps", "lintian", "desktop-file-validate", "appstreamcli"];
    if !has_desktop() || !tools.into_iter().all(has_program) {
        return;
    }
    let installer = root().join("installer/porthole");
    let entry = done(Command::new("desktop-file-validate").arg(installer.join("porthole.desktop")));
    assert_eq!(entry, "", "not even a hint");
    let metainfo = installer.join("dev.porthole.Porthole.metainfo.xml");
    done(Command::new("appstreamcli").args(["validate", "--no-net"]).arg(metainfo));
    let packages = Packages::pack(None);
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error,warning"]);
    done(lintian.args(packages.of("deb")));
    if !has_program("rpmbuild") {
        return;
    }
    for package in packages.of("rpm") {
        let rpm = |words: &[&str]| done(Command::new("rpm").args(words).arg(&package));
        assert!(rpm(&["-K", "--nosignature"]).contains("digests OK"), "{}", package.display());
        let files = rpm(&["-qpl"]);
        let name = rpm(&["-qp", "--queryformat", "%{NAME}"]);
        for file in [format!("/usr/bin/{name}"), format!("/usr/share/man/man1/{name}.1.gz")] {
            assert!(files.lines().any(|line| line == file), "{file} is not in\n{files}");
        }
        // Found by rpm itself, by the libraries that the programs load.
        let needs = rpm(&["-qp", "--requires"]);
        assert_eq!(needs.contains("libwebkit2gtk-4.1.so.0"), name == "porthole", "{needs}");
    }
}
