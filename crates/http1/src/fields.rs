//! Header (and trailer) fields as ordered raw pairs.

use std::fmt;

/// Header or trailer fields in the order, case and number in which they came.
///
/// One buffer holds all the text; a span each says where name and value lie. Names are tokens,
/// values hold no CR, LF or NUL; the codec guarantees that for what it read, and the writers check
/// it for what was pushed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    text: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    start: u32,
    name: u32,
    value: u32,
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
        Span { start, name: name.len() as u32, value: value.len() as u32 }
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

    /// The first value under `name`; names compare without case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The first value under `name` when it is visible text.
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
        let text = &self.text;
        self.spans.retain(|span| {
            let name = span.start as usize..(span.start + span.name) as usize;
            let value = name.end..name.end + span.value as usize;
            keep(&text[name], &text[value])
        });
    }

    /// Gives the first field under `name` a new value in its old place and drops its repeats;
    /// appends the field where there was none.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let place = self.spans.iter().position(|&s| self.pair(s).0.eq_ignore_ascii_case(name.as_bytes()));
        let Some(place) = place else {
            self.push(name, value);
            return;
        };
        let kept_name = self.pair(self.spans[place]).0.to_vec();
        let span = self.store(&kept_name, value.as_ref());
        self.spans[place] = span;
        let mut index = 0;
        let text = &self.text;
        self.spans.retain(|s| {
            let n = &text[s.start as usize..(s.start + s.name) as usize];
            let keep = index <= place || !n.eq_ignore_ascii_case(name.as_bytes());
            index += 1;
            keep
        });
    }
}

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
