//! What somebody wants sent again.

use serde::{Deserialize, Serialize};

use super::ReplayError;
use crate::capture::BODY_BYTES;

/// Exchanges sent again with one request, one after the other: what a person picks by hand.
pub const MOST_IDS: usize = 100;

/// How often the same is sent: enough to see what comes now and then, too few for a load test.
pub const MOST_TIMES: u32 = 100;

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

impl Ask {
    /// The exchanges to send, one after the other.
    ///
    /// # Errors
    /// Where it asks for nothing or too much.
    pub fn turns(&self) -> Result<impl Iterator<Item = i64> + '_, ReplayError> {
        if self.ids.is_empty() {
            return Err(ReplayError::Nothing);
        }
        if self.ids.len() > MOST_IDS {
            return Err(ReplayError::TooMany);
        }
        if !(1..=MOST_TIMES).contains(&self.times) {
            return Err(ReplayError::Times(self.times));
        }
        if self.edit.body.as_ref().is_some_and(|body| body.len() > BODY_BYTES) {
            return Err(ReplayError::LargeBody);
        }
        Ok((0..self.times).flat_map(|_| self.ids.iter().copied()))
    }
}

impl Edit {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `Name: value` sets a field, `Name:` takes it away; as curl has it.
pub fn header_line(line: &str) -> Result<(String, Option<String>), ReplayError> {
    let wrong = || ReplayError::HeaderLine(crate::mapping::shown(line));
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return Err(wrong());
    }
    Ok((name.to_owned(), (!value.is_empty()).then(|| value.to_owned())))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(ids: usize, times: u32, body: usize) -> Result<usize, ReplayError> {
        let edit = Edit { body: Some(vec![0; body]), ..Edit::default() };
        let ask = Ask { ids: (0..).take(ids).collect(), times, edit, to: None };
        ask.turns().map(Iterator::count)
    }

    #[test]
    fn what_is_asked_for_has_bounds() {
        assert_eq!(ask(1, 1, 0), Ok(1));
        assert_eq!(ask(MOST_IDS, MOST_TIMES, BODY_BYTES), Ok(MOST_IDS * MOST_TIMES as usize));
        assert_eq!(ask(0, 1, 0), Err(ReplayError::Nothing));
        assert_eq!(ask(MOST_IDS + 1, 1, 0), Err(ReplayError::TooMany));
        assert_eq!(ask(1, 0, 0), Err(ReplayError::Times(0)));
        assert_eq!(ask(1, MOST_TIMES + 1, 0), Err(ReplayError::Times(MOST_TIMES + 1)));
        assert_eq!(ask(1, 1, BODY_BYTES + 1), Err(ReplayError::LargeBody));
    }

    #[test]
    fn several_are_sent_in_order_and_the_row_again() {
        let ask = Ask { ids: vec![3, 1], times: 2, ..Ask::default() };
        assert_eq!(ask.turns().unwrap().collect::<Vec<_>>(), [3, 1, 3, 1]);
    }

    #[test]
    fn a_header_line_sets_or_takes_away() {
        assert_eq!(header_line("X-A: b: c "), Ok(("X-A".into(), Some("b: c".into()))));
        assert_eq!(header_line("X-A:"), Ok(("X-A".into(), None)));
        assert!(header_line("X-A").is_err() && header_line(": x").is_err());
    }

    #[test]
    fn it_crosses_the_door_byte_for_byte() {
        let edit = Edit {
            body: Some(vec![0, 0xff]),
            set: vec![("A".into(), None), ("B".into(), Some("c".into()))],
            ..Edit::default()
        };
        let ask = Ask { ids: vec![1], times: 1, edit, to: Some(To::Port(80)) };
        let line = serde_json::to_string(&ask).unwrap();
        assert_eq!(serde_json::from_str::<Ask>(&line).unwrap(), ask);
    }
}
