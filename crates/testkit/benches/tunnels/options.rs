//! What the caller asked for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::measure::Measure;
use crate::tunnel::Kind;

/// Rounds when nobody says otherwise: with all tunnels they take about a quarter of an hour.
const ROUNDS: usize = 5;

#[derive(Debug, Clone)]
pub struct Options {
    pub rounds: usize,
    pub quick: bool,
    pub tunnels: Vec<Kind>,
    pub measures: Vec<Measure>,
    /// What was asked for with `--only`: then no results are written.
    pub partial: bool,
    /// The two programs to measure.
    pub binaries: PathBuf,
    /// Another build of them, measured beside.
    pub against: Option<PathBuf>,
    /// rathole, bore and localtunnel, as `cargo xtask bench` has installed them.
    pub tools: PathBuf,
    /// Why a tunnel is left out, found out before.
    pub without: Vec<(String, String)>,
    /// As typed, for the report.
    pub command: String,
}

impl Options {
    pub fn parse(words: &[String]) -> Result<Self> {
        let mut rounds = None;
        let mut quick = false;
        let mut only: Vec<String> = Vec::new();
        let (mut binaries, mut against, mut tools) = (None, None, None);
        let mut without = Vec::new();
        let mut command = vec!["cargo xtask bench".to_owned()];
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => {
                    quick = true;
                    command.push(word.clone());
                }
                "--rounds" => {
                    let number = value()?;
                    command.push(format!("--rounds {number}"));
                    rounds = Some(number.parse().context("--rounds needs a number")?);
                }
                "--only" => {
                    let names = value()?;
                    only.extend(names.split(',').map(str::to_owned));
                    command.push(format!("--only {names}"));
                }
                "--against" => {
                    against = Some(PathBuf::from(value()?));
                    command.push("--against FOLDER".to_owned());
                }
                // From here on: what `cargo xtask bench` adds.
                "--binaries" => binaries = Some(PathBuf::from(value()?)),
                "--tools" => tools = Some(PathBuf::from(value()?)),
                "--without" => {
                    let text = value()?;
                    let (name, why) = text.split_once('=').context("--without NAME=REASON")?;
                    without.push((name.to_owned(), why.to_owned()));
                }
                other => bail!("`cargo xtask bench` has no option {other}"),
            }
        }
        let (tunnels, measures) = wanted(&only, against.is_some())?;
        Ok(Self {
            rounds: rounds.unwrap_or(if quick { 1 } else { ROUNDS }).max(1),
            quick,
            partial: !only.is_empty() || against.is_some(),
            tunnels,
            measures,
            binaries: binaries.context("--binaries is missing: run it with `cargo xtask bench`")?,
            against,
            // Absolute: some of them are started from elsewhere. Not there at all is said by who needs it.
            tools: std::path::absolute(
                tools.context("--tools is missing: run it with `cargo xtask bench`")?,
            )?,
            without,
            command: command.join(" "),
        })
    }

    /// How long a measurement of that many seconds takes here.
    pub fn time(&self, seconds: f64) -> Duration {
        Duration::from_secs_f64(if self.quick { seconds / 2.0 } else { seconds })
    }
}

/// `--only` takes names of tunnels and of measurements; naming none of one sort means all of it.
fn wanted(only: &[String], against: bool) -> Result<(Vec<Kind>, Vec<Measure>)> {
    let (mut tunnels, mut measures) = (Vec::new(), Vec::new());
    for name in only {
        if let Some(kind) = Kind::ALL.iter().find(|kind| kind.name() == name) {
            tunnels.push(*kind);
        } else if let Some(measure) = Measure::ALL.iter().find(|measure| measure.name() == name) {
            measures.push(*measure);
        } else {
            let known = Kind::ALL.iter().map(|kind| kind.name());
            let known: Vec<_> = known.chain(Measure::ALL.iter().map(|measure| measure.name())).collect();
            bail!("--only knows no `{name}`; it knows {}", known.join(", "));
        }
    }
    if tunnels.is_empty() {
        tunnels.extend(Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Before));
    }
    if against && !tunnels.contains(&Kind::Before) {
        tunnels.push(Kind::Before);
    }
    if measures.is_empty() {
        measures.extend(Measure::ALL);
    }
    Ok((tunnels, measures))
}
