//! Saves what a link of the page downloads: the engine's answer, as it comes, among the user's downloads.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use porthole_desktop::client::{Client, ClientError};
use porthole_desktop::window::Said;

/// Names tried for one file, `a (1).har` and so on; somebody with more of them wants to tidy up.
const NAMES: u32 = 1000;

/// Bytes of a name, which every file system takes.
const NAME_BYTES: usize = 120;

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    Engine(#[from] ClientError),
    #[error("the engine refused it with status {0}")]
    Status(http::StatusCode),
    #[error("no such address: {0}")]
    Request(#[from] http::Error),
    #[error("the answer broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("it cannot be written to {folder}: {source}")]
    Write { folder: PathBuf, source: io::Error },
    #[error("this user has no home folder")]
    NoFolder,
}

/// Saves the answer to `path`; what came of it.
pub async fn save(client: Client, path: String) -> Said {
    match fetch(&client, &path).await {
        Ok(file) => Said::Saved { file },
        Err(error) => Said::NotSaved { why: error.to_string() },
    }
}

async fn fetch(client: &Client, path: &str) -> Result<PathBuf, SaveError> {
    let response = client.send(Request::get(path).body(Full::<Bytes>::default())?).await?;
    if !response.status().is_success() {
        return Err(SaveError::Status(response.status()));
    }
    let given = response.headers().get(header::CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
    let name = given.and_then(file_name).unwrap_or_else(|| "porthole-download".into());
    let users = directories::UserDirs::new().ok_or(SaveError::NoFolder)?;
    let folder = users.download_dir().filter(|dir| dir.is_dir()).unwrap_or(users.home_dir()).to_owned();
    let failed = |source| SaveError::Write { folder: folder.clone(), source };
    let (mut file, saved) = create(&folder, &name).map_err(failed)?;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    file.write_all(&data).map_err(failed)?;
                }
            }
            Err(error) => {
                // Half a file would look like a whole one.
                let _ = std::fs::remove_file(&saved);
                return Err(error.into());
            }
        }
    }
    Ok(saved)
}

/// The name in `attachment; filename="…"`, without any folder.
fn file_name(disposition: &str) -> Option<String> {
    let (_, rest) = disposition.split_once("filename=")?;
    let name = rest.trim_start_matches('"').split(['"', ';']).next()?;
    let name = name.rsplit(['/', '\\']).next()?.trim_start_matches('.');
    let name: String = name.chars().filter(|c| !c.is_control() && !"<>:|?*".contains(*c)).collect();
    (!name.is_empty() && name.len() <= NAME_BYTES).then_some(name)
}

/// A new file of that name, or one like it where that is taken.
fn create(folder: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) => (stem, format!(".{ending}")),
        None => (name, String::new()),
    };
    for number in 0..NAMES {
        let name = if number == 0 { name.to_owned() } else { format!("{stem} ({number}){ending}") };
        let path = folder.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_as_the_engine_says_and_never_put_elsewhere() {
        assert_eq!(file_name("attachment; filename=\"exchanges.har\"").as_deref(), Some("exchanges.har"));
        assert_eq!(file_name("attachment; filename=body.json; x=1").as_deref(), Some("body.json"));
        assert_eq!(file_name("attachment; filename=\"../../.bashrc\"").as_deref(), Some("bashrc"));
        assert_eq!(file_name("attachment; filename=\"C:\\\\a\\\\b.txt\"").as_deref(), Some("b.txt"));
        assert_eq!(file_name("attachment; filename=\"..\""), None);
        assert_eq!(file_name("inline"), None);
    }

    #[test]
    fn nothing_that_is_there_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["a.har", "a (1).har", "a (2).har"];
        for name in names {
            assert_eq!(create(folder.path(), "a.har").unwrap().1, folder.path().join(name));
        }
        create(folder.path(), "b").unwrap();
        assert_eq!(create(folder.path(), "b").unwrap().1, folder.path().join("b (1)"));
    }
}
