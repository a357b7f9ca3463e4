//! What of an exchange can be searched: its URL, its heads, and bodies that are text.

use std::borrow::Cow;

use rusqlite::{Connection, ToSql, params, params_from_iter};

use super::bodies;
use crate::capture::frames::Frame;
use crate::capture::{Told, ToldHalf};

/// Bytes of one body that are searched. Beyond, hits are chance and the index outgrows what it indexes.
const INDEXED_BYTES: usize = 256 * 1024;

/// Rows that one statement writes at most. With each statement the index writes out what it gathered: rows that come
/// one by one leave it in as many pieces, and putting those together costs more than all the rest (half of a
/// small exchange's 146,000 instructions).
const ROWS: usize = 128;
/// Bytes of text that wait to be written together.
const WAITING_BYTES: usize = 512 * 1024;

/// What of some exchanges can be searched, on its way into the index.
#[derive(Debug, Default)]
pub(super) struct Texts {
    rows: Vec<Row>,
    bytes: usize,
}

#[derive(Debug)]
struct Row {
    id: i64,
    /// The index has a row already.
    again: bool,
    url: String,
    heads: String,
    bodies: String,
}

impl Texts {
    /// Takes in an exchange whose parts are stored; its row is written anew. Nothing is sure to be written
    /// before [`Self::write`].
    pub(super) fn add(&mut self, connection: &Connection, told: &Told) -> rusqlite::Result<()> {
        let row = Row::of(connection, told)?;
        self.bytes += row.url.len() + row.heads.len() + row.bodies.len();
        self.rows.push(row);
        if self.rows.len() >= ROWS || self.bytes >= WAITING_BYTES { self.write(connection) } else { Ok(()) }
    }

    /// Writes what waits.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.rows.is_empty() {
            write(connection, &self.rows)?;
        }
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

fn write(connection: &Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let or_replace = if rows.iter().any(|row| row.again) { " OR REPLACE" } else { "" };
    let places = vec!["(?, ?, ?, ?)"; rows.len()].join(", ");
    let statement =
        format!("INSERT{or_replace} INTO exchange_text (rowid, url, heads, bodies) VALUES {places}");
    let values = rows.iter().flat_map(|row| {
        let Row { id, url, heads, bodies, .. } = row;
        [id as &dyn ToSql, url, heads, bodies]
    });
    let values = params_from_iter(values);
    // Others come once: making them costs less than a second piece of the index.
    if matches!(rows.len(), 1 | ROWS) {
        connection.prepare_cached(&statement)?.execute(values)
    } else {
        connection.prepare(&statement)?.execute(values)
    }
    .map(drop)
}

impl Row {
    fn of(connection: &Connection, told: &Told) -> rusqlite::Result<Self> {
        let url = format!("{}://{}{}", told.scheme, told.host, told.target);
        let heads = [&told.request.head, &told.response.head].into_iter().flatten();
        let heads = heads.map(|head| String::from_utf8_lossy(head)).collect();
        let mut bodies = String::new();
        for (half, response) in [(&told.request, false), (&told.response, true)] {
            let body = body(connection, told, half, response)?;
            if let Some(text) = text(half, &body) {
                bodies.push_str(text);
                bodies.push('\n');
            }
        }
        if told.frames_seen > 0 && told.kind == "websocket" {
            messages(connection, told.id, &mut bodies)?;
        }
        Ok(Self { id: told.id, again: !told.first, url, heads, bodies })
    }
}

/// What was said in text, as it can be read without decoding.
fn messages(connection: &Connection, id: i64, bodies: &mut String) -> rusqlite::Result<()> {
    let mut query = connection.prepare_cached(
        "SELECT payload FROM frames WHERE exchange_id = ?1 AND opcode = ?2 AND compressed = 0 ORDER BY seq",
    )?;
    let mut rows = query.query(params![id, Frame::TEXT])?;
    while bodies.len() < INDEXED_BYTES
        && let Some(row) = rows.next()?
    {
        bodies.push_str(&String::from_utf8_lossy(row.get_ref(0)?.as_blob()?));
        bodies.push('\n');
    }
    Ok(())
}

/// The beginning of a body: of a small one at hand, else what was stored before.
fn body<'a>(
    connection: &Connection,
    told: &'a Told,
    half: &ToldHalf,
    response: bool,
) -> rusqlite::Result<Cow<'a, [u8]>> {
    if half.kept == 0 || !may_be_text(half) {
        return Ok(Cow::default());
    }
    // At most one in each direction.
    let at_hand = told.pieces.iter().find(|piece| piece.response == response);
    if let Some(piece) = at_hand
        && piece.data.len() == half.kept
    {
        return Ok(Cow::Borrowed(&piece.data));
    }
    bodies::read(connection, told.id, response, INDEXED_BYTES).map(Cow::Owned)
}

fn may_be_text(half: &ToldHalf) -> bool {
    !half.encoded && half.media_type.as_deref().is_none_or(is_text)
}

fn is_text(media_type: &str) -> bool {
    let Some((kind, name)) = media_type.split_once('/') else { return false };
    kind == "text"
        || name.ends_with("+json")
        || name.ends_with("+xml")
        || matches!(
            name,
            "json"
                | "xml"
                | "javascript"
                | "x-javascript"
                | "ecmascript"
                | "x-www-form-urlencoded"
                | "x-ndjson"
                | "graphql"
                | "sql"
                | "toml"
                | "yaml"
                | "x-yaml"
        )
}

/// The part of a body that is searched, if it is text indeed. A character cut in two at the end is left out.
fn text<'a>(half: &ToldHalf, body: &'a [u8]) -> Option<&'a str> {
    if body.is_empty() || !may_be_text(half) {
        return None;
    }
    let body = &body[..body.len().min(INDEXED_BYTES)];
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&body[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(media_type: Option<&str>) -> ToldHalf {
        ToldHalf {
            head: None,
            media_type: media_type.map(str::to_owned),
            encoded: false,
            trailers: None,
            bytes: 0,
            kept: 0,
        }
    }

    #[test]
    fn text_is_known_by_its_type_or_by_its_bytes() {
        for media_type in ["text/html", "application/json", "application/problem+json", "image/svg+xml"] {
            assert_eq!(text(&half(Some(media_type)), b"abc"), Some("abc"), "{media_type}");
        }
        assert_eq!(text(&half(Some("image/png")), b"abc"), None);
        assert_eq!(text(&half(None), b"abc"), Some("abc"));
        assert_eq!(text(&half(None), b"a\0c"), None);
        assert_eq!(text(&half(None), b"a\xffc"), None);
        let encoded = ToldHalf { encoded: true, ..half(Some("text/html")) };
        assert_eq!(text(&encoded, b"abc"), None);
    }

    #[test]
    fn a_character_cut_in_two_at_the_bound_is_left_out() {
        let body = "ä".repeat(INDEXED_BYTES / 2 + 1);
        let even = text(&half(None), body.as_bytes()).unwrap();
        assert_eq!(even.len(), INDEXED_BYTES);
        let odd = format!("x{body}");
        assert_eq!(text(&half(None), odd.as_bytes()).unwrap().len(), INDEXED_BYTES - 1);
    }
}
