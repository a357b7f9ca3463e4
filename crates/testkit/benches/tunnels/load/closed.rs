//! As many requests as come back: each connection sends the next when it has the answer.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{Job, PATIENCE, Tally, wire};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    Kept,
    /// One for each request, closed by the server: then the port is free at once, and a few seconds of
    /// this do not use up all there are.
    Fresh,
}

pub async fn run(job: Job, connections: Connections) -> Result<Value> {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let job = Rc::new(job);
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..job.connections {
        tasks.push(tokio::task::spawn_local(worker(job.clone(), connections, began, tally.clone())));
    }
    // Workers end by themselves; one that hangs is cut.
    let deadline = job.warm + job.time + PATIENCE;
    for task in tasks {
        let left = deadline.saturating_sub(began.elapsed());
        if tokio::time::timeout(left, task).await.is_err() {
            tally.borrow_mut().failed(&anyhow::anyhow!("no answer within {PATIENCE:?}"));
        }
    }
    let tally = std::mem::take(&mut *tally.borrow_mut());
    Ok(tally.report(job.time))
}

async fn worker(job: Rc<Job>, connections: Connections, began: Instant, tally: Rc<RefCell<Tally>>) {
    let request = wire::get(&job.host, &job.path, connections == Connections::Fresh);
    let end = job.warm + job.time;
    let mut kept = None;
    while began.elapsed() < end {
        let sent = Instant::now();
        let done = match connections {
            Connections::Kept => on_kept(&job, &mut kept, &request).await,
            Connections::Fresh => on_fresh(&job, &request, began + end).await,
        };
        let now = began.elapsed();
        match done {
            Ok(done) => {
                let mut tally = tally.borrow_mut();
                tally.answers += 1;
                if now >= job.warm && now < end {
                    tally.micros.push((done - sent).as_micros() as u32);
                }
            }
            Err(error) => {
                kept = None;
                tally.borrow_mut().failed(&error);
                // A server that refuses is not asked in a tight loop.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

async fn on_kept(job: &Job, kept: &mut Option<TcpStream>, request: &[u8]) -> Result<Instant> {
    let socket = match kept {
        Some(socket) => socket,
        None => kept.insert(wire::connect(job.to).await?),
    };
    wire::exchange(socket, request).await?;
    Ok(Instant::now())
}

async fn on_fresh(job: &Job, request: &[u8], end: Instant) -> Result<Instant> {
    let mut socket = wire::connect(job.to).await?;
    wire::exchange(&mut socket, request).await?;
    let answered = Instant::now();
    let mut rest = [0; 64];
    let _ = tokio::time::timeout_at(end.into(), socket.read(&mut rest)).await;
    Ok(answered)
}
