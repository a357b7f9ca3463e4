//! The tables: on standard output, and beside the other measurements.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What the app takes in one state.
#[derive(Debug)]
pub struct Taken {
    pub state: &'static str,
    pub processes: usize,
    pub pss_mib: f64,
    pub cpu_percent: f64,
}

/// Everything measured.
#[derive(Debug)]
pub struct Report {
    pub tray_ms: Vec<f64>,
    pub window_ms: Vec<f64>,
    pub states: Vec<Taken>,
}

impl Report {
    pub fn print_and_write(&self) {
        let text = self.text();
        println!("{text}");
        let file = root().join("crates/testkit/benches/DESKTOP.md");
        std::fs::write(&file, text).expect("the report is written");
        eprintln!("Written: {}.", file.display());
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# The desktop app\n\n`cargo xtask bench --desktop`: release build, on a screen without graphics \
             hardware (Xvfb), connected to a gateway. Median (least – most) of starts whose files the system has \
             in memory.\n\n| | ms | aim |\n| --- | ---: | ---: |\n",
        );
        for (what, times, aim) in
            [("start to tray", &self.tray_ms, 100), ("start to window usable", &self.window_ms, 500)]
        {
            let mut times = times.clone();
            times.sort_by(f64::total_cmp);
            let (least, most) = (times.first().copied(), times.last().copied());
            let median = times.get(times.len() / 2).copied().unwrap_or_default();
            let _ = writeln!(
                text,
                "| {what} | {median:.0} ({:.0} – {:.0}) | {aim} |",
                least.unwrap_or_default(),
                most.unwrap_or_default()
            );
        }
        text.push_str(
            "\n| state | processes | PSS MiB, all of them | idle CPU % |\n| --- | ---: | ---: | ---: |\n",
        );
        for Taken { state, processes, pss_mib, cpu_percent } in &self.states {
            let _ = writeln!(text, "| {state} | {processes} | {pss_mib:.1} | {cpu_percent:.2} |");
        }
        text.push_str(
            "\nThe window is usable when its page hears the engine's events. Aims: 60 MiB before the first window \
             and as near to it as can be after one was closed; 0.2 % of one processor.\n",
        );
        let packages = packages();
        if !packages.is_empty() {
            text.push_str("\n| package | MiB |\n| --- | ---: |\n");
            for (name, bytes) in packages {
                let _ = writeln!(text, "| {name} | {:.1} |", bytes as f64 / (1024.0 * 1024.0));
            }
        }
        text
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What `cargo xtask package` made last.
fn packages() -> Vec<(String, u64)> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("packages");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut packages: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is = Path::new(&name).extension().is_some_and(|ending| ending == "deb" || ending == "rpm");
            is.then(|| Some((name, entry.metadata().ok()?.len()))).flatten()
        })
        .collect();
    packages.sort();
    packages
}
