//! Quoting for a POSIX shell, held to what dash and bash really do by the tests beside it.

use std::fmt::Write as _;

/// Longest text given as one argument, in bytes. Linux takes 128 KiB less one; `printf` is built into
/// the shell and has no such bound.
pub const ARGUMENT_BYTES: usize = 64 * 1024;

/// One argument that arrives byte for byte; NUL cannot be in an argument and is left out.
///
/// Text stands in single quotes. What a terminal could not show or take goes through `printf`, whose
/// output in `$(…)` loses only line ends at its end, which no field and no URL has.
pub fn argument(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => word(text),
        _ => {
            let kept: Vec<u8> = bytes.iter().copied().filter(|b| *b != 0).collect();
            format!("\"$({})\"", printf(&kept))
        }
    }
}

/// A text without control characters: as it is where no shell sees anything in it, else quoted.
fn word(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:,@%+=".contains(&b);
    // A leading = or a ~ mean something to some shells.
    if !text.is_empty() && !text.starts_with('=') && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A `printf` that writes exactly these bytes, NUL included, in any locale and any shell.
///
/// Octal escapes of three digits: `\x` is unknown to dash. `!` too is escaped, since bash looks for
/// history in double quotes, which [`argument`] puts around this.
pub fn printf(bytes: &[u8]) -> String {
    let mut format = String::with_capacity(bytes.len() + 16);
    for (index, byte) in bytes.iter().copied().enumerate() {
        match byte {
            b'%' => format.push_str("%%"),
            b'\n' => format.push_str(r"\n"),
            b'\r' => format.push_str(r"\r"),
            b'\t' => format.push_str(r"\t"),
            // An option of printf's, were it first.
            b'-' if index == 0 => format.push_str(r"\055"),
            b' '..=b'~' if !matches!(byte, b'\\' | b'\'' | b'!' | b'`' | b'"' | b'$') => {
                format.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(format, "\\{byte:03o}");
            }
        }
    }
    format!("printf '{format}'")
}
