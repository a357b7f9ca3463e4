//! The developer's own commands: `cargo xtask run`, `cargo xtask test`, `cargo xtask fuzz`.
//!
//! Kept to the standard library and `anyhow`, so that the first `cargo xtask` of a clone starts within
//! seconds. It never asks questions: what it is about to install it says first.

mod fuzz;
mod run;
mod sample;
mod setup;
mod sh;
mod test;

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

cargo xtask fuzz [TARGET]
    Fuzzes one target (`link/frames`), or all, beginning with what is in its corpus.
      --seconds N    for so long each (15)
      --keep         put what was found, shrunk, into the corpus
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let result = match command.as_deref() {
        Some("run") if !wants_help(&rest) => run::run(rest),
        Some("test") if !wants_help(&rest) => test::test(rest),
        Some("fuzz") if !wants_help(&rest) => fuzz::fuzz(rest),
        // Not in the usage: `run` starts it for itself.
        Some("sample-page") => sample::serve_until_orphaned(&rest),
        Some("help" | "--help" | "-h" | "run" | "test" | "fuzz") => {
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
