//! Memory: what a gateway weighs with many links, and a proxy with many visitors who do nothing.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::child::{Kept, free_port};
use crate::figures::Figures;
use crate::machine;
use crate::measure::generator;
use crate::options::Options;
use crate::tunnel::{Door, Kind, Service, Tunnel, make_token};

const FIRST_LINKS: usize = 100;
const FURTHER_LINKS: usize = 1_000;
const VISITORS: usize = 10_000;
/// HAProxy counts two files for each visitor, and more than 20,000 may not be had.
const VISITORS_OF_HAPROXY: usize = 8_000;
/// Longest that so many may take to be there.
const PATIENCE: Duration = Duration::from_secs(120);

/// Most memory each process had so far, after all rounds.
pub fn peaks(tunnel: &Tunnel) -> Vec<(String, f64)> {
    let of = |child: &Kept| {
        let most = machine::family(&[child.pid()]).into_iter().map(|pid| machine::memory_kib(pid, "VmHWM"));
        (child.name.clone(), most.sum::<f64>() / 1024.0)
    };
    tunnel.children.iter().map(of).collect()
}

/// A fresh gateway with 100 links, then 1,000 more.
pub async fn links(kind: Kind, options: &Options, into: &mut Figures) -> Result<()> {
    let binaries = if kind == Kind::Before { options.against.as_ref() } else { Some(&options.binaries) };
    let program = binaries.context("--against FOLDER says where it is")?.join("porthole-gateway");
    let folder = tempfile::Builder::new().prefix("porthole-bench-links-").tempdir()?;
    let token = make_token(&program, folder.path())?;
    let port = free_port()?;
    let (listen, url) = (format!("127.0.0.1:{port}"), format!("http://localhost:{port}"));
    let words = ["serve", "--listen", &listen, "--public-url", &url];
    let gateway = Kept::start_with("gateway", folder.path(), &program, &words, |command| {
        command.env("PORTHOLE_HOME", folder.path());
    })?;
    let own = Door::new(port, format!("localhost:{port}"));
    wait_until_healthy(&own).await?;
    into.add(kind, "memory.fresh_mib", 0, settled(&[gateway.pid()]).await / 1024.0);
    let crowd = |name: &str, count: usize| {
        let job = [("connections", count.to_string()), ("token", token.clone())];
        hold("links", Door { host: name.to_owned(), ..own.clone() }, job.to_vec())
    };
    let _first = crowd("first", FIRST_LINKS).await?;
    let before = settled(&[gateway.pid()]).await;
    into.add(kind, "memory.gateway_100_links_mib", 0, before / 1024.0);
    let _further = crowd("further", FURTHER_LINKS).await?;
    let after = settled(&[gateway.pid()]).await;
    into.add(kind, "memory.kib_per_link", 0, (after - before) / FURTHER_LINKS as f64);
    Ok(())
}

/// A fresh tunnel with 10,000 visitors who asked once; counted is the end that they are connected to.
pub async fn visitors(kind: Kind, service: &Service, options: &Options, into: &mut Figures) -> Result<()> {
    let tunnel = Tunnel::start(kind, service, options).await?;
    let outer = tunnel.children.iter().find(|child| child.name.contains("outer") || child.name == "gateway");
    let outer = machine::family(&[outer.context("no outer process")?.pid()]);
    // The first few hundred bring what is allocated once.
    let job = |count: usize| vec![("connections", count.to_string()), ("path", "/1k".to_owned())];
    let _first = hold("idle", tunnel.files.clone(), job(500)).await?;
    let before = settled(&outer).await;
    let count = if kind == Kind::Haproxy { VISITORS_OF_HAPROXY } else { VISITORS };
    let _many = hold("idle", tunnel.files.clone(), job(count)).await?;
    let after = settled(&outer).await;
    into.add(kind, "memory.kib_per_idle_visitor", 0, (after - before) / count as f64);
    Ok(())
}

async fn wait_until_healthy(door: &Door) -> Result<()> {
    for _ in 0..500 {
        if matches!(door.status("/health").await, Ok(200)) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the gateway is not healthy")
}

/// A load generator that holds what it has until it is dropped.
async fn hold(kind: &str, door: Door, job: Vec<(&str, String)>) -> Result<Child> {
    let mut command = generator(kind, &door, &job, Duration::ZERO)?;
    command.stdin(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let line =
        tokio::time::timeout(PATIENCE, lines.next_line()).await.context("they are not all there")??;
    if line.as_deref() != Some("ready") {
        bail!("they are not all there");
    }
    Ok(child)
}

/// Resident KiB of these processes once it stays the same.
async fn settled(pids: &[u32]) -> f64 {
    let now = || pids.iter().map(|pid| machine::memory_kib(*pid, "VmRSS")).sum::<f64>();
    let mut before = now();
    let mut same = 0;
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let after = now();
        same = if (after - before).abs() < 64.0 { same + 1 } else { 0 };
        if same == 5 {
            return after;
        }
        before = after;
    }
    before
}
