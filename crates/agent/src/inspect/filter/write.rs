//! Terms to text, in the one form that reads back as the same filter.

use std::fmt;

use super::value::Unit;
use super::{Filter, Phrase, Term, Test};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("-")?;
        }
        write!(f, "{}", self.test)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(phrase) => write!(f, "{phrase}"),
            Self::Body(phrase) => write!(f, "body:{phrase}"),
            Self::Method(items) => write!(f, "method:{}", items.join(",")),
            Self::Status(items) => write!(f, "status:{}", joined(items)),
            Self::Path(text) => write!(f, "path:{}", Bare(text)),
            Self::Url(text) => write!(f, "url:{}", Bare(text)),
            Self::Host(text) => write!(f, "host:{}", Bare(text)),
            Self::Mapping(text) => write!(f, "mapping:{}", Bare(text)),
            Self::Visitor(text) => write!(f, "visitor:{}", Bare(text)),
            Self::Error(text) => write!(f, "error:{}", Bare(text)),
            Self::Note(text) => write!(f, "note:{}", Bare(text)),
            Self::Name(text) => write!(f, "name:{}", Bare(text)),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Type(items) => write!(f, "type:{}", items.join(",")),
            Self::Duration(compare) => write!(f, "duration:{}", compare.show(Unit::Span)),
            Self::Size(compare) => write!(f, "size:{}", compare.show(Unit::Bytes)),
            Self::Is(flags) => {
                write!(f, "is:{}", flags.iter().map(|flag| flag.name()).collect::<Vec<_>>().join(","))
            }
            Self::Before(when) => write!(f, "before:{when}"),
            Self::After(when) => write!(f, "after:{when}"),
        }
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.whole { write!(f, "{}", Quoted(&self.text)) } else { f.write_str(&self.text) }
    }
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// A value as it is where that reads back, else quoted.
struct Bare<'a>(&'a str);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with('"') || self.0.contains(char::is_whitespace) {
            write!(f, "{}", Quoted(self.0))
        } else {
            f.write_str(self.0)
        }
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}
