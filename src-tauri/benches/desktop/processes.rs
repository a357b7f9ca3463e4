//! A process and all that it started, as the kernel counts what they take.

use std::time::Duration;

/// In which the kernel counts the processor's time for programs, on every machine.
const TICKS_PER_SECOND: u32 = 100;

/// A process with its descendants.
#[derive(Debug, Clone, Copy)]
pub struct Family(u32);

impl Family {
    pub fn of(pid: u32) -> Self {
        Self(pid)
    }

    /// Those that live now.
    pub fn members(self) -> Vec<u32> {
        let every = std::fs::read_dir("/proc").expect("/proc");
        let pids = every.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, parent(pid)?))).collect();
        let mut members = vec![self.0];
        let mut next = 0;
        while let Some(of) = members.get(next).copied() {
            members.extend(parents.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
            next += 1;
        }
        members
    }

    /// Their memory; what several share is divided among those who share it.
    pub fn pss_mib(self) -> f64 {
        let kib = |pid: u32| {
            let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()
        };
        self.members().into_iter().filter_map(kib).sum::<f64>() / 1024.0
    }

    /// The processor's time they have used.
    pub fn processor_time(self) -> Duration {
        let ticks = self.members().into_iter().filter_map(ticks).sum::<u64>();
        Duration::from_secs(ticks) / TICKS_PER_SECOND
    }
}

/// What stands in `/proc/PID/stat` after the program's name, which may hold anything.
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// The second field after the name; zombies take nothing and are nobody's.
fn parent(pid: u32) -> Option<u32> {
    let fields = fields(pid)?;
    if fields.first()? == "Z" {
        return None;
    }
    fields.get(1)?.parse().ok()
}

/// User's and system's: fields 14 and 15 of the whole line.
fn ticks(pid: u32) -> Option<u64> {
    let fields = fields(pid)?;
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}
