//! What somebody wants sent again.

use serde::{Deserialize, Serialize};

/// Which exchanges, how often, changed how, to where. Travels over the engine's door.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ask {
    /// In this order.
    pub ids: Vec<i64>,
    /// The whole row of them so often.
    pub times: u32,
    pub edit: Edit,
    /// `None`: where it went the first time.
    pub to: Option<To>,
}

/// What is to be different from the original.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Edit {
    pub method: Option<String>,
    /// Path and query.
    pub target: Option<String>,
    /// All fields, in place of the original ones.
    pub fields: Option<Vec<(String, String)>>,
    /// Single fields: set, or taken away. After `fields`.
    pub set: Vec<(String, Option<String>)>,
    #[serde(with = "super::base64::option")]
    pub body: Option<Vec<u8>>,
}

/// Another place to send it to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// On this computer.
    Port(u16),
    /// As on the command line: this computer, or what a mapping names.
    Target(String),
    /// A mapping's id or name.
    Mapping(String),
}

impl Edit {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
