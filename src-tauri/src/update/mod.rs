//! Newer versions of the app: looked for when somebody asks, or once a day where somebody switched that on; never
//! put in place unless somebody says so, and never while requests run.
//!
//! In reading order: [`source`] (where to look, set when the app is built) → [`release`] (what is said there) →
//! [`signed`] (whether it is ours) → [`fetch`] (bytes, within bounds) → [`installed`] (what this app came as) →
//! [`ask`] (what a person sees of it).
//!
//! An AppImage is replaced by this program itself. A package belongs to the system's package manager, which would
//! undo whatever came past it: there the app says what is new, and opens the page where it is had.

pub mod ask;
pub mod fetch;
pub mod installed;
pub mod release;
pub mod signed;
pub mod source;

use std::path::PathBuf;

use semver::Version;
use serde::Serialize;

pub use fetch::FetchError;
pub use installed::Installed;
pub use release::{Asset, Release, ReleaseError};
pub use signed::SignatureError;
pub use source::Source;

/// How far the search for a newer version is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Update {
    /// This app was built without a place to look at.
    #[default]
    Unknown,
    /// Nobody has asked.
    Idle,
    Looking,
    /// There is no newer one.
    Current,
    Newer(Newer),
    Fetching(Newer),
    /// It is here, and waits for requests to end.
    Waiting {
        version: Version,
        open: usize,
    },
}

/// A version that is newer than this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newer {
    pub version: Version,
    pub how: How,
}

/// How somebody comes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// This program puts it in place by itself.
    Install,
    /// There is a page where it is had.
    Page,
    /// Nothing more is known than that it is there.
    Told,
}

/// Why there is no newer version here. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("{} cannot be replaced: {source}", path.display())]
    Replace { path: PathBuf, source: std::io::Error },
}

impl UpdateError {
    /// For whoever helps.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fetch(error) => error.code(),
            Self::Release(_) => "update-unreadable",
            Self::Signature(_) => "update-signature",
            Self::Replace { .. } => "update-not-replaced",
        }
    }
}

/// Looks for newer versions at one place, for one kind of installation.
#[derive(Debug)]
pub struct Updater {
    source: Source,
    installed: Installed,
    own: Version,
}

impl Updater {
    /// None where this app was built without a place to look at.
    pub fn find() -> Option<Self> {
        let own = match Version::parse(env!("CARGO_PKG_VERSION")) {
            Ok(own) => own,
            Err(error) => {
                tracing::error!(%error, "this app's own version cannot be read");
                return None;
            }
        };
        match Source::find()? {
            Ok(source) => Some(Self { source, installed: Installed::find(), own }),
            Err(error) => {
                tracing::error!(%error, "this app was built to look for updates where it cannot");
                None
            }
        }
    }

    /// The page for people.
    pub fn page(&self) -> Option<&str> {
        self.source.page.as_ref().map(url::Url::as_str)
    }

    /// Looks; the newest version, where that is newer than this one.
    pub async fn look(&self) -> Result<Option<Release>, UpdateError> {
        let text = fetch::text(&self.source).await?;
        let release = Release::read(&text)?;
        Ok((release.version > self.own).then_some(release))
    }

    /// How somebody comes to a version.
    pub fn how(&self, release: &Release) -> How {
        match (&self.installed, &release.asset, &self.source.page) {
            (Installed::Image(_), Some(_), _) => How::Install,
            (_, _, Some(_)) => How::Page,
            _ => How::Told,
        }
    }

    /// Fetches a version and checks that it is ours; it lies beside the program then.
    pub async fn fetch(&self, release: &Release) -> Result<Fetched, UpdateError> {
        let (Installed::Image(image), Some(asset)) = (&self.installed, &release.asset) else {
            return Err(ReleaseError::NotForHere.into());
        };
        let signature = signed::signature(&asset.signature, &release.version)?;
        let mut verifier = self.source.key.verify_stream(&signature).map_err(SignatureError::from)?;
        let fetched = Fetched { part: installed::part(image), image: image.clone() };
        fetch::file(&self.source, &asset.url, &fetched.part, |bytes| verifier.update(bytes)).await?;
        verifier.finalize().map_err(SignatureError::from)?;
        Ok(fetched)
    }
}

/// A version that was fetched and found to be ours; forgotten when dropped.
#[derive(Debug)]
pub struct Fetched {
    part: PathBuf,
    image: PathBuf,
}

impl Fetched {
    /// Puts it in the program's place; what runs goes on until it ends. The program to start then.
    pub fn install(self) -> Result<PathBuf, UpdateError> {
        installed::replace(&self.image, &self.part)
            .map_err(|source| UpdateError::Replace { path: self.image.clone(), source })?;
        Ok(self.image.clone())
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        // Gone where it was put in place.
        let _ = std::fs::remove_file(&self.part);
    }
}
