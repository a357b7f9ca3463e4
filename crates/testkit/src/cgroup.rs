//! A bound on a started program's memory: a memory cgroup where the machine lets us make one, so that
//! the kernel ends a program that outgrows it; measured resident memory everywhere else.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::Process;

/// What the groups of one test process begin with.
const PREFIX: &str = "porthole-test-";

/// How a program is held.
#[derive(Debug)]
enum Held {
    V1(PathBuf),
    V2(PathBuf),
    /// Neither version can be written to here.
    Measured,
}

/// A program's bound, `more` bytes above what it had when it was placed.
#[derive(Debug)]
pub struct Memory {
    held: Held,
    pid: u32,
    start_kib: u64,
    more_kib: u64,
}

/// What a program took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Resident at the start, and at the most.
    pub start_kib: u64,
    pub peak_kib: u64,
}

impl Memory {
    /// Allows `process` that many MiB more than it has.
    pub fn bound(process: &Process, more_mib: u64) -> Self {
        let pid = process.pid();
        // The peak is counted from now on.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        let held = v1(pid, more_mib << 20).or_else(|| v2(pid, more_mib << 20)).unwrap_or(Held::Measured);
        Self { held, pid, start_kib: process.memory_kib(), more_kib: more_mib << 10 }
    }

    /// What it has taken so far.
    ///
    /// # Panics
    /// When the program is gone (killed for its memory, most likely) or was above its bound.
    pub fn check(&self, process: &mut Process) -> Taken {
        let killed = self.killed();
        assert!(
            process.is_running() && killed == 0,
            "a program did not stay within {self}: killed {killed} times for its memory"
        );
        let taken = Taken { start_kib: self.start_kib, peak_kib: process.peak_memory_kib() };
        assert!(taken.grown_kib() <= self.more_kib, "a program took {taken}, more than {self}");
        taken
    }

    fn killed(&self) -> u64 {
        let (group, file) = match &self.held {
            Held::V1(group) => (group, "memory.oom_control"),
            Held::V2(group) => (group, "memory.events"),
            Held::Measured => return 0,
        };
        let told = fs::read_to_string(group.join(file)).unwrap_or_default();
        told.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok()).unwrap_or(0)
    }
}

impl Taken {
    pub fn grown_kib(self) -> u64 {
        self.peak_kib.saturating_sub(self.start_kib)
    }
}

impl Display for Taken {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let mib = |kib: u64| kib as f64 / 1024.0;
        write!(formatter, "{:.1} MiB at most (+{:.1})", mib(self.peak_kib), mib(self.grown_kib()))
    }
}

impl Display for Memory {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let how = match self.held {
            Held::V1(_) => "a memory cgroup (version 1)",
            Held::V2(_) => "a memory cgroup (version 2)",
            Held::Measured => "measured memory (no memory cgroup can be made here)",
        };
        write!(formatter, "start + {} MiB by {how}", self.more_kib >> 10)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let (Held::V1(group) | Held::V2(group)) = &self.held else { return };
        // A group with somebody in it cannot go; the program goes on in the one above.
        if let Some(above) = group.parent() {
            let _ = fs::write(above.join("cgroup.procs"), self.pid.to_string());
        }
        let _ = fs::remove_dir(group);
    }
}

fn v1(pid: u32, bytes: u64) -> Option<Held> {
    let own = own_group(|controllers| controllers.split(',').any(|name| name == "memory"))?;
    let root = mount(|kind, options| kind == "cgroup" && options.split(',').any(|name| name == "memory"))?;
    let group = make(&root, &own, "memory.limit_in_bytes", bytes)?;
    // Where swap is counted as well.
    let _ = fs::write(group.join("memory.memsw.limit_in_bytes"), bytes.to_string());
    place(&group, pid).then_some(Held::V1(group))
}

fn v2(pid: u32, bytes: u64) -> Option<Held> {
    let own = own_group(str::is_empty)?;
    let root = mount(|kind, _| kind == "cgroup2")?;
    let group = make(&root, &own, "memory.max", bytes)?;
    let _ = fs::write(group.join("memory.swap.max"), "0");
    place(&group, pid).then_some(Held::V2(group))
}

/// This process' own group in the hierarchy with these controllers.
fn own_group(wanted: impl Fn(&str) -> bool) -> Option<String> {
    let told = fs::read_to_string("/proc/self/cgroup").ok()?;
    told.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        wanted(controllers).then(|| path.trim_start_matches('/').to_owned())
    })
}

fn mount(wanted: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    let told = fs::read_to_string("/proc/mounts").ok()?;
    told.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind, options) = (words.next()?, words.next()?, words.next()?);
        wanted(kind, options).then(|| PathBuf::from(point))
    })
}

/// Makes a group with this limit under our own, or under the root of all (where containers do not show
/// our own, and where version 2 has no groups below one with processes).
fn make(root: &Path, own: &str, limit: &str, bytes: u64) -> Option<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    [root.join(own), root.to_owned()].into_iter().find_map(|above| {
        remove_stale(&above);
        let group = above.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&group).ok()?;
        // A file that is not there may not be made: then there is no memory controller in this place.
        let limited = group.join(limit).exists() && fs::write(group.join(limit), bytes.to_string()).is_ok();
        if !limited {
            let _ = fs::remove_dir(&group);
        }
        limited.then_some(group)
    })
}

fn place(group: &Path, pid: u32) -> bool {
    let placed = fs::write(group.join("cgroup.procs"), pid.to_string()).is_ok();
    if !placed {
        let _ = fs::remove_dir(group);
    }
    placed
}

/// Removes empty groups of test processes that were killed.
fn remove_stale(above: &Path) {
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}
