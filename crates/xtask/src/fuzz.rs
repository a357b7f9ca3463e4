//! `cargo xtask fuzz`, and the part of `cargo xtask test` that fuzzes: builds every target, replays its
//! corpus, then looks for new inputs for a while.
//!
//! Everything that this makes is under `target/fuzz`; corpora in the tree are only read, apart from
//! `--keep`, which puts what was found and shrunk into them.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::sh;

/// The crates with targets; each has them in `crates/NAME/fuzz`.
const CRATES: [&str; 4] = ["http1", "link", "gateway", "agent"];
/// Fresh fuzzing of each target in `cargo xtask test`.
const SHORT: Duration = Duration::from_secs(15);
/// Memory of one target, in MiB: ours need some 60.
const MEMORY_MIB: u32 = 1024;
/// The longest that one input may take, in seconds. They take milliseconds, also on a busy machine.
const INPUT_SECONDS: u32 = 60;
/// Beyond its time a target has this long to replay its corpus and to end.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at the targets that run.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes of an input that is worth keeping, and inputs of one target.
const KEPT_BYTES: u64 = 2048;
const KEPT_INPUTS: usize = 150;

/// One target.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    /// The crate's folder under `crates`.
    owner: &'static str,
    name: String,
}

impl Target {
    fn shown(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    fn corpus(&self) -> PathBuf {
        sh::root().join("crates").join(self.owner).join("fuzz/corpus").join(&self.name)
    }

    /// Where its own files go under `target/fuzz`.
    fn files(&self, kind: &str) -> PathBuf {
        build_dir().join(kind).join(self.owner).join(&self.name)
    }
}

/// What a run of one target says about itself, for the summary.
#[derive(Debug)]
struct Told {
    target: Target,
    log: PathBuf,
    problem: Option<String>,
}

/// `cargo xtask fuzz [TARGET] [--seconds N] [--keep]`.
pub fn fuzz(arguments: Vec<String>) -> Result<()> {
    let mut wanted = None;
    let mut time = SHORT;
    let mut keep = false;
    let mut words = arguments.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let given = words.next().and_then(|word| word.parse().ok());
                time = Duration::from_secs(given.context("--seconds needs a number")?);
            }
            "--keep" => keep = true,
            option if option.starts_with('-') => bail!("`cargo xtask fuzz` has no option {option}"),
            _ if wanted.is_some() => bail!("give one target, or none for all"),
            _ => wanted = Some(word),
        }
    }
    let all = targets()?;
    let chosen: Vec<Target> = match &wanted {
        None => all.clone(),
        Some(word) => {
            all.iter().filter(|target| target.shown() == *word || target.name == *word).cloned().collect()
        }
    };
    if chosen.is_empty() {
        let names: Vec<String> = all.iter().map(Target::shown).collect();
        bail!("there is no target {}; there are {}", wanted.unwrap_or_default(), names.join(", "));
    }
    run(&chosen, time)?;
    if keep {
        for target in &chosen {
            shrink(target)?;
        }
    }
    Ok(())
}

/// Every target, replayed and fuzzed shortly.
pub fn all() -> Result<()> {
    run(&targets()?, SHORT)
}

fn targets() -> Result<Vec<Target>> {
    let mut found = Vec::new();
    for owner in CRATES {
        let folder = sh::root().join("crates").join(owner).join("fuzz/fuzz_targets");
        let entries = fs::read_dir(&folder).with_context(|| format!("no targets in {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "rs")
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                found.push(Target { owner, name: name.to_owned() });
            }
        }
    }
    found.sort_by_key(Target::shown);
    Ok(found)
}

fn run(targets: &[Target], time: Duration) -> Result<()> {
    for owner in CRATES.into_iter().filter(|owner| targets.iter().any(|target| target.owner == *owner)) {
        build(owner)?;
    }
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    eprintln!(
        "\nFuzzing {} targets, {} s each, {at_once} at a time. What they say is in {}.",
        targets.len(),
        time.as_secs(),
        build_dir().join("log").display()
    );
    let mut waiting: VecDeque<&Target> = targets.iter().collect();
    let mut running: Vec<Running> = Vec::new();
    let mut told = Vec::new();
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < at_once
            && let Some(target) = waiting.pop_front()
        {
            running.push(Running::start(target, time)?);
        }
        let mut going = Vec::new();
        for mut one in running {
            match one.look()? {
                Look::Running => going.push(one),
                Look::Over(problem) => told.push(one.tell(problem)),
            }
        }
        running = going;
        std::thread::sleep(LOOK);
    }
    report(&told)
}

fn report(told: &[Told]) -> Result<()> {
    let mut failed = Vec::new();
    for Told { target, log, problem } in told {
        let said = fs::read(log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        match problem {
            None => {
                let runs = said.lines().rev().find(|line| line.starts_with("Done ")).unwrap_or("no summary");
                eprintln!("{:<20} {runs}", target.shown());
            }
            Some(problem) => {
                failed.push(target.shown());
                eprintln!("\n{} {problem}", target.shown());
                said.lines()
                    .filter(|line| line.contains("panicked at") || line.contains("ERROR: "))
                    .for_each(|line| {
                        eprintln!("  {line}");
                    });
                for input in artifacts(target) {
                    eprintln!("  the input: {}", input.display());
                    eprintln!("  again:     {} {}", binary(target).display(), input.display());
                }
                eprintln!("  its log:   {}", log.display());
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("fuzzing found something in {}", failed.join(", ")) }
}

/// A target at work.
struct Running {
    target: Target,
    child: Child,
    log: PathBuf,
    until: Instant,
}

impl Running {
    fn start(target: &Target, time: Duration) -> Result<Self> {
        let (found, artifacts, log) = (target.files("found"), target.files("artifacts"), target.files("log"));
        for folder in [&found, &artifacts] {
            fs::create_dir_all(folder)?;
        }
        // An older failure's input would be shown as this run's.
        for old in self::artifacts(target) {
            fs::remove_file(old)?;
        }
        fs::create_dir_all(log.parent().unwrap_or(&log))?;
        let out = File::create(&log)?;
        let mut command = Command::new(binary(target));
        // New inputs are written to the first folder; the second is only read.
        command.arg(&found).arg(target.corpus());
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.arg(format!("-max_total_time={}", time.as_secs().max(1)));
        command.arg(format!("-rss_limit_mb={MEMORY_MIB}")).arg(format!("-timeout={INPUT_SECONDS}"));
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().with_context(|| format!("cannot start {}", target.shown()))?;
        Ok(Self { target: target.clone(), child, log, until: Instant::now() + time + PATIENCE })
    }

    /// Whether it still runs, and how it ended.
    fn look(&mut self) -> Result<Look> {
        if let Some(status) = self.child.try_wait()? {
            let problem = (!status.success()).then(|| format!("failed ({status})"));
            return Ok(Look::Over(problem));
        }
        if Instant::now() < self.until {
            return Ok(Look::Running);
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(Look::Over(Some("did not end in time".into())))
    }

    fn tell(self, problem: Option<String>) -> Told {
        Told { target: self.target, log: self.log, problem }
    }
}

/// What is seen of a run.
enum Look {
    Running,
    /// With what went wrong, if anything did.
    Over(Option<String>),
}

fn artifacts(target: &Target) -> Vec<PathBuf> {
    let entries = fs::read_dir(target.files("artifacts")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// All fuzz crates share one build folder, and with it what they build alike.
fn build_dir() -> PathBuf {
    sh::target_dir().join("fuzz")
}

fn binary(target: &Target) -> PathBuf {
    build_dir().join(triple().unwrap_or_default()).join("release").join(&target.name)
}

fn triple() -> Option<String> {
    let told = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(told.stdout).ok()?;
    Some(text.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned())
}

fn build(owner: &str) -> Result<()> {
    if !sh::works("cargo", &["fuzz", "--version"]) {
        eprintln!("Installing cargo-fuzz with cargo.");
        sh::run(sh::cargo().args(["install", "cargo-fuzz", "--locked"]))
            .context("the fuzz targets are built by cargo-fuzz")?;
    }
    let mut command = sh::cargo();
    // Without a sanitizer, which would need a nightly compiler: ours is code without `unsafe`.
    command.args(["fuzz", "build", "--sanitizer", "none", "--target-dir"]).arg(build_dir());
    command.current_dir(sh::root().join("crates").join(owner));
    sh::run(&mut command).with_context(|| {
        format!("the fuzz targets of crates/{owner} cannot be built (on Linux and macOS a stable toolchain and a C++ compiler do)")
    })
}

/// Puts what was found into the corpus, as few and as short inputs as reach the same code.
fn shrink(target: &Target) -> Result<()> {
    let small = target.files("small");
    let _ = fs::remove_dir_all(&small);
    fs::create_dir_all(&small)?;
    let mut merge = Command::new(binary(target));
    merge.args(["-set_cover_merge=1", &format!("-max_len={KEPT_BYTES}")]).arg(&small);
    merge.arg(target.corpus()).arg(target.files("found"));
    sh::run(merge.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&small)? {
        let entry = entry?;
        inputs.push((entry.metadata()?.len(), entry.path()));
    }
    // Of more than fit, some of each size.
    inputs.sort();
    let count = inputs.len().min(KEPT_INPUTS);
    let chosen = (0..count).map(|at| &inputs[(2 * at + 1) * inputs.len() / (2 * count)].1);
    let corpus = target.corpus();
    fs::create_dir_all(&corpus)?;
    let mut kept = 0;
    for path in chosen {
        kept += usize::from(keep(path, &corpus)?);
    }
    eprintln!("{}: {kept} new inputs in its corpus", target.shown());
    Ok(())
}

/// Copies an input under a short name (the whole SHA-1, which is libFuzzer's name, git ignores); false
/// when the corpus has it.
fn keep(path: &Path, corpus: &Path) -> Result<bool> {
    let bytes = fs::read(path)?;
    for entry in fs::read_dir(corpus)? {
        if fs::read(entry?.path())? == bytes {
            return Ok(false);
        }
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    fs::write(corpus.join(name.get(..12).unwrap_or(name)), bytes)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_corpus_a_name_of_its_own_and_an_entry_in_its_crate() {
        let targets = targets().unwrap();
        for (index, target) in targets.iter().enumerate() {
            let seeds = fs::read_dir(target.corpus()).map(Iterator::count).unwrap_or(0);
            assert!((1..=200).contains(&seeds), "{} has {seeds} inputs", target.shown());
            // They share one build folder.
            assert!(!targets[..index].iter().any(|other| other.name == target.name), "{}", target.shown());
            let manifest = sh::root().join("crates").join(target.owner).join("fuzz/Cargo.toml");
            let manifest = fs::read_to_string(manifest).unwrap();
            assert!(manifest.contains(&format!("name = \"{}\"", target.name)), "{}", target.shown());
        }
        assert!(CRATES.iter().all(|owner| targets.iter().any(|target| target.owner == *owner)));
    }
}
