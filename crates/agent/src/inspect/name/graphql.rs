//! The name of a GraphQL request: its operation, or else the first thing that it asks for.
//!
//! Syntax: <https://spec.graphql.org/October2021/#sec-Language.Operations>.

use super::json::texts;

/// Of a request as clients send it over HTTP: `{"query": "…", "operationName": "…"}`; of several in one, the first.
pub(super) fn of_body(body: &[u8]) -> Option<String> {
    let body = body.trim_ascii_start();
    let body = body.strip_prefix(b"[").unwrap_or(body);
    // Most JSON is something else, and need not be read for that.
    let mentions = |word: &str| memchr::memmem::find(body, word.as_bytes()).is_some();
    if !mentions("\"query\"") && !mentions("\"operationName\"") {
        return None;
    }
    let mut texts = texts(body, &["operationName", "query"]);
    let (query, operation) = (texts.pop().flatten(), texts.pop().flatten());
    let named = query.as_deref().and_then(of_query);
    match operation.filter(|operation| !operation.is_empty()) {
        Some(operation) => {
            // A persisted query is known by its operation alone.
            let kind = named.as_deref().and_then(|named| named.split_once(' ')).map(|(kind, _)| kind);
            Some(kind.map_or_else(|| operation.clone(), |kind| format!("{kind} {operation}")))
        }
        None => named,
    }
}

/// Of a document, its first operation: `mutation PlaceOrder`, or `query {orders}` where it has no name. None of a
/// text that is no GraphQL.
pub(super) fn of_query(document: &str) -> Option<String> {
    let mut words = Words(document);
    loop {
        match words.next()? {
            kind @ ("query" | "mutation" | "subscription") => {
                return match words.next()? {
                    name if is_name(name) => Some(format!("{kind} {name}")),
                    token => first_field(kind, token, &mut words),
                };
            }
            "{" => return first_field("query", "{", &mut words),
            "fragment" => words.skip_fragment()?,
            _ => return None,
        }
    }
}

/// What the first selection asks for; variables and directives may stand before it.
fn first_field<'a>(kind: &str, mut token: &'a str, words: &mut Words<'a>) -> Option<String> {
    let mut depth = 0_u32;
    loop {
        match token {
            "(" => depth += 1,
            ")" => depth = depth.checked_sub(1)?,
            "{" if depth == 0 => break,
            _ => {}
        }
        token = words.next()?;
    }
    let field = words.next().filter(|field| is_name(field))?;
    // An alias stands before the field itself.
    let field = match words.next() {
        Some(":") => words.next().filter(|field| is_name(field))?,
        _ => field,
    };
    Some(format!("{kind} {{{field}}}"))
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Names and punctuation of a document; strings and comments are left out.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        loop {
            let rest = self.0.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == '\u{feff}');
            let first = rest.chars().next()?;
            let length = match first {
                '#' => {
                    self.0 = rest.split_once('\n')?.1;
                    continue;
                }
                '"' => {
                    self.0 = after_string(rest)?;
                    continue;
                }
                c if c.is_ascii_alphanumeric() || c == '_' => {
                    rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
                }
                c => c.len_utf8(),
            };
            let (word, rest) = rest.split_at(length);
            self.0 = rest;
            return Some(word);
        }
    }

    /// Goes behind a fragment's closing brace.
    fn skip_fragment(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        loop {
            match self.next()? {
                "{" => depth += 1,
                "}" if depth <= 1 => return Some(()),
                "}" => depth -= 1,
                _ => {}
            }
        }
    }
}

/// What follows a string in quotation marks, or in three of them.
fn after_string(text: &str) -> Option<&str> {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        return Some(block.split_once("\"\"\"")?.1);
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return Some(&text[at + 1..]),
            _ => escaped = c == '\\' && !escaped,
        }
    }
    None
}
