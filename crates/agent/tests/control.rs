//! The command line as people and scripts meet it, where no gateway is needed: exit codes, sentences,
//! and how the commands of one data folder share one engine.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// For anything that a busy machine may delay.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nothing listens there, and never will without root.
const NOWHERE: [&str; 4] = ["--gateway", "http://127.0.0.1:1", "--token", "some-token"];

struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_porthole"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PORTHOLE_") {
                command.env_remove(name);
            }
        }
        command.args(args).env("PORTHOLE_HOME", self.path()).env_remove("DBUS_SESSION_BUS_ADDRESS");
        command.env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Outcome {
        Outcome::of(self.command(args).output().unwrap())
    }

    /// Starts a command that stays, with JSON lines.
    fn start(&self, args: &[&str]) -> Running {
        let mut args = args.to_vec();
        args.push("--json");
        args.extend(NOWHERE);
        let mut child = self.command(&args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = send.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        Running { child, lines }
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.run(&["status", "--json"]).stdout).unwrap()
    }

    /// Waits until the engine's status is as wanted.
    fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "never {what}: {status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// One sentence, with this in it, and this exit code.
    #[track_caller]
    fn fails(&self, code: i32, part: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let warned = |line: &&str| line.starts_with("warning: ");
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !warned(line)).collect();
        assert_eq!(lines.len(), 1, "{self:?}");
        assert!(lines[0].starts_with("porthole: ") && lines[0].contains(part), "no “{part}” in {self:?}");
    }
}

struct Running {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Running {
    fn event(&self, kind: &str) -> Value {
        let since = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(since.elapsed());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("no {kind}"));
            if line["event"] == kind {
                return line;
            }
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn exit_code(&mut self) -> Option<i32> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn bad_input_gets_one_sentence_and_exit_code_2() {
    let home = Home::new();
    for (args, part) in [
        (&["http", "0"][..], "1 to 65535"),
        (&["http", "70000"], "“70000” is not a port"),
        (&["http", "localhost"], "names no port"),
        (&["http", "tcp://localhost:5432"], "porthole tcp"),
        (&["tcp", "0"], "1 to 65535"),
        (&["tcp", "http://localhost:3000"], "“http://”"),
        (&["tcp", "5432", "--remote-port", "70000"], "“70000” is not a port"),
        (&["http", "3000", "--gateway", "tunnel.example.com"], "https://tunnel.example.com"),
        (&["http", "3000", "--gateway", "https://x.test:99999"], "1 to 65535"),
        (&["http", "3000", "--token", "x"], "--gateway"),
        (&["http", "3000", "--name=-no-"], "cannot be a name"),
        (&["http", "3000", "--host", "no host"], "not a public host"),
        (&["http", "3000", "--path", "/a/../b"], "path prefix"),
        (&["http", "3000", "--allow-ip", "10.0.0.0/33"], "not an address or network"),
        (&["http", "3000", "--timeout", "soon"], "not a duration"),
        (&["http", "3000", "--basic-auth", "nobody"], "must be USER:PASSWORD, like alice:secret"),
        (&["http", "3000", "--host-header", "a b"], "Host header"),
        (&["http", "3000", "--name", "a", "--host", "b.test"], "not both"),
        (&["login", "nonsense"], "not a gateway URL"),
        (&["login", "porthole://connect?token=x"], "link"),
        (&["mappings", "rm", "nothing"], "no mapping is called"),
        (&["mappings", "add", "99999"], "not a port"),
    ] {
        home.run(args).fails(2, part);
    }
}

#[test]
fn with_json_the_last_line_says_why() {
    let home = Home::new();
    let outcome = home.run(&["http", "70000", "--json"]);
    assert_eq!(outcome.code, Some(2));
    let event: Value = serde_json::from_str(outcome.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((event["event"].as_str(), event["code"].as_str()), (Some("error"), Some("target")));
    let outcome = home.run(&["http", "3000", "--no-such-option", "--json"]);
    let event: Value = serde_json::from_str(outcome.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((outcome.code, event["event"].as_str()), (Some(2), Some("error")));
}

#[test]
fn an_unknown_key_in_the_file_is_told_with_the_nearest_known_one() {
    let home = Home::new();
    home.write("config.toml", "gatewya = \"https://x.test\"\n", 0o600);
    home.run(&["http", "3000"]).fails(2, "did you mean “gateway”?");
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.stdout.lines().next().unwrap().starts_with("problem  config"), "{doctor:?}");
}

#[test]
fn a_token_file_that_others_can_read_is_refused() {
    let home = Home::new();
    let path = home.write("token", "secret-token", 0o644);
    let option = format!("file:{}", path.display());
    let outcome = home.run(&["http", "3000", "--gateway", "http://127.0.0.1:1", "--token", &option]);
    outcome.fails(2, "chmod 600");
    assert!(!outcome.stderr.contains("secret-token"));
}

#[test]
fn a_token_in_a_file_that_others_can_read_is_told_about() {
    let text = "gateway = \"http://127.0.0.1:1\"\ntoken = \"some-token\"\n";
    for (mode, told) in [(0o644, true), (0o600, false)] {
        let home = Home::new();
        home.write("config.toml", text, mode);
        let outcome = home.run(&["http", "3000", "--no-wait"]);
        assert_eq!(outcome.code, Some(4));
        let says = outcome.stderr.contains("can be read by others: run `chmod 600");
        assert_eq!(says, told, "{}", outcome.stderr);
    }
}

#[test]
fn flag_goes_before_variable_and_variable_before_file() {
    let home = Home::new();
    home.write("config.toml", "gateway = \"http://127.0.0.1:3\"\ntoken = \"t\"\n", 0o600);
    let args = ["http", "3000", "--no-wait"];
    assert!(home.run(&args).stderr.contains("127.0.0.1:3"));
    let with_variable = |args: &[&str]| {
        Outcome::of(home.command(args).env("PORTHOLE_GATEWAY", "http://127.0.0.1:2").output().unwrap())
    };
    // The file's token is for the file's gateway, and is not shown to another.
    with_variable(&args).fails(3, "no token for http://127.0.0.1:2");
    let with_token = [&args[..], &["--token", "t"]].concat();
    assert!(with_variable(&with_token).stderr.contains("127.0.0.1:2"));
    let with_flag = [&with_token[..], &["--gateway", "http://127.0.0.1:1"]].concat();
    let outcome = with_variable(&with_flag);
    assert!(outcome.stderr.contains("127.0.0.1:1"), "{outcome:?}");
    assert_eq!(outcome.code, Some(4));
}

#[test]
fn nothing_listening_is_a_warning_and_a_gateway_away_is_exit_code_4_only_with_no_wait() {
    let home = Home::new();
    let mut command = home.start(&["http", "1"]);
    assert_eq!(command.event("warning")["code"], "nothing-listening");
    command.signal("-TERM");
    assert_eq!(command.exit_code(), Some(0));
    let outcome = home.run(&[&["http", "3000", "--no-wait"][..], &NOWHERE].concat());
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
}

#[test]
fn without_a_token_the_sentence_says_how_to_log_in() {
    let home = Home::new();
    home.run(&["http", "3000", "--gateway", "http://127.0.0.1:1"]).fails(3, "porthole login");
}

#[test]
fn stored_mappings_can_be_listed_changed_and_removed() {
    let home = Home::new();
    let added = home.run(&[
        "mappings",
        "add",
        "https://localhost:8443",
        "--name",
        "shop",
        "--insecure",
        "--allow-ip",
        "10.0.0.1,::1",
        "--basic-auth",
        "me:hunter2",
        "--match-header",
        "X-Version=2",
        "--json",
    ]);
    assert_eq!(added.code, Some(0), "{added:?}");
    let mapping: Value = serde_json::from_str(&added.stdout).unwrap();
    assert_eq!(mapping["target"], "https://localhost:8443");
    assert_eq!(mapping["allow_ip"], serde_json::json!(["10.0.0.1/32", "::1/128"]));
    assert_eq!(mapping["basic_auth"], serde_json::json!(["me"]));
    let edited = home.run(&[
        "mappings",
        "edit",
        "shop",
        "--target",
        "3000",
        "--insecure=false",
        "--path",
        "/a",
        "--json",
    ]);
    let mapping: Value = serde_json::from_str(&edited.stdout).unwrap();
    assert_eq!(mapping["path"], "/a");
    assert_eq!(
        (&mapping["allow_invalid_certs"], &mapping["name"]),
        (&Value::Bool(false), &Value::from("shop"))
    );
    assert_eq!(home.run(&["mappings", "disable", "shop"]).code, Some(0));
    assert!(home.run(&["mappings", "list"]).stdout.contains("disabled"));
    assert_eq!(home.run(&["mappings", "rm", "shop"]).code, Some(0));
    assert!(home.run(&["mappings", "list"]).stdout.contains("No mappings yet"));
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
}

#[test]
fn a_public_address_that_an_enabled_mapping_has_is_not_given_twice() {
    let home = Home::new();
    let add = ["mappings", "add", "3000", "--name", "shop", "--path", "/a"];
    assert_eq!(home.run(&add).code, Some(0));
    home.run(&add).fails(2, "has this public address already");
    let elsewhere = ["mappings", "add", "3000", "--name", "shop", "--path", "/b"];
    assert_eq!(home.run(&elsewhere).code, Some(0));
    let other_requests = [&add[..], &["--match-header", "x-beta"]].concat();
    assert_eq!(home.run(&other_requests).code, Some(0));
    // Two versions may be kept, one of them switched off.
    let later = home.run(&[&add[..], &["--disabled", "--json"]].concat());
    let later: Value = serde_json::from_str(&later.stdout).unwrap();
    home.run(&["mappings", "enable", later["id"].as_str().unwrap()])
        .fails(2, "has this public address already");
    for port in ["tcp://localhost:1", "tcp://localhost:2"] {
        assert_eq!(home.run(&["mappings", "add", port]).code, Some(0), "any port is free");
    }
    let asks = |target| ["mappings", "add", target, "--remote-port", "20000"];
    assert_eq!(home.run(&asks("tcp://localhost:1")).code, Some(0));
    home.run(&asks("tcp://localhost:2")).fails(2, "has this public address already");
}

#[test]
fn doctor_looks_at_the_way_to_the_gateway_without_a_token_too() {
    let home = Home::new();
    let outcome = home.run(&["doctor", "--gateway", "http://127.0.0.1:1", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let lines: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let check = |name: &str| lines.iter().find(|line| line["check"] == name).cloned().unwrap_or_default();
    assert_eq!(check("settings")["result"], "problem");
    assert!(check("settings")["message"].as_str().unwrap().contains("porthole login"), "{outcome:?}");
    assert_eq!(check("reach")["result"], "problem");
    assert!(check("reach")["message"].as_str().unwrap().contains("is the gateway running"), "{outcome:?}");
    assert_eq!(check("token")["result"], "skipped");
}

#[test]
fn doctor_names_a_data_folder_that_cannot_be_made_and_goes_on() {
    let home = Home::new();
    let file = home.write("file", "", 0o600);
    let mut command = home.command(&["doctor"]);
    command.env("PORTHOLE_HOME", &file).args(NOWHERE);
    let outcome = Outcome::of(command.output().unwrap());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let problem = outcome.stdout.lines().find(|line| line.contains("data folder")).unwrap_or_default();
    assert!(problem.starts_with("problem") && problem.contains("PORTHOLE_HOME"), "{outcome:?}");
}

#[test]
fn mappings_of_the_file_are_listed_and_read_only() {
    let home = Home::new();
    home.write("config.toml", "[[mappings]]\nname = \"filed\"\ntarget = 3000\n", 0o644);
    assert!(home.run(&["mappings", "list"]).stdout.contains("in the file"));
    home.run(&["mappings", "rm", "filed"]).fails(2, "change it there");
}

#[test]
fn a_damaged_database_is_set_aside_with_a_word() {
    let home = Home::new();
    home.write("porthole.db", &"no database at all ".repeat(1000), 0o600);
    let listed = home.run(&["mappings", "list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(listed.stderr.contains("porthole.db.damaged-"), "{listed:?}");
    home.write("porthole.db", &"damaged again ".repeat(1000), 0o600);
    let _ = std::fs::remove_file(home.path().join("porthole.db-wal"));
    let command = home.start(&["http", "1"]);
    assert_eq!(command.event("warning")["code"], "database-damaged");
}

#[test]
fn a_login_without_a_keychain_keeps_the_token_in_a_private_file_and_says_so() {
    let home = Home::new();
    let login = home.run(&["login", "wss://Gate.test/tunnel", "--token", "my-token", "--no-verify"]);
    assert_eq!(login.code, Some(0), "{login:?}");
    assert!(login.stdout.contains("credentials.toml") && !login.stdout.contains("my-token"), "{login:?}");
    let file = home.path().join("credentials.toml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // The gateway is the default now, and its token is found; once others can read it, no more.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    home.run(&["http", "3000", "--no-wait"]).fails(2, "chmod 600");
}

#[test]
fn a_login_that_the_gateway_does_not_confirm_keeps_nothing() {
    let home = Home::new();
    home.run(&["login", "http://127.0.0.1:1", "--token", "my-token"]).fails(4, "http://127.0.0.1:1");
    assert!(!home.path().join("credentials.toml").exists());
}

#[test]
fn commands_of_one_data_folder_share_one_engine_and_one_takes_over_when_it_dies() {
    let home = Home::new();
    assert_eq!(home.status()["running"], false);
    let mut first = home.start(&["http", "1", "--name", "one"]);
    let names = |status: &Value| -> Vec<String> {
        let names = status["mappings"].as_array().into_iter().flatten();
        names.filter_map(|mapping| Some(mapping["name"].as_str()?.to_owned())).collect()
    };
    home.until("the first", |status| names(status) == ["one"]);
    let mut second = home.start(&["http", "2", "--name", "two"]);
    let both = home.until("both", |status| names(status) == ["one", "two"]);
    assert_eq!(both["pid"], first.child.id());
    let id = both["mappings"][1]["id"].clone();
    let mode = std::fs::metadata(home.path().join("engine.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    first.signal("-KILL");
    first.exit_code();
    let after = home.until("taken over", |status| status["pid"] == second.child.id());
    let after = if names(&after) == ["two"] { after } else { home.until("two", |s| names(s) == ["two"]) };
    assert_eq!(after["mappings"][0]["id"], id);

    second.signal("-INT");
    assert_eq!(second.exit_code(), Some(0));
    assert_eq!(home.status()["running"], false);
    assert!(!home.path().join("engine.sock").exists());
}

#[test]
fn a_mapping_ends_with_its_command() {
    let home = Home::new();
    let _first = home.start(&["http", "1", "--name", "one"]);
    home.until("the first", |status| status["mappings"].as_array().is_some_and(|list| list.len() == 1));
    let mut second = home.start(&["tcp", "2"]);
    home.until("both", |status| status["mappings"].as_array().is_some_and(|list| list.len() == 2));
    second.signal("-INT");
    assert_eq!(second.exit_code(), Some(0));
    home.until("one again", |status| status["mappings"].as_array().is_some_and(|list| list.len() == 1));
}

#[test]
fn a_command_for_another_gateway_or_another_token_is_told_what_runs() {
    let home = Home::new();
    let _first = home.start(&["http", "1"]);
    home.until("running", |status| status["running"] == true);
    let other = ["http", "2", "--gateway", "http://127.0.0.1:2", "--token", "some-token"];
    home.run(&other).fails(2, "http://127.0.0.1:1");
    let stranger = ["http", "2", "--gateway", "http://127.0.0.1:1", "--token", "another-token"];
    home.run(&stranger).fails(2, "somebody else");
}

#[test]
fn a_second_up_is_refused_and_the_first_follows_changes() {
    let home = Home::new();
    assert_eq!(home.run(&["mappings", "add", "1", "--name", "one"]).code, Some(0));
    let mut up = home.start(&["up"]);
    let count = |wanted: usize| {
        move |status: &Value| status["mappings"].as_array().is_some_and(|list| list.len() == wanted)
    };
    home.until("serving", count(1));
    home.run(&[&["up"][..], &NOWHERE].concat()).fails(1, "running already");
    assert_eq!(home.run(&["mappings", "add", "2", "--name", "two"]).code, Some(0));
    home.until("following", count(2));
    assert_eq!(home.run(&["mappings", "disable", "one"]).code, Some(0));
    home.until("one switched off", count(1));
    up.signal("-TERM");
    assert_eq!(up.exit_code(), Some(0));
}

#[test]
fn what_save_kept_survives_kill_9() {
    let home = Home::new();
    let mut command = home.start(&["http", "1", "--name", "kept", "--save"]);
    home.until("serving", |status| status["mappings"].as_array().is_some_and(|list| list.len() == 1));
    command.signal("-KILL");
    command.exit_code();
    assert!(home.run(&["mappings", "list"]).stdout.contains("kept"));
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = Home::new().run(&["completions", shell]);
        assert!(outcome.code == Some(0) && outcome.stdout.contains("porthole"), "{shell}");
    }
}

#[test]
fn what_is_installed_beside_the_program_is_written_with_no_look_at_the_users_own_files() {
    let home = Home::new();
    std::fs::write(home.path().join("config.toml"), "no such = key").unwrap();
    let pages = home.path().join("pages");
    assert_eq!(home.run(&["man", pages.to_str().unwrap()]).code, Some(0));
    assert_eq!(home.run(&["completions", "bash"]).code, Some(0));
    for (page, holds) in [
        ("porthole.1", "porthole\\-http(1)"),
        ("porthole-exchanges-list.1", ".TH"),
        ("porthole-desktop.1", "hidden"),
    ] {
        let text =
            std::fs::read_to_string(pages.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(holds), "{page}: {text}");
    }
    let others: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(others.len(), 2, "{others:?}");
}
