//! The developer's own commands: `cargo xtask run`, `test`, `ui`, `package`, `fuzz` and `bench`.
//!
//! Kept to the standard library and `anyhow`, so that the first `cargo xtask` of a clone starts within
//! seconds. It never asks questions: what it is about to install it says first.

mod bench;
mod fuzz;
mod package;
mod run;
mod sample;
mod setup;
mod sh;
mod test;
mod ui;

use std::process::ExitCode;

const USAGE: &str = "\
The developer's own commands.

cargo xtask run [PORT] [options of `porthole http`…]
    Builds gateway and agent, puts PORT (or, with none, a small sample page) on a public URL of a
    trial gateway on this computer, and stays until Ctrl-C.
      --release      build with optimisations (a longer first build)

cargo xtask test [FILTER…]
    Installs what the tests need, checks format and lints, runs every test, fuzzes every parser shortly.
      --no-desktop   leave out what needs a display
      --long         the fault and flood tests in full size (minutes each)
      --tests-only   no format, lint and licence checks, no fuzzing

cargo xtask ui
    Builds the web page in ui/ with what it needs; the next build of porthole carries it.
      --types        write the API's description and the page's types instead

cargo xtask package
    Builds everything with optimisations and puts .deb and .rpm of porthole and porthole-gateway into
    target/packages; installs what that needs.
      --debug            a debug build for trying out, packed in a hurry and labelled `debug`
      --label NAME       the same of any build: older than the version that it is of
      --only deb|rpm     one kind
      --programs FOLDER  packs the programs there instead of building
      --out FOLDER       puts the packages there

cargo xtask fuzz [TARGET]
    Fuzzes one target (`link/frames`), or all, beginning with what is in its corpus.
      --seconds N    for so long each (15)
      --keep         put what was found, shrunk, into the corpus

cargo xtask bench
    Installs the tunnels to compare with, measures Porthole beside them in turns on a local service,
    and writes crates/testkit/benches/RESULTS.md. A quarter of an hour on a quiet machine.
      --quick            one short round; nothing is written
      --rounds N         5 unless said otherwise
      --only A,B,…       some of: direct nginx haproxy caddy rathole bore ssh localtunnel porthole uncaptured
                         small fresh latency download upload beside websocket memory first-url;
                         nothing is written
      --against FOLDER   measures the porthole and porthole-gateway there beside these
      --desktop          the app instead: how soon it is there, what it takes; writes DESKTOP.md beside it
      --micro [FILTER]   the parts with criterion instead: codec, link, router, policy
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let result = match command.as_deref() {
        Some("run") if !wants_help(&rest) => run::run(rest),
        Some("test") if !wants_help(&rest) => test::test(rest),
        Some("ui") if !wants_help(&rest) => ui::ui(rest),
        Some("package") if !wants_help(&rest) => package::package(rest),
        Some("fuzz") if !wants_help(&rest) => fuzz::fuzz(rest),
        Some("bench") if !wants_help(&rest) => bench::bench(rest),
        // Not in the usage: `run` starts it for itself.
        Some("sample-page") => sample::serve_until_orphaned(&rest),
        Some("help" | "--help" | "-h" | "run" | "test" | "ui" | "package" | "fuzz" | "bench") => {
            print!("{USAGE}");
            Ok(())
        }
        None => return usage_error("cargo xtask needs a command."),
        Some(other) => return usage_error(&format!("cargo xtask has no command `{other}`.")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn wants_help(rest: &[String]) -> bool {
    rest.iter().any(|word| word == "--help" || word == "-h")
}

fn usage_error(sentence: &str) -> ExitCode {
    eprintln!("{sentence}\n\n{USAGE}");
    ExitCode::from(2)
}
