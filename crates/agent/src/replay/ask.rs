//! Whether what somebody wants sent again can be.

use super::ReplayError;
use crate::capture::BODY_BYTES;
use crate::door::ask::Ask;

/// Exchanges sent again with one request, one after the other: what a person picks by hand.
pub const MOST_IDS: usize = 100;

/// How often the same is sent: enough to see what comes now and then, too few for a load test.
pub const MOST_TIMES: u32 = 100;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Edit, To};

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
