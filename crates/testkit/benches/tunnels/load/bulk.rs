//! Big bodies: one down, one up, or many down of which some are never read.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Job, PATIENCE, wire};

/// Bytes asked of the socket at once.
const CHUNK: usize = 256 * 1024;
const MIB: f64 = 1024.0 * 1024.0;

/// Whole downloads, one after another on one connection, until the time is over.
pub async fn download(job: Job) -> Result<Value> {
    let mut buffer = vec![0; CHUNK];
    let mut socket = wire::connect(job.to).await?;
    let request = wire::get(&job.host, &job.path, false);
    let began = Instant::now();
    let mut bytes = 0;
    while began.elapsed() < job.time {
        let mut left = begin(&mut socket, &request, &mut buffer).await?;
        while left > 0 {
            let read = socket.read(&mut buffer).await? as u64;
            if read == 0 {
                bail!("cut with {left} bytes missing");
            }
            left = left.saturating_sub(read);
            bytes += read;
            if began.elapsed() > PATIENCE {
                return Ok(json!({ "mib_per_second": rate(bytes, began), "unfinished": true }));
            }
        }
    }
    Ok(json!({ "mib_per_second": rate(bytes, began) }))
}

/// Whole uploads, each until it is answered, until the time is over.
pub async fn upload(job: Job) -> Result<Value> {
    let chunk = vec![b'u'; CHUNK];
    let mut buffer = vec![0; CHUNK];
    let mut socket = wire::connect(job.to).await?;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        job.path, job.host, job.bytes
    );
    let began = Instant::now();
    let mut bytes = 0;
    while began.elapsed() < job.time {
        socket.write_all(head.as_bytes()).await?;
        let mut left = job.bytes;
        while left > 0 {
            let part = left.min(CHUNK as u64);
            socket.write_all(&chunk[..part as usize]).await?;
            left -= part;
            if began.elapsed() > PATIENCE {
                bytes += job.bytes - left;
                return Ok(json!({ "mib_per_second": rate(bytes, began), "unfinished": true }));
            }
        }
        let answer = tokio::time::timeout(PATIENCE, wire::head(&mut socket, &mut buffer));
        let answer = answer.await.context("no answer to an upload")??;
        if answer.status != 200 || answer.body_read != answer.length {
            bail!("an upload was answered {}", answer.status);
        }
        bytes += job.bytes;
    }
    Ok(json!({ "mib_per_second": rate(bytes, began) }))
}

/// Downloads side by side; the stalled ones read no more than the head. Counts what the others read
/// between warm-up and end.
pub async fn flows(job: Job) -> Result<Value> {
    let bytes = Rc::new(Cell::new(0_u64));
    let failed = Rc::new(Cell::new(0_u64));
    let job = Rc::new(job);
    let mut tasks = Vec::new();
    for number in 0..job.connections {
        let (job, bytes, failed) = (job.clone(), bytes.clone(), failed.clone());
        tasks.push(tokio::task::spawn_local(async move {
            if let Err(error) = flow(&job, number < job.stalled, &bytes).await {
                eprintln!("flow {number}: {error:#}");
                failed.set(failed.get() + 1);
            }
        }));
    }
    tokio::time::sleep(job.warm).await;
    let (began, before) = (Instant::now(), bytes.get());
    tokio::time::sleep(job.time).await;
    let result = rate(bytes.get() - before, began);
    for task in tasks {
        task.abort();
    }
    Ok(json!({ "mib_per_second": result, "errors": failed.get() }))
}

async fn flow(job: &Job, stalled: bool, bytes: &Cell<u64>) -> Result<()> {
    let request = wire::get(&job.host, &job.path, false);
    let mut buffer = vec![0; if stalled { 1024 } else { CHUNK }];
    let mut socket = wire::connect(job.to).await?;
    loop {
        let mut left = begin(&mut socket, &request, &mut buffer).await?;
        if stalled {
            std::future::pending::<()>().await;
        }
        while left > 0 {
            let read = socket.read(&mut buffer).await? as u64;
            if read == 0 {
                bail!("cut with {left} bytes missing");
            }
            left = left.saturating_sub(read);
            bytes.set(bytes.get() + read);
        }
    }
}

/// Asks, reads the head, returns how much of the body is still to come.
async fn begin(socket: &mut TcpStream, request: &[u8], buffer: &mut [u8]) -> Result<u64> {
    socket.write_all(request).await?;
    let head = tokio::time::timeout(PATIENCE, wire::head(socket, buffer)).await.context("no answer")??;
    if head.status != 200 {
        bail!("status {}", head.status);
    }
    Ok(head.length - head.body_read)
}

fn rate(bytes: u64, since: Instant) -> f64 {
    bytes as f64 / MIB / since.elapsed().as_secs_f64()
}
