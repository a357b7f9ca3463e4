//! The page that `cargo xtask run` exposes when no port is given: a little of everything that a
//! tunnel carries, on the standard library alone.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

const PAGE: &str = include_str!("sample.html");

/// Bytes of a request head or of one line in it; browsers send under 4 KiB.
const HEAD_BYTES: u64 = 32 * 1024;
/// Bytes of a body that `/echo` gives back.
const ECHO_BYTES: u64 = 1024 * 1024;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// How often the server looks whether the process that started it is still there.
const PARENT_CHECK: Duration = Duration::from_millis(500);

/// Prints the address it listens on and serves until the process `arguments[0]` is gone.
pub fn serve_until_orphaned(arguments: &[String]) -> Result<()> {
    let parent: Option<u32> = arguments.first().and_then(|word| word.parse().ok());
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on 127.0.0.1")?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(connection));
        }
    });
    while !orphaned(parent) {
        std::thread::sleep(PARENT_CHECK);
    }
    Ok(())
}

#[cfg(unix)]
fn orphaned(parent: Option<u32>) -> bool {
    parent.is_some_and(|parent| std::os::unix::process::parent_id() != parent)
}

#[cfg(not(unix))]
fn orphaned(_parent: Option<u32>) -> bool {
    false
}

/// What is read of a request.
#[derive(Debug, Default)]
struct Request {
    method: String,
    path: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    keep_alive: bool,
}

fn serve(connection: TcpStream) {
    // A visitor that leaves in the middle is no news.
    let _ = serve_connection(&connection);
}

fn serve_connection(connection: &TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(connection);
    let mut writer = connection;
    loop {
        let request = match read_request(&mut reader)? {
            Some(Ok(request)) => request,
            Some(Err(status)) => {
                return respond(
                    &mut writer,
                    status,
                    "text/plain",
                    b"The sample page cannot read this.\n",
                    false,
                    false,
                );
            }
            None => return Ok(()),
        };
        answer(&mut writer, &request)?;
        if !request.keep_alive {
            return Ok(());
        }
    }
}

/// `None` at the end of the connection; the inner error is the status to refuse with.
fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Result<Request, &'static str>>> {
    let mut head = reader.by_ref().take(HEAD_BYTES);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Ok(Some(Err("400 Bad Request")));
    };
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        keep_alive: version == "HTTP/1.1",
        ..Request::default()
    };
    let mut length = 0u64;
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(Some(Err("431 Request Header Fields Too Large")));
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { return Ok(Some(Err("400 Bad Request"))) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => match value.parse() {
                Ok(number) => length = number,
                Err(_) => return Ok(Some(Err("400 Bad Request"))),
            },
            "transfer-encoding" => return Ok(Some(Err("411 Length Required"))),
            "connection" if value.eq_ignore_ascii_case("close") => request.keep_alive = false,
            _ => {}
        }
        request.fields.push((name.to_owned(), value.to_owned()));
    }
    if length > ECHO_BYTES {
        return Ok(Some(Err("413 Content Too Large")));
    }
    request.body = vec![0; length as usize];
    reader.read_exact(&mut request.body)?;
    Ok(Some(Ok(request)))
}

fn answer(writer: &mut impl Write, request: &Request) -> std::io::Result<()> {
    let head_only = request.method == "HEAD";
    let keep = request.keep_alive;
    let path = request.path.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path) {
        ("GET" | "HEAD", "/") => {
            respond(writer, "200 OK", "text/html; charset=utf-8", PAGE.as_bytes(), head_only, keep)
        }
        ("GET" | "HEAD", "/api/time") => {
            let body = format!("{{\"unix_seconds\":{}}}\n", unix_seconds());
            respond(writer, "200 OK", "application/json", body.as_bytes(), head_only, keep)
        }
        (_, "/echo") => {
            let mut text = format!("{} {}\n", request.method, request.path);
            for (name, value) in &request.fields {
                let _ = writeln!(text, "{name}: {value}");
            }
            text.push('\n');
            let mut body = text.into_bytes();
            body.extend_from_slice(&request.body);
            respond(writer, "200 OK", "text/plain; charset=utf-8", &body, head_only, keep)
        }
        ("GET", "/events") => events(writer),
        ("GET" | "HEAD", _) => {
            respond(writer, "404 Not Found", "text/plain", b"No such page.\n", head_only, keep)
        }
        _ => respond(writer, "405 Method Not Allowed", "text/plain", b"Try GET.\n", head_only, keep),
    }
}

fn respond(
    writer: &mut impl Write,
    status: &str,
    kind: &str,
    body: &[u8],
    head_only: bool,
    keep_alive: bool,
) -> std::io::Result<()> {
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if !head_only {
        answer.extend_from_slice(body);
    }
    writer.write_all(&answer)
}

/// Server-sent events: the time, once a second, until the visitor leaves.
fn events(writer: &mut impl Write) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    writer.write_all(head.as_bytes())?;
    loop {
        let event = format!("data: {}\n\n", unix_seconds());
        write!(writer, "{:x}\r\n{event}\r\n", event.len())?;
        writer.flush()?;
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(request: &str) -> String {
        let mut reader = request.as_bytes();
        let mut output = Vec::new();
        match read_request(&mut reader).unwrap() {
            Some(Ok(request)) => answer(&mut output, &request).unwrap(),
            Some(Err(status)) => output.extend_from_slice(status.as_bytes()),
            None => {}
        }
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn the_page_is_html_and_stays_connected() {
        let answer = exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Connection: keep-alive") && answer.ends_with("</html>\n"));
    }

    #[test]
    fn a_head_request_gets_the_length_and_no_body() {
        let answer = exchange("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.contains(&format!("Content-Length: {}", PAGE.len())) && answer.ends_with("\r\n\r\n"));
    }

    #[test]
    fn echo_gives_back_head_and_body() {
        let answer = exchange("POST /echo?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        assert!(answer.contains("POST /echo?a=1\nHost: x") && answer.ends_with("\n\nhello"), "{answer}");
    }

    #[test]
    fn an_unknown_path_is_404_and_a_body_without_length_411() {
        assert!(exchange("GET /no HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert_eq!(
            exchange("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "411 Length Required"
        );
    }
}
