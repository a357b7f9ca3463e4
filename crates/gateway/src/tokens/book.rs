//! The book of tokens in the data folder: who was given one, and which are revoked. The tokens
//! themselves are not kept.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::allowance::TokenLimits;

/// Entries kept; `token create` says when it is full.
const MAX_ENTRIES: usize = 100_000;

/// A token as it was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub hosts: Vec<String>,
    #[serde(default)]
    pub tcp: Option<String>,
    pub created: Timestamp,
    #[serde(default)]
    pub expires: Option<Timestamp>,
    #[serde(default)]
    pub revoked: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "TokenLimits::is_none")]
    pub limits: TokenLimits,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    tokens: Vec<Issued>,
}

/// `tokens.json` in the gateway's data folder.
#[derive(Debug, Clone)]
pub struct Book {
    file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum BookError {
    #[error("cannot read {}: {problem}; mend or remove the file", .file.display())]
    Unreadable { file: PathBuf, problem: String },
    #[error("cannot write {}: {problem}; make room or make the folder writable", .file.display())]
    Unwritable { file: PathBuf, problem: String },
    #[error("no token has the id \"{0}\"; `porthole-gateway token list` shows them")]
    Unknown(String),
    #[error("{} lists {MAX_ENTRIES} tokens, no more fit; remove old entries from it", .0.display())]
    Full(PathBuf),
}

impl Book {
    /// The book of the gateway's data folder.
    pub fn new(data: &Path) -> Self {
        Self { file: data.join("tokens.json") }
    }

    /// All tokens given out, oldest first.
    pub fn list(&self) -> Result<Vec<Issued>, BookError> {
        let content: Content = crate::files::read_json(&self.file)
            .map_err(|error| BookError::Unreadable { file: self.file.clone(), problem: error.to_string() })?;
        Ok(content.tokens)
    }

    /// Ids of the revoked ones.
    pub fn revoked(&self) -> Result<HashSet<String>, BookError> {
        Ok(self.list()?.into_iter().filter(|token| token.revoked.is_some()).map(|token| token.id).collect())
    }

    pub fn enter(&self, token: Issued) -> Result<(), BookError> {
        self.change(|tokens| {
            if tokens.len() >= MAX_ENTRIES {
                return Err(BookError::Full(self.file.clone()));
            }
            tokens.push(token);
            Ok(())
        })
    }

    /// Revokes a token; one revoked before stays so. A running gateway follows within 2 s.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<Issued, BookError> {
        self.change(|tokens| {
            let token = tokens.iter_mut().find(|token| token.id == id);
            let token = token.ok_or_else(|| BookError::Unknown(id.to_owned()))?;
            token.revoked.get_or_insert(now);
            Ok(token.clone())
        })
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Issued>) -> Result<T, BookError>,
    ) -> Result<T, BookError> {
        let unwritable = |error: std::io::Error| BookError::Unwritable {
            file: self.file.clone(),
            problem: error.to_string(),
        };
        let folder = self.file.parent().unwrap_or(Path::new("."));
        crate::files::make_folder(folder).map_err(unwritable)?;
        // Two `token create` at once must not lose one: the second waits here.
        let lock = File::create(folder.join("tokens.lock")).map_err(unwritable)?;
        lock.lock().map_err(unwritable)?;
        let mut content = Content { tokens: self.list()? };
        let outcome = change(&mut content.tokens)?;
        crate::files::write_json(&self.file, &content).map_err(unwritable)?;
        Ok(outcome)
    }
}
