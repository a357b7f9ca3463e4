//! What the gateway does with the system's limit of open files.
#![cfg(target_os = "linux")]

use std::process::Command;

use porthole_testkit::binaries;
use porthole_testkit::process::Process;

#[tokio::test]
async fn a_gateway_asks_for_all_the_open_files_it_may_have() {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    command
        .env("PORTHOLE_HOME", home.path())
        .arg("-c")
        .arg(format!("ulimit -Sn 256; exec '{}' serve --listen 127.0.0.1:0", binaries::gateway().display()));
    let mut gateway = Process::start("gateway", command);
    gateway.line("the gateway listens", |line| line.contains("listening on").then_some(())).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).expect("it runs");
    let open_files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    let words: Vec<_> = open_files.split_whitespace().collect();
    assert_eq!(words[3], words[4], "soft and hard limit: {open_files}");
    assert_ne!(words[3], "256");
}
