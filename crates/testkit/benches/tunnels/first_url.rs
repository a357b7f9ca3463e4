//! From the start of `porthole http PORT` to a public URL that is announced, trial gateway and all.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::child;
use crate::figures::Figures;
use crate::options::Options;
use crate::tunnel::{Kind, Service};

/// Starts in a run; the median counts.
const TIMES: usize = 7;

pub fn measure(kind: Kind, service: &Service, options: &Options, into: &mut Figures) -> Result<()> {
    let binaries = if kind == Kind::Before { options.against.as_ref() } else { Some(&options.binaries) };
    let program = binaries.context("--against FOLDER says where it is")?.join("porthole");
    for time in 0..TIMES {
        let home = tempfile::Builder::new().prefix("porthole-bench-first-").tempdir()?;
        into.add(kind, "first_url.new_ms", time, once(&program, home.path(), service.files)?);
        into.add(kind, "first_url.again_ms", time, once(&program, home.path(), service.files)?);
    }
    Ok(())
}

fn once(program: &Path, home: &Path, port: u16) -> Result<f64> {
    let mut command = child::command(program);
    command.args(["http", &port.to_string(), "--json"]).env("PORTHOLE_HOME", home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let began = Instant::now();
    let mut running = command.spawn().context("porthole does not start")?;
    let output = running.stdout.take().context("no output")?;
    let ready = BufReader::new(output)
        .lines()
        .map_while(|line| line.ok())
        .any(|line| line.contains("\"event\":\"ready\""));
    let took = began.elapsed().as_secs_f64() * 1000.0;
    child::end(&mut running);
    if !ready {
        bail!("porthole ended before it was ready");
    }
    Ok(took)
}
