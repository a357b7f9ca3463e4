//! Running other programs, and where things are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the checkout.
pub fn root() -> PathBuf {
    // crates/xtask is two levels below.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target` in the checkout.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The cargo that runs us, so that a `+toolchain` is kept.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Says what is run, runs it with our own output, and fails when it does.
pub fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Prints the command as a person would type it.
pub fn announce(command: &Command) {
    eprintln!("\n$ {}", shown(command));
}

/// The command as a person would type it.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Whether `program args…` runs and succeeds, quietly.
pub fn works(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Turns this process into `program`, so that Ctrl-C and every other signal reach it and nothing
/// else stands between.
#[cfg(unix)]
pub fn become_program(mut program: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let name = Path::new(program.get_program()).display().to_string();
    Err(program.exec()).with_context(|| format!("cannot start {name}"))
}

#[cfg(not(unix))]
pub fn become_program(mut program: Command) -> Result<()> {
    let name = Path::new(program.get_program()).display().to_string();
    let status = program.status().with_context(|| format!("cannot start {name}"))?;
    std::process::exit(status.code().unwrap_or(1));
}
