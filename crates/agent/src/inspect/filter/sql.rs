//! A filter as a condition over the store's tables: everything bound, nothing interpolated.

use jiff::Zoned;
use rusqlite::types::Value;

use super::{Compare, Filter, Flag, Phrase, StatusTest, Test, media_parts};

impl Filter {
    /// The condition for `SELECT … FROM exchanges WHERE …` (no alias), with what its `?` stand for in
    /// order. A filter without terms is `1`.
    ///
    /// Each term is asked with `IS TRUE` or `IS NOT TRUE`: what is unknown (no answer, no status)
    /// does not hold, and turned round it does.
    pub fn to_sql(&self, now: &Zoned) -> (String, Vec<Value>) {
        let mut sql = Sql::default();
        let mut conditions = Vec::new();
        // One look-up for all words that must be there, one for all that must not: each look-up
        // lists its rows once, and a common word has many.
        let tests =
            |negated| self.terms.iter().filter(move |term| term.negated == negated).map(|term| &term.test);
        let wanted: Vec<String> =
            tests(false).filter_map(|test| query(test).or_else(|| field(test))).collect();
        if !wanted.is_empty() {
            conditions.push(sql.rows_with("id IN", wanted.join(" AND ")));
        }
        let unwanted: Vec<String> = tests(true).filter_map(query).collect();
        if !unwanted.is_empty() {
            conditions.push(sql.rows_with("id NOT IN", unwanted.join(" OR ")));
        }
        for term in self.terms.iter().filter(|term| words_of(&term.test).is_none()) {
            if !term.negated {
                let condition = sql.test(&term.test, now);
                conditions.push(format!("({condition}) IS TRUE"));
                continue;
            }
            // Spares reading the heads of rows that cannot have the field.
            let words = field(&term.test).map(|words| sql.rows_with("id IN", words));
            let condition = sql.test(&term.test, now);
            let condition =
                words.into_iter().chain([format!("({condition})")]).collect::<Vec<_>>().join(" AND ");
            conditions.push(format!("({condition}) IS NOT TRUE"));
        }
        if conditions.is_empty() {
            return ("1".to_owned(), Vec::new());
        }
        (conditions.join(" AND "), sql.values)
    }
}

fn words_of(test: &Test) -> Option<(&str, &Phrase)> {
    match test {
        Test::Text(phrase) => Some(("", phrase)),
        Test::Body(phrase) => Some(("bodies : ", phrase)),
        _ => None,
    }
}

fn query(test: &Test) -> Option<String> {
    words_of(test).map(|(column, phrase)| format!("{column}{}", fts(&phrase.text, phrase.whole)))
}

/// What the index knows of a field's name, where it has words: no row without them has the field.
fn field(test: &Test) -> Option<String> {
    match test {
        Test::Header(name) if name.contains(char::is_alphanumeric) => {
            Some(format!("heads : {}", fts(name, true)))
        }
        _ => None,
    }
}

/// A text as a phrase of FTS5. Inside quotation marks only the mark itself and NUL mean anything, and
/// as far as words go both are spaces.
fn fts(text: &str, whole: bool) -> String {
    let quiet: String = text.chars().map(|c| if c == '"' || c.is_control() { ' ' } else { c }).collect();
    format!("\"{quiet}\"{}", if whole { "" } else { " *" })
}

#[derive(Default)]
struct Sql {
    values: Vec<Value>,
}

impl Sql {
    fn bind(&mut self, value: impl Into<Value>) -> &'static str {
        self.values.push(value.into());
        "?"
    }

    fn rows_with(&mut self, how: &str, query: String) -> String {
        self.bind(query);
        format!("{how} (SELECT rowid FROM exchange_text WHERE exchange_text MATCH ?)")
    }

    /// `LIKE` with the user's text taken literally; it knows no difference of case in ASCII.
    fn like(&mut self, expression: &str, before: &str, text: &str, after: &str) -> String {
        let mut pattern = before.to_owned();
        for c in text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push_str(after);
        self.bind(pattern);
        format!("{expression} LIKE ? ESCAPE '\\'")
    }

    fn compare(&mut self, expression: &str, compare: Compare) -> String {
        // Both are within i64: the parser sees to it.
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (sign, n) = match compare {
            Compare::Above(n) => (">", n),
            Compare::AtLeast(n) => (">=", n),
            Compare::Below(n) => ("<", n),
            Compare::AtMost(n) => ("<=", n),
            Compare::Between(low, high) => {
                self.bind(number(low));
                self.bind(number(high));
                return format!("{expression} BETWEEN ? AND ?");
            }
        };
        self.bind(number(n));
        format!("{expression} {sign} ?")
    }

    fn any<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T) -> String) -> String {
        items.iter().map(|item| each(self, item)).collect::<Vec<_>>().join(" OR ")
    }

    fn test(&mut self, test: &Test, now: &Zoned) -> String {
        match test {
            // Asked for all terms at once, above.
            Test::Text(_) | Test::Body(_) => "1".to_owned(),
            Test::Method(methods) => self.any(methods, |sql, method| {
                let mark = sql.bind(method.clone());
                format!("upper(method) = {mark}")
            }),
            Test::Status(tests) => self.any(tests, |sql, test| match *test {
                StatusTest::Exactly(n) => sql.compare("status", Compare::Between(n, n)),
                StatusTest::Class(n) => sql.compare("status", Compare::Between(n * 100, n * 100 + 99)),
                StatusTest::Compare(compare) => sql.compare("status", compare),
            }),
            Test::Path(text) => {
                let before = if text.starts_with('/') { "" } else { "%" };
                let anywhere = self.like("target", before, text, "%");
                if before.is_empty() && !text.contains('?') {
                    // A beginning without a query is one of the path.
                    return anywhere;
                }
                // Most rows are out before a path has to be cut off its query.
                let path = self.like("substr(target, 1, instr(target || '?', '?') - 1)", before, text, "%");
                format!("{anywhere} AND {path}")
            }
            Test::Url(text) => self.like("(scheme || '://' || host || target)", "%", text, "%"),
            Test::Host(text) => self.like("host", "%", text, "%"),
            Test::Mapping(text) => {
                let name = self.like("mapping", "", text, "");
                let id = self.like("mapping_id", "", text, "");
                format!("{name} OR {id}")
            }
            Test::Visitor(text) => self.like("visitor", "", text, "%"),
            Test::Error(text) => self.like("error", "%", text, "%"),
            Test::Note(text) => self.like("note", "%", text, "%"),
            Test::Name(text) => self.like("name", "%", text, "%"),
            Test::Header(name) => self.header(name),
            Test::Type(names) => self.any(names, |sql, name| sql.media(name)),
            Test::Duration(compare) => self.compare("total_us", *compare),
            Test::Size(compare) => self.compare("(request_bytes + response_bytes)", *compare),
            Test::Is(flags) => self.any(flags, |sql, flag| sql.flag(*flag)),
            Test::Before(when) => {
                let mark = self.bind(when.resolve(now));
                format!("started_us < {mark}")
            }
            Test::After(when) => {
                let mark = self.bind(when.resolve(now));
                format!("started_us >= {mark}")
            }
        }
    }

    /// The raw heads decide.
    fn header(&mut self, name: &str) -> String {
        let line = format!("\r\n{name}:");
        self.bind(line.clone());
        self.bind(line);
        "instr(lower(CAST(request_head AS TEXT)), ?) > 0 OR instr(lower(CAST(response_head AS TEXT)), ?) > 0"
            .to_owned()
    }

    fn media(&mut self, name: &str) -> String {
        let own = [name];
        let parts = match media_parts(name) {
            [] => &own[..],
            parts => parts,
        };
        self.any(parts, |sql, part| {
            let (before, part, after) = match part.strip_suffix("/*") {
                Some(major) => ("", format!("{major}/"), "%"),
                None if part.contains('/') => ("", (*part).to_owned(), ""),
                None => ("%", (*part).to_owned(), "%"),
            };
            let request = sql.like("request_type", before, &part, after);
            let response = sql.like("response_type", before, &part, after);
            format!("{request} OR {response}")
        })
    }

    fn flag(&mut self, flag: Flag) -> String {
        let column = match flag {
            Flag::Http | Flag::Websocket | Flag::Sse | Flag::Upgrade | Flag::Tcp => "kind",
            Flag::Visitor | Flag::Replay | Flag::StandIn | Flag::Import => "source",
            Flag::Open | Flag::Done | Flag::Failed | Flag::Cancelled => "state",
            Flag::Pinned => return "pinned".to_owned(),
            Flag::Edited => return "edited".to_owned(),
            Flag::Incomplete => return "incomplete".to_owned(),
            Flag::Truncated => {
                return "request_kept < request_bytes OR response_kept < response_bytes".to_owned();
            }
        };
        let mark = self.bind(flag.name().to_owned());
        format!("{column} = {mark}")
    }
}
