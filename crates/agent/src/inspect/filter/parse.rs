//! Text to terms.

use super::error::shown;
use super::keys::{FLAGS, nearest};
use super::value::Unit;
use super::{
    Compare, Filter, FilterError, Flag, KEYS, Key, Known, MAX_FILTER_BYTES, MAX_LIST, MAX_TERMS, Phrase,
    Problem, StatusTest, Term, Test, When,
};

impl Filter {
    /// Reads a filter; an empty text holds for everything.
    ///
    /// # Errors
    /// [`FilterError`], a sentence with the place, for what is not understood or beyond a bound.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader { text, at: 0 };
        if text.len() > MAX_FILTER_BYTES {
            return Err(reader.error(0, Problem::TooLong));
        }
        let mut terms = Vec::new();
        while reader.skip_spaces() {
            if terms.len() == MAX_TERMS {
                return Err(reader.error(reader.at, Problem::TooManyTerms));
            }
            terms.push(reader.term()?);
        }
        Ok(Self { terms })
    }
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Bytes read.
    at: usize,
}

/// A value with its place, and whether it was quoted.
struct Word {
    text: String,
    start: usize,
    quoted: bool,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, byte: usize, problem: Problem) -> FilterError {
        FilterError { position: self.text[..byte].chars().count(), problem }
    }

    /// Whether anything is left behind the spaces.
    fn skip_spaces(&mut self) -> bool {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.at < self.text.len()
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let start = self.at;
        let negated = self.rest().starts_with('-');
        if negated {
            self.at += 1;
            if self.rest().starts_with(char::is_whitespace) || self.rest().is_empty() {
                return Err(self.error(start, Problem::LoneMinus));
            }
        }
        Ok(Term { negated, test: self.test()? })
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        let Some(key) = self.key()? else {
            let word = self.word()?;
            return self.phrase(word).map(Test::Text);
        };
        let word = self.word()?;
        if word.text.is_empty() {
            let problem = Problem::NoValue { key: key.name, example: key.values.first().copied() };
            return Err(self.error(word.start, problem));
        }
        self.value(key, word)
    }

    /// Takes `key:` off the front, if a key is there.
    ///
    /// Letters before a colon are meant as a key, except in a URL (`http://…`), so that a slip of the
    /// finger is told and not looked for as text.
    fn key(&mut self) -> Result<Option<&'static Key>, FilterError> {
        let rest = self.rest();
        let end = rest.find(|c: char| c == ':' || c == '"' || c.is_whitespace()).unwrap_or(rest.len());
        let name = &rest[..end];
        let after = &rest[end..];
        if name.is_empty() || !after.starts_with(':') {
            return Ok(None);
        }
        if let Some(key) = KEYS.iter().find(|key| key.name.eq_ignore_ascii_case(name)) {
            self.at += end + 1;
            return Ok(Some(key));
        }
        if after.starts_with("://")
            || !name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-' || b == b'_')
        {
            return Ok(None);
        }
        let problem =
            Problem::UnknownKey { key: shown(name), nearest: nearest(name, KEYS.iter().map(|key| key.name)) };
        Err(self.error(self.at, problem))
    }

    /// Takes a quoted text, or everything up to a space.
    fn word(&mut self) -> Result<Word, FilterError> {
        let start = self.at;
        let rest = &self.text[start..];
        let Some(inside) = rest.strip_prefix('"') else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            self.at += end;
            return Ok(Word { text: rest[..end].to_owned(), start, quoted: false });
        };
        let mut text = String::new();
        let mut chars = inside.char_indices().peekable();
        while let Some((index, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + 1 + index + 1;
                    if self.rest().starts_with(|c: char| !c.is_whitespace()) {
                        return Err(self.error(self.at, Problem::AfterQuote));
                    }
                    return Ok(Word { text, start, quoted: true });
                }
                '\\' => match chars.next_if(|(_, next)| matches!(next, '"' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        Err(self.error(start, Problem::OpenQuote))
    }

    fn phrase(&self, word: Word) -> Result<Phrase, FilterError> {
        if !word.text.contains(char::is_alphanumeric) {
            return Err(self.error(word.start, Problem::NoWords(shown(&word.text))));
        }
        Ok(Phrase { text: word.text, whole: word.quoted })
    }

    fn value(&self, key: &'static Key, word: Word) -> Result<Test, FilterError> {
        let text = word.text.as_str();
        Ok(match key.key {
            Known::Body => Test::Body(self.phrase(word)?),
            Known::Path => Test::Path(word.text),
            Known::Url => Test::Url(word.text),
            Known::Host => Test::Host(word.text),
            Known::Mapping => Test::Mapping(word.text),
            Known::Visitor => Test::Visitor(word.text),
            Known::Error => Test::Error(word.text),
            Known::Note => Test::Note(word.text),
            Known::Name => Test::Name(word.text),
            Known::Method => {
                Test::Method(self.list(key, &word, "methods are letters, such as POST", |item| {
                    token(item).then(|| item.to_ascii_uppercase())
                })?)
            }
            Known::Header => {
                if !token(text) {
                    return Err(self.bad(
                        key,
                        &word,
                        text,
                        "it takes a field's name, such as stripe-signature",
                    ));
                }
                Test::Header(text.to_ascii_lowercase())
            }
            Known::Type => {
                Test::Type(self.list(key, &word, "it takes json, image or text/html", |item| {
                    let known = |b: u8| b.is_ascii_alphanumeric() || b"/+-._*".contains(&b);
                    item.bytes().all(known).then(|| item.to_ascii_lowercase())
                })?)
            }
            Known::Status => Test::Status(self.list(
                key,
                &word,
                "it takes 404, 5xx, >=400, 400..499 or a list of them",
                StatusTest::parse,
            )?),
            Known::Is => Test::Is(self.flags(key, &word)?),
            Known::Duration => Test::Duration(self.one(
                key,
                &word,
                "write a comparison or a range, such as >500ms or 100ms..1s",
                |text| Compare::parse(Unit::Span, text),
            )?),
            Known::Size => Test::Size(self.one(
                key,
                &word,
                "write a comparison or a range, such as >1MB or 1KB..10KB",
                |text| Compare::parse(Unit::Bytes, text),
            )?),
            Known::Before => Test::Before(self.when(key, &word)?),
            Known::After => Test::After(self.when(key, &word)?),
        })
    }

    fn when(&self, key: &'static Key, word: &Word) -> Result<When, FilterError> {
        self.one(key, word, "it takes 10m, 2h, 3d, 2026-01-31 or 2026-01-31T10:00:00Z", When::parse)
    }

    fn flags(&self, key: &'static Key, word: &Word) -> Result<Vec<Flag>, FilterError> {
        let known = |item: &str| Flag::ALL.into_iter().find(|flag| flag.name().eq_ignore_ascii_case(item));
        let unknown = word.text.split(',').find(|item| known(item).is_none()).unwrap_or_default();
        let expected = match nearest(unknown, FLAGS.iter().copied()) {
            Some(near) => format!("did you mean “{near}”?"),
            None => format!("it takes {}", FLAGS.join(", ")),
        };
        self.list(key, word, &expected, known)
    }

    fn one<T>(
        &self,
        key: &'static Key,
        word: &Word,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, FilterError> {
        read(&word.text).ok_or_else(|| self.bad(key, word, &word.text, expected))
    }

    fn list<T>(
        &self,
        key: &'static Key,
        word: &Word,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, FilterError> {
        let mut items = Vec::new();
        for item in word.text.split(',') {
            if items.len() == MAX_LIST {
                return Err(self.error(word.start, Problem::LongList));
            }
            let read = if item.is_empty() { None } else { read(item) };
            items.push(read.ok_or_else(|| self.bad(key, word, item, expected))?);
        }
        Ok(items)
    }

    fn bad(&self, key: &'static Key, word: &Word, value: &str, expected: &str) -> FilterError {
        let problem = Problem::Value { key: key.name, value: shown(value), expected: expected.to_owned() };
        self.error(word.start, problem)
    }
}

/// A token of RFC 9110: what names of methods and fields are made of.
fn token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
