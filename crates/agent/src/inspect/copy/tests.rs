//! What is copied, run: a real shell and a real curl against a listener that keeps what arrives.

use super::super::recorded::RecordedRequest;
use super::*;

fn request() -> RecordedRequest {
    RecordedRequest {
        method: "POST".into(),
        scheme: "https".into(),
        host: "shop.example.com".into(),
        target: "/orders?page=2".into(),
        fields: vec![
            ("Host".into(), b"shop.example.com".to_vec()),
            ("X-Odd".into(), b"caf\xe9 it's $HOME".to_vec()),
            ("X-Empty".into(), Vec::new()),
            ("Content-Type".into(), b"application/json".to_vec()),
            ("Content-Length".into(), b"15".to_vec()),
        ],
        body: b"{\"name\":\"it's\"}".to_vec(),
        body_bytes: 15,
        ..RecordedRequest::default()
    }
}

#[test]
fn a_command_for_curl_reads_like_one_written_by_hand() {
    let mut request = request();
    request.body_bytes = 99;
    assert_eq!(
        curl(&request),
        r#"# only the first 15 of 99 bytes of the body were kept
curl --http1.1 \
  'https://shop.example.com/orders?page=2' \
  --header 'Host: shop.example.com' \
  --header "$(printf 'X-Odd: caf\351 it\047s \044HOME')" \
  --header 'X-Empty;' \
  --header 'Content-Type: application/json' \
  --header User-Agent: \
  --header Accept: \
  --header Expect: \
  --data-raw '{"name":"it'\''s"}'"#
    );
}

#[test]
fn a_binary_body_comes_through_printf() {
    let request = RecordedRequest { body: b"\0\xff%\\\n-".to_vec(), ..request() };
    assert!(curl(&request).contains(r"printf '\000\377%%\134\n-' | curl "), "{}", curl(&request));
    assert!(curl(&request).ends_with("--data-binary @-"));
}

#[test]
fn a_command_for_httpie_escapes_what_would_mean_something_else() {
    let mut request = request();
    request.fields.push(("X-At".into(), b"@file".to_vec()));
    let command = httpie(&request);
    assert!(command.contains("--raw='{\"name\":\"it'\\''s\"}'"), "{command}");
    assert!(command.contains(r"'X-At:\@file'"), "{command}");
    assert!(command.contains("'X-Empty;'"), "{command}");
}

#[test]
fn a_script_has_what_a_script_may_send() {
    let mut request = request();
    assert_eq!(
        fetch(&request),
        r#"await fetch("https://shop.example.com/orders?page=2", {
  method: "POST",
  headers: [
    ["X-Odd", "café it's $HOME"],
    ["X-Empty", ""],
    ["Content-Type", "application/json"],
  ],
  redirect: "manual",
  body: new TextEncoder().encode("{\"name\":\"it's\"}"),
});"#
    );
    (request.body, request.body_bytes) = (vec![0xff], 1);
    assert!(fetch(&request).contains("atob(\"/w==\")"));
    request.method = "GET".into();
    assert!(fetch(&request).starts_with("// fetch sends no body with GET: it is left out\n"));
}

#[test]
fn raw_is_the_message_as_it_stood() {
    let mut request = request();
    request.fields.truncate(2);
    assert_eq!(
        raw_request(&request),
        b"POST /orders?page=2 HTTP/1.1\r\nHost: shop.example.com\r\nX-Odd: caf\xe9 it's $HOME\r\n\r\n{\"name\":\"it's\"}"
    );
}

#[cfg(unix)]
mod executed {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::super::recorded::RecordedRequest;
    use super::super::{curl, shell};

    /// What arrived: the first line, fields without `Host`, and the body.
    type Arrived = (Vec<u8>, Vec<Vec<u8>>, Vec<u8>);

    /// Takes one request and answers it; a client that sends less than it says is cut off.
    fn serve(listener: &TcpListener) -> Arrived {
        let (stream, _) = listener.accept().expect("curl connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a bound");
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line).expect("a line");
            let line = line.strip_suffix(b"\r\n").expect("a whole line").to_vec();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let first = lines.remove(0);
        let length = lines.iter().find_map(|line| {
            String::from_utf8_lossy(line).to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).expect("the whole body");
        let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        reader.get_mut().write_all(answer).expect("an answer");
        (first, lines, body)
    }

    /// Runs a script from a file: one long enough to matter is too long for an argument of the shell's.
    fn run(shell: &str, script: &str) -> std::process::Output {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(script.as_bytes()).expect("the script");
        Command::new(shell)
            .arg(file.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{shell}: {error}"))
    }

    /// Sends the request through a shell and curl, and holds what arrives to it.
    fn arrives(shell: &str, mut request: RecordedRequest) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        request.scheme = "http".into();
        request.host = listener.local_addr().expect("its address").to_string();
        request.fields.insert(0, ("Host".into(), request.host.clone().into_bytes()));
        let command = format!("{} --silent --show-error --max-time 20 --output /dev/null", curl(&request));
        let (output, arrived) = std::thread::scope(|scope| {
            let server = scope.spawn(|| serve(&listener));
            let output = std::panic::catch_unwind(|| run(shell, &command));
            if !output.as_ref().is_ok_and(|output| output.status.success()) {
                // Nothing may have come: let the server see an end.
                drop(std::net::TcpStream::connect(listener.local_addr().expect("its address")));
            }
            (output.expect("the shell starts"), server.join())
        });
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{shell}: {complaint}\n{command}");
        let (first, fields, body) = arrived.expect("it arrives");
        let line = format!("{} {} HTTP/1.1", request.method, request.target);
        assert_eq!(String::from_utf8_lossy(&first), line, "{shell}: {command}");
        let sent = |name: &str| !name.eq_ignore_ascii_case("content-length");
        let wanted: Vec<Vec<u8>> = request
            .fields
            .iter()
            .filter(|(name, _)| sent(name))
            .map(|(name, value)| [format!("{name}: ").as_bytes(), value].concat())
            .map(|line| line.trim_ascii_end().to_vec())
            .collect();
        let got: Vec<Vec<u8>> = fields
            .iter()
            .filter(|line| !line.to_ascii_lowercase().starts_with(b"content-length:"))
            .map(|line| line.trim_ascii_end().to_vec())
            .collect();
        assert_eq!(shown(&got), shown(&wanted), "{shell}: {command}");
        assert_eq!(got, wanted, "{shell}: {command}");
        assert_eq!(body, request.body, "{shell}: {command}");
    }

    fn shown(lines: &[Vec<u8>]) -> Vec<String> {
        lines.iter().map(|line| line.escape_ascii().to_string()).collect()
    }

    /// The shells at hand; `sh` is dash on Debian.
    fn shells() -> Vec<&'static str> {
        let at_hand =
            |shell: &&str| Command::new(shell).args(["-c", ":"]).status().is_ok_and(|s| s.success());
        let shells: Vec<_> = ["sh", "dash", "bash"].into_iter().filter(at_hand).collect();
        assert!(shells.contains(&"sh"), "a POSIX system has sh");
        shells
    }

    #[test]
    fn every_byte_passes_printf_and_every_one_but_nul_an_argument() {
        let all: Vec<u8> = (0..=255).chain(*b"-%s\\n!").collect();
        let mut argument = all[1..].to_vec();
        argument.push(b'.');
        for shell in shells() {
            assert_eq!(run(shell, &shell::printf(&all)).stdout, all, "{shell}");
            let script = format!("printf '%s' {}", shell::argument(&argument));
            assert_eq!(run(shell, &script).stdout, argument, "{shell}");
            for first in [b'-', b'%', b'\\', b'~', b'=', b'#'] {
                assert_eq!(run(shell, &shell::printf(&[first, b'n'])).stdout, [first, b'n'], "{shell}");
                let script = format!("printf '%s' {}", shell::argument(&[first, b'n']));
                assert_eq!(run(shell, &script).stdout, [first, b'n'], "{shell}");
            }
        }
    }

    #[test]
    fn a_body_longer_than_an_argument_arrives() {
        for (byte, length) in [(b'a', shell::ARGUMENT_BYTES), (b'a', 3 * shell::ARGUMENT_BYTES), (0, 200_000)]
        {
            let request = RecordedRequest {
                method: "PUT".into(),
                target: "/large".into(),
                body: vec![byte; length],
                body_bytes: length as u64,
                ..RecordedRequest::default()
            };
            arrives("sh", request);
        }
    }

    #[test]
    fn targets_that_curl_would_mend_arrive_as_they_were() {
        for target in [
            "/a/../b/./c",
            "/%2e%2e/x",
            "/[1-3]/{a,b}?x[]=1",
            "*",
            "//host/path",
            "/?q=a#b",
            "/a|b^c`d\"e<f>",
            "/caf\u{e9}?'$(id)'",
            "/;echo%20x&y=!z*",
        ] {
            let method = if target == "*" { "OPTIONS" } else { "GET" };
            let request = RecordedRequest {
                method: method.into(),
                target: target.into(),
                ..RecordedRequest::default()
            };
            arrives("sh", request);
        }
    }

    #[test]
    fn methods_that_curl_treats_apart_arrive() {
        let length = |n: &str| vec![("Content-Length".to_owned(), n.as_bytes().to_vec())];
        for (method, fields, body) in [
            ("HEAD", Vec::new(), ""),
            ("POST", Vec::new(), ""),
            ("POST", length("0"), ""),
            ("GET", length("4"), "body"),
            ("get", Vec::new(), ""),
            ("OPTIONS", Vec::new(), ""),
        ] {
            let (body, body_bytes) = (body.as_bytes().to_vec(), body.len() as u64);
            let (method, target) = (method.to_owned(), "/".to_owned());
            let request =
                RecordedRequest { method, target, fields, body, body_bytes, ..RecordedRequest::default() };
            arrives("sh", request);
        }
    }

    fn field() -> impl Strategy<Value = (String, Vec<u8>)> {
        let name = prop_oneof![
            "[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,12}".prop_map(|name| format!("X-{name}")),
            prop::sample::select(vec!["Accept", "user-agent", "Cookie", "Authorization", "Content-Type"])
                .prop_map(str::to_owned),
        ];
        // As the codec keeps values: no line ends, no NUL, no white space around.
        let byte = prop_oneof![
            3 => 0x21..0x7f_u8,
            1 => prop::sample::select(b"'\"\\$`!%;:@ \t".to_vec()),
            1 => 0x80..=0xff_u8,
        ];
        let value = prop::collection::vec(byte, 0..30).prop_map(|bytes| bytes.trim_ascii().to_vec());
        (name, value)
    }

    fn request() -> impl Strategy<Value = RecordedRequest> {
        let body = prop_oneof![
            1 => Just(Vec::new()),
            2 => prop::collection::vec(any::<u8>(), 1..200),
            2 => prop::collection::vec(
                prop::sample::select(b"'\"\\$`!%@&=<\n\r\t ~#\0{}-".to_vec()), 1..40),
            1 => "\\PC{1,60}".prop_map(String::into_bytes),
        ];
        let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "x'y"]);
        let target = "/[ -~]{0,30}".prop_map(|target| target.replace(' ', "+"));
        (method, target, prop::collection::vec(field(), 0..6), body).prop_map(
            |(method, target, mut fields, body)| {
                if !body.is_empty() {
                    fields.push(("Content-Length".into(), body.len().to_string().into_bytes()));
                }
                let body_bytes = body.len() as u64;
                RecordedRequest {
                    method: method.into(),
                    target,
                    fields,
                    body,
                    body_bytes,
                    ..RecordedRequest::default()
                }
            },
        )
    }

    proptest! {
        // Each case starts a shell and a curl, some 20 ms.
        #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, ..ProptestConfig::default() })]

        #[test]
        fn a_copied_command_arrives_byte_for_byte(request in request(), bash in any::<bool>()) {
            let shell = if bash && shells().contains(&"bash") { "bash" } else { "sh" };
            arrives(shell, request);
        }
    }
}
