//! The gateway's program as its operator meets it: commands, sentences, exit codes.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_porthole-gateway"));
    for (name, _) in std::env::vars() {
        if name.starts_with("PORTHOLE_") || name == "PORT" || name == "PUBLIC_BASE_URL" {
            command.env_remove(name);
        }
    }
    command.env("PORTHOLE_HOME", home).stdin(Stdio::null());
    command
}

fn run(home: &TempDir, arguments: &[&str]) -> Output {
    command(home.path()).args(arguments).output().expect("runs")
}

fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The sentence on standard error; asserts the exit code and that it is one line.
fn sentence(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

struct Serving {
    child: Child,
    listening: String,
}

impl Serving {
    fn start(home: &TempDir, arguments: &[&str], stdin: Stdio) -> Self {
        let mut child = command(home.path())
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--public-url", "http://localhost:0"])
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let listening = lines
            .by_ref()
            .map(|line| line.expect("text"))
            .find(|line| line.starts_with("porthole-gateway listening on "))
            .expect("says where it listens");
        Self { child, listening }
    }

    fn address(&self) -> &str {
        let rest = self.listening.strip_prefix("porthole-gateway listening on ").expect("the line");
        rest.split(',').next().expect("an address")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(address).expect("connects");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    answer
}

#[test]
fn a_token_is_created_before_the_first_serve_listed_and_revoked() {
    let home = home();
    let made = run(&home, &["token", "create", "--name", "alice", "--json", "--expires", "90d"]);
    assert_eq!(made.status.code(), Some(0));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("one JSON object");
    let id = made["id"].as_str().expect("an id");
    assert!(made["token"].as_str().is_some_and(|token| token.matches('.').count() == 2));
    assert!(made["link"].is_null());
    assert!(out(&run(&home, &["token", "list"])).contains(id));
    assert_eq!(run(&home, &["token", "revoke", id]).status.code(), Some(0));
    let list: serde_json::Value =
        serde_json::from_slice(&run(&home, &["token", "list", "--json"]).stdout).expect("JSON");
    assert!(list[0]["revoked"].is_string());
    assert!(sentence(&run(&home, &["token", "revoke", "nope"]), 1).contains("token list"));
    assert_eq!(run(&home, &["token", "rotate"]).status.code(), Some(0));
}

#[test]
fn token_create_prints_a_login_line_and_a_link_with_the_last_served_url() {
    let home = home();
    drop(Serving::start(&home, &[], Stdio::null()));
    let text = out(&run(
        &home,
        &["token", "create", "--name", "alice", "--hosts", "alice-*,*.alice", "--tcp", "20000-20009"],
    ));
    assert!(text.contains("porthole login http://localhost:"), "{text}");
    assert!(text.contains("porthole://connect?gateway=http%3A%2F%2Flocalhost%3A"), "{text}");
    let text =
        out(&run(&home, &["token", "create", "--name", "a", "--public-url", "https://t.example", "--json"]));
    assert!(
        text.starts_with("{\"token\":") && text.contains("gateway=https%3A%2F%2Ft.example&token="),
        "{text}"
    );
}

#[test]
fn wrong_usage_is_one_sentence_and_exit_code_2() {
    let home = home();
    for arguments in [
        &["serve", "--listen", "127.0.0.1:70000"][..],
        &["serve", "--public-url", "tunnel.example.com"],
        &["serve", "--tls-cert", "/nonexistent"],
        &["serve", "--config", "/nonexistent.toml"],
        &["serve", "--secret-file", "/nonexistent"],
        &["check", "--grace", "soon"],
        &["token", "create", "--name", ""],
        &["token", "create", "--name", "shared"],
        &["token", "create", "--name", "a", "--hosts", "a b"],
        &["token", "create", "--name", "a", "--tcp", "0"],
        &["token", "create", "--name", "a", "--tcp", "1-70000"],
        &["token", "create", "--name", "a", "--expires", "soon"],
    ] {
        assert!(sentence(&run(&home, arguments), 2).starts_with("error: "), "{arguments:?}");
    }
    for arguments in [&["serve", "--acme", "a@b"][..], &["token"], &["nonsense"], &[]] {
        assert_eq!(run(&home, arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn an_unknown_key_in_the_file_names_the_nearest_known_one() {
    let home = home();
    std::fs::write(home.path().join("gateway.toml"), "public_ulr = \"https://t.example\"\n")
        .expect("written");
    for arguments in [&["serve"][..], &["check"], &["token", "create", "--name", "a"]] {
        assert!(sentence(&run(&home, arguments), 2).contains("`public_url`"), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_or_that_is_short_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let file = home.path().join("s");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").expect("written");
    let path = file.to_str().expect("text");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("mode");
    for arguments in [&["serve"][..], &["check"], &["token", "create", "--name", "a"]] {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--secret-file", path]).collect();
        assert!(sentence(&run(&home, &arguments), 2).contains("chmod 600"));
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("mode");
    assert_eq!(run(&home, &["check", "--secret-file", path]).status.code(), Some(0));
    std::fs::write(&file, "short\n").expect("written");
    assert!(sentence(&run(&home, &["serve", "--secret-file", path]), 2).contains("32"));
}

#[test]
fn a_port_in_use_is_one_sentence_and_exit_code_1() {
    let home = home();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let text = sentence(&run(&home, &["serve", "--listen", &address, "--log", "error"]), 1);
    assert!(text.contains(&address) && text.contains("--listen"), "{text}");
}

#[test]
fn check_makes_nothing_and_says_what_it_found() {
    let home = home();
    let checked = run(&home, &["check", "--public-url", "https://t.example", "--listen", "127.0.0.1:0"]);
    assert_eq!(checked.status.code(), Some(0));
    assert!(out(&checked).contains("https://NAME.t.example"), "{}", out(&checked));
    assert!(!home.path().join("gateway").exists());
}

#[test]
fn serve_says_where_and_answers_health_and_status() {
    let home = home();
    let serving = Serving::start(&home, &[], Stdio::null());
    let port = serving.address().rsplit(':').next().expect("a port").to_owned();
    assert!(
        serving.listening.ends_with(&format!(", public URL http://localhost:{port}")),
        "{}",
        serving.listening
    );
    assert!(get(serving.address(), "/health").starts_with("HTTP/1.1 200"));
    assert!(get(serving.address(), "/health?ready").starts_with("HTTP/1.1 200"));
    assert!(get(serving.address(), "/api/v1/status").contains("\"links\":0"));
    assert!(get(serving.address(), "/metrics").starts_with("HTTP/1.1 404"));
}

#[test]
fn serve_leaves_when_standard_input_closes_if_asked_to() {
    let home = home();
    let mut serving = Serving::start(&home, &["--until-stdin-closes"], Stdio::piped());
    assert!(serving.child.try_wait().expect("asked").is_none());
    drop(serving.child.stdin.take());
    assert_eq!(serving.child.wait().expect("ends").code(), Some(0));
}

#[cfg(unix)]
#[test]
fn sigterm_ends_serve_with_exit_code_0() {
    let home = home();
    let mut serving = Serving::start(&home, &[], Stdio::null());
    let pid =
        i32::try_from(serving.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("signalled");
    assert_eq!(serving.child.wait().expect("ends").code(), Some(0));
}

#[test]
fn completions_and_manual_pages_come_out_of_the_commands_own_definition() {
    let home = home();
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&run(&home, &["completions", shell])).contains("porthole-gateway"), "{shell}");
    }
    let pages = home.path().join("pages");
    let written = run(&home, &["man", &pages.display().to_string()]);
    assert!(written.status.success(), "{written:?}");
    for page in ["porthole-gateway.1", "porthole-gateway-serve.1", "porthole-gateway-token-create.1"] {
        assert!(pages.join(page).is_file(), "{page}");
    }
    let file = home.path().join("file");
    std::fs::write(&file, "").expect("a file");
    assert!(sentence(&run(&home, &["man", &file.display().to_string()]), 1).contains("file"));
}
