//! What the kernel knows: processor time and memory of processes, the machine's shape.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Clock ticks a second in `/proc/PID/stat`: fixed in Linux's interface to programs.
const TICKS: f64 = 100.0;

/// All of `roots` and their descendants that live now.
pub fn family(roots: &[u32]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found: Vec<u32> = roots.to_vec();
    let mut at = 0;
    while at < found.len() {
        if let Some(more) = children.remove(&found[at]) {
            found.extend(more);
        }
        at += 1;
    }
    found
}

/// User and system seconds of these processes so far, all their threads.
pub fn cpu_seconds(pids: &[u32]) -> f64 {
    let ticks = pids.iter().filter_map(|pid| {
        let fields = stat(*pid)?;
        Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
    });
    ticks.sum::<f64>() / TICKS
}

/// The fields of `/proc/PID/stat` after the name, which may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = text.rsplit_once(')')?.1;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Resident memory in KiB: now (`VmRSS`) or at most so far (`VmHWM`).
pub fn memory_kib(pid: u32, field: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

/// Waits until these processes have nothing left to do: what one measurement left behind (buffers being
/// flushed to a connection that was cut) must not be charged to the next.
pub async fn quiet(roots: &[u32]) {
    const LOOK: Duration = Duration::from_millis(100);
    const LOOKS: usize = 30;
    let mut before = cpu_seconds(&family(roots));
    for _ in 0..LOOKS {
        tokio::time::sleep(LOOK).await;
        let now = cpu_seconds(&family(roots));
        // A tick or two is a heartbeat or a garbage collector, not work.
        if now - before <= 0.02 {
            return;
        }
        before = now;
    }
}

/// Lets this process and its children have as many files as the machine allows; returns how many.
pub fn raise_files(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let old = getrlimit(Resource::Nofile);
    let hard = old.maximum.unwrap_or(wanted);
    let more = Rlimit { current: Some(wanted), maximum: Some(hard.max(wanted)) };
    if hard < wanted && setrlimit(Resource::Nofile, more).is_ok() {
        return wanted;
    }
    let all = hard.min(wanted);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(all), maximum: old.maximum });
    all
}

/// Cores, processor, memory, kernel.
pub fn shape() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| {
            Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim().to_owned())
        });
        line.unwrap_or_default()
    };
    let model = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory: u64 = memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    // What follows the numbers may name whoever built the kernel.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    format!("{cores} cores ({model}), {:.0} GiB, Linux {kernel}", memory as f64 / (1024.0 * 1024.0))
}

/// How busy the machine is with other things: processes that want to run.
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}
