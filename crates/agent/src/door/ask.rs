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
    #[serde(with = "as_base64")]
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

/// Bytes as text that JSON carries.
mod as_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "this is how serde calls it")]
    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| STANDARD.decode(text).map_err(D::Error::custom)).transpose()
    }
}
