//! What this app came as, and how a newer one takes its place.

use std::io;
use std::path::{Path, PathBuf};

/// The newer one's name while it comes, beside the one that it is for: a file is replaced whole only within one
/// file system. Always the same, so that what a crash left is written over.
const PART: &str = ".porthole-update.part";

/// What this app came as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// An AppImage, at this path: one file, which belongs to whoever put it there.
    Image(PathBuf),
    /// Anything else: a package of the system's, or what somebody built.
    Otherwise,
}

impl Installed {
    pub fn find() -> Self {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let program = std::env::current_exe().ok();
        Self::of(variable("APPIMAGE"), variable("APPDIR"), program.as_deref())
    }

    /// A program that another AppImage has started finds that one's variables: this one's own lies below its folder.
    fn of(image: Option<PathBuf>, folder: Option<PathBuf>, program: Option<&Path>) -> Self {
        match (image, folder, program) {
            (Some(image), Some(folder), Some(program))
                if image.is_file() && !folder.as_os_str().is_empty() && program.starts_with(&folder) =>
            {
                Self::Image(image)
            }
            _ => Self::Otherwise,
        }
    }
}

/// Where a newer image is while it comes.
pub fn part(image: &Path) -> PathBuf {
    image.with_file_name(PART)
}

/// Puts `part` in the place of `image`, with its permissions.
pub fn replace(image: &Path, part: &Path) -> io::Result<()> {
    std::fs::set_permissions(part, std::fs::metadata(image)?.permissions())?;
    std::fs::rename(part, image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_out_of_an_image_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("Porthole.AppImage");
        std::fs::write(&image, "x").unwrap();
        let of = |image: &Path, mounted: &str, program: &str| {
            Installed::of(Some(image.to_owned()), Some(mounted.into()), Some(Path::new(program)))
        };
        let inside = "/tmp/.mount_a/usr/bin/porthole-desktop";
        assert_eq!(of(&image, "/tmp/.mount_a", inside), Installed::Image(image.clone()));
        assert_eq!(of(&image, "/tmp/.mount_a", "/usr/bin/porthole-desktop"), Installed::Otherwise);
        assert_eq!(of(&image, "", inside), Installed::Otherwise);
        assert_eq!(of(&folder.path().join("gone"), "/tmp/.mount_a", inside), Installed::Otherwise);
        assert_eq!(Installed::of(None, None, Some(Path::new(inside))), Installed::Otherwise);
    }

    #[cfg(unix)]
    #[test]
    fn what_takes_its_place_can_be_started_as_it_could() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("Porthole.AppImage");
        std::fs::write(&image, "old").unwrap();
        std::fs::set_permissions(&image, std::fs::Permissions::from_mode(0o750)).unwrap();
        let part = part(&image);
        std::fs::write(&part, "new").unwrap();
        replace(&image, &part).unwrap();
        assert_eq!(std::fs::read(&image).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&image).unwrap().permissions().mode() & 0o777, 0o750);
        assert!(!part.exists());
    }
}
