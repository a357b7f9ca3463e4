//! Header (and trailer) fields as ordered raw pairs.

use std::fmt;

use crate::names::{Known, known};

/// Header or trailer fields in the order, case and number in which they came.
///
/// One buffer holds all the text; a span each says where name and value lie. Names are tokens,
/// values hold no CR, LF or NUL; the codec guarantees that for what it read, and the writers check
/// it for what was pushed.
#[derive(Clone, Default)]
pub struct Fields {
    text: Vec<u8>,
    spans: Vec<Span>,
}

/// Where one field lies: bytes from the start of the text, then the two lengths.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    name: u32,
    value: u32,
    /// What its name says to this codec: asked half a dozen times of each head on its way.
    known: Known,
}

impl Fields {
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for `bytes` of names and values together and `count` fields.
    pub fn with_capacity(bytes: usize, count: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), spans: Vec::with_capacity(count) }
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Appends one field.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let span = self.store(name.as_ref(), value.as_ref());
        self.spans.push(span);
    }

    fn store(&mut self, name: &[u8], value: &[u8]) -> Span {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        Span { start, name: name.len() as u32, value: value.len() as u32, known: known(name) }
    }

    fn pair(&self, span: Span) -> (&[u8], &[u8]) {
        let name = span.start as usize..(span.start + span.name) as usize;
        let value = name.end..name.end + span.value as usize;
        (&self.text[name], &self.text[value])
    }

    /// Every (name, value) pair in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + '_ {
        self.spans.iter().map(|&span| self.pair(span))
    }

    /// Every value with what is known of its name, in order.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = (Known, &[u8])> + '_ {
        self.spans.iter().map(|&span| (span.known, self.pair(span).1))
    }

    /// The fields' text in order, names and values alternating without anything between them, in as few
    /// pieces as it lies in: one, unless fields were removed or set.
    pub fn text(&self) -> impl Iterator<Item = &[u8]> + '_ {
        let mut spans = self.spans.iter().peekable();
        std::iter::from_fn(move || {
            let first = spans.next()?;
            let mut end = first.start + first.name + first.value;
            while let Some(next) = spans.next_if(|next| next.start == end) {
                end += next.name + next.value;
            }
            Some(&self.text[first.start as usize..end as usize])
        })
    }

    /// The lengths in bytes of each name and value, in order.
    pub fn lengths(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.spans.iter().map(|span| (span.name as usize, span.value as usize))
    }

    /// Fields out of their [`Self::text`] and [`Self::lengths`]; what is missing from either is left out.
    pub fn from_text(text: &[u8], lengths: impl ExactSizeIterator<Item = (usize, usize)>) -> Self {
        let mut spans = Vec::with_capacity(lengths.len());
        let mut start = 0;
        for (name, value) in lengths {
            if start + name + value > text.len() {
                break;
            }
            let known = known(&text[start..start + name]);
            spans.push(Span { start: start as u32, name: name as u32, value: value as u32, known });
            start += name + value;
        }
        Self { text: text.to_vec(), spans }
    }

    /// The first value under `name`; names compare without case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The first value under `name` when it is UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values under `name`, in order.
    pub fn get_all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Removes every field under `name`; says how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        let before = self.spans.len();
        self.retain(|n, _| !n.eq_ignore_ascii_case(name.as_bytes()));
        before - self.spans.len()
    }

    /// Keeps the fields for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        self.retain_kinds(|_, name, value| keep(name, value));
    }

    /// [`Self::retain`] with what is known of each name.
    pub(crate) fn retain_kinds(&mut self, mut keep: impl FnMut(Known, &[u8], &[u8]) -> bool) {
        let text = &self.text;
        self.spans.retain(|span| {
            let name = span.start as usize..(span.start + span.name) as usize;
            let value = name.end..name.end + span.value as usize;
            keep(span.known, &text[name], &text[value])
        });
    }

    /// Gives the first field under `name` a new value in its old place and drops its repeats;
    /// appends the field where there was none. The name keeps the case it had.
    ///
    /// The old text stays behind in the buffer until the fields are dropped.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let is_named =
            |fields: &Self, &span: &Span| fields.pair(span).0.eq_ignore_ascii_case(name.as_bytes());
        let Some(place) = self.spans.iter().position(|span| is_named(self, span)) else {
            self.push(name, value);
            return;
        };
        for repeat in (place + 1..self.spans.len()).rev() {
            if is_named(self, &self.spans[repeat]) {
                self.spans.remove(repeat);
            }
        }
        let old = self.spans[place];
        let start = self.text.len() as u32;
        self.text.extend_from_within(old.start as usize..(old.start + old.name) as usize);
        self.text.extend_from_slice(value.as_ref());
        self.spans[place] = Span { start, value: value.as_ref().len() as u32, ..old };
    }

    /// Bytes these fields take when written, the closing empty line not counted.
    pub(crate) fn written_len(&self) -> usize {
        self.spans.iter().map(|span| span.name as usize + span.value as usize + ": \r\n".len()).sum()
    }
}

/// Equal when they hold the same pairs in the same order, byte for byte.
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut fields = Self::new();
        for (name, value) in pairs {
            fields.push(name, value);
        }
        fields
    }
}

/// Names only: values may hold credentials.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(n, _)| String::from_utf8_lossy(n))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &Fields) -> Vec<String> {
        fields
            .iter()
            .map(|(n, v)| format!("{}={}", String::from_utf8_lossy(n), String::from_utf8_lossy(v)))
            .collect()
    }

    fn sample() -> Fields {
        Fields::from_iter([("Set-Cookie", "a"), ("HOST", "x"), ("set-cookie", "b"), ("Empty", "")])
    }

    #[test]
    fn order_case_and_repeats_are_kept() {
        let fields = sample();
        assert_eq!(shown(&fields), ["Set-Cookie=a", "HOST=x", "set-cookie=b", "Empty="]);
        assert_eq!((fields.len(), fields.is_empty()), (4, false));
        assert!(Fields::new().is_empty());
    }

    #[test]
    fn names_are_looked_up_without_case() {
        let fields = sample();
        assert_eq!(fields.get("host"), Some(&b"x"[..]));
        assert_eq!(fields.get_str("Host"), Some("x"));
        assert_eq!(fields.get_all("SET-COOKIE").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(fields.get("empty"), Some(&b""[..]));
        assert!(fields.contains("Empty") && !fields.contains("hos") && !fields.contains(""));
        assert_eq!(Fields::from_iter([("a", b"\xff")]).get_str("a"), None);
    }

    #[test]
    fn text_and_lengths_make_the_same_fields_again() {
        let mut fields = sample();
        for change in 0..4 {
            match change {
                1 => fields.set("host", "another"),
                2 => fields.push("Last", "z"),
                3 => fields.retain(|name, _| name != b"Set-Cookie"),
                _ => {}
            }
            let text = fields.text().collect::<Vec<_>>().concat();
            let lengths: Vec<_> = fields.lengths().collect();
            assert_eq!(Fields::from_text(&text, lengths.into_iter()), fields);
        }
        assert_eq!(sample().text().count(), 1);
        assert_eq!(shown(&Fields::from_text(b"ab", [(1, 1), (1, 0)].into_iter())), ["a=b"]);
    }

    #[test]
    fn setting_a_field_keeps_its_place_and_case_and_drops_its_repeats() {
        let mut fields = sample();
        fields.set("SET-cookie", "longer than before");
        assert_eq!(shown(&fields), ["Set-Cookie=longer than before", "HOST=x", "Empty="]);
        fields.set("host", "");
        fields.set("New", "n");
        assert_eq!(shown(&fields), ["Set-Cookie=longer than before", "HOST=", "Empty=", "New=n"]);
    }

    #[test]
    fn removing_says_how_many_there_were() {
        let mut fields = sample();
        assert_eq!((fields.remove("set-cookie"), fields.remove("set-cookie")), (2, 0));
        assert_eq!(shown(&fields), ["HOST=x", "Empty="]);
    }

    #[test]
    fn equality_looks_at_the_pairs_and_not_at_their_past() {
        let mut fields = sample();
        fields.set("host", "y");
        fields.set("host", "x");
        assert_eq!(fields, sample());
        fields.set("host", "X");
        assert_ne!(fields, sample());
        assert_ne!(Fields::from_iter([("ab", "c")]), Fields::from_iter([("a", "bc")]));
    }

    #[test]
    fn debug_tells_names_but_no_values() {
        let fields = Fields::from_iter([("Authorization", "secret")]);
        assert_eq!(format!("{fields:?}"), "[\"Authorization\"]");
    }
}
