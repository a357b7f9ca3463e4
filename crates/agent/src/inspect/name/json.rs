//! A text out of the beginning of a JSON object, without reading more of it than must be.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// The text at the first of these places that has one. A place is a member's name, or two with a point between.
/// What is read before the body breaks off counts.
pub(super) fn first(body: &[u8], places: &[&str]) -> Option<String> {
    texts(body, places).into_iter().flatten().next()
}

/// The texts at all of these places.
pub(super) fn texts(body: &[u8], places: &[&str]) -> Vec<Option<String>> {
    let found = RefCell::new(vec![None; places.len()]);
    let object = Object { places, outer: None, found: &found };
    // How it ended does not matter: what was found before stands.
    let _ = object.deserialize(&mut serde_json::Deserializer::from_slice(body));
    found.into_inner()
}

/// An object whose members may stand at one of the places.
struct Object<'a> {
    places: &'a [&'a str],
    /// The member that it is.
    outer: Option<String>,
    found: &'a RefCell<Vec<Option<String>>>,
}

impl Object<'_> {
    fn is_done(&self) -> bool {
        self.found.borrow().first().is_some_and(Option::is_some) && self.places.len() == 1
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let place = match &self.outer {
                Some(outer) => format!("{outer}.{name}"),
                None => name,
            };
            if let Some(index) = self.places.iter().position(|wanted| *wanted == place) {
                let text = map.next_value::<serde_json::Value>()?;
                self.found.borrow_mut()[index] = text.as_str().map(str::to_owned);
                if self.is_done() {
                    return Err(A::Error::custom("nothing more is wanted"));
                }
            } else if self.outer.is_none()
                && self
                    .places
                    .iter()
                    .any(|wanted| wanted.split_once('.').is_some_and(|(outer, _)| outer == place))
            {
                map.next_value_seed(Object { places: self.places, outer: Some(place), found: self.found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
