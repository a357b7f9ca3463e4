//! What of an exchange can be searched: its URL, its heads, and bodies that are text.

use rusqlite::{Connection, params};

use crate::capture::{Told, ToldHalf};

/// Bytes of one body that are searched. Beyond, hits are chance and the index outgrows what it indexes.
const INDEXED_BYTES: usize = 256 * 1024;

/// Writes the exchange's row of the index anew.
pub(super) fn index(connection: &Connection, told: &Told) -> rusqlite::Result<()> {
    let url = format!("{}://{}{}", told.scheme, told.host, told.target);
    let heads = [&told.request.head, &told.response.head].into_iter().flatten();
    let heads: String = heads.map(|head| String::from_utf8_lossy(head)).collect();
    let mut bodies = String::new();
    for (half, response) in [(&told.request, false), (&told.response, true)] {
        let body = body(connection, told, half, response)?;
        if let Some(text) = text(half, &body) {
            bodies.push_str(text);
            bodies.push('\n');
        }
    }
    let statement = if told.first {
        "INSERT INTO exchange_text (rowid, url, heads, bodies) VALUES (?1, ?2, ?3, ?4)"
    } else {
        "INSERT OR REPLACE INTO exchange_text (rowid, url, heads, bodies) VALUES (?1, ?2, ?3, ?4)"
    };
    connection.prepare_cached(statement)?.execute(params![told.id, url, heads, bodies]).map(drop)
}

/// The beginning of a body: of a small one at hand, else what was stored before.
fn body(connection: &Connection, told: &Told, half: &ToldHalf, response: bool) -> rusqlite::Result<Vec<u8>> {
    if half.kept == 0 || !may_be_text(half) {
        return Ok(Vec::new());
    }
    // At most one in each direction.
    let at_hand = told.pieces.iter().find(|piece| piece.response == response);
    if let Some(piece) = at_hand
        && piece.data.len() == half.kept
    {
        return Ok(piece.data.clone());
    }
    let mut query = connection
        .prepare_cached("SELECT data FROM bodies WHERE exchange_id = ?1 AND response = ?2 ORDER BY seq")?;
    let mut rows = query.query(params![told.id, response])?;
    let mut body = Vec::new();
    while body.len() < INDEXED_BYTES
        && let Some(row) = rows.next()?
    {
        body.extend_from_slice(row.get_ref(0)?.as_blob()?);
    }
    Ok(body)
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
        ToldHalf { head: None, media_type: media_type.map(str::to_owned), encoded: false, bytes: 0, kept: 0 }
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
