//! Small WebSocket messages there and back, one at a time on each connection.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Job, PATIENCE, Tally, wire};

/// Bytes of a message: the largest with a one-byte length.
const MESSAGE: usize = 125;

pub async fn run(job: Job) -> Result<Value> {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let job = Rc::new(job);
    let began = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..job.connections {
        let (job, tally) = (job.clone(), tally.clone());
        tasks.push(tokio::task::spawn_local(async move {
            if let Err(error) = talk(&job, began, &tally).await {
                tally.borrow_mut().failed(&error);
            }
        }));
    }
    for task in tasks {
        let left = (job.warm + job.time + PATIENCE).saturating_sub(began.elapsed());
        if tokio::time::timeout(left, task).await.is_err() {
            tally.borrow_mut().failed(&anyhow::anyhow!("no echo within {PATIENCE:?}"));
        }
    }
    let tally = std::mem::take(&mut *tally.borrow_mut());
    Ok(tally.report(job.time))
}

async fn talk(job: &Job, began: Instant, tally: &RefCell<Tally>) -> Result<()> {
    let mut socket = tokio::time::timeout(PATIENCE, upgrade(job)).await??;
    // FIN and binary; masked, with a key of zeros: what a mask costs is not what is measured.
    let mut message = vec![0x82, 0x80 | MESSAGE as u8, 0, 0, 0, 0];
    message.resize(6 + MESSAGE, b'w');
    let mut echo = [0; 2 + MESSAGE];
    let end = job.warm + job.time;
    loop {
        let sent = Instant::now();
        socket.write_all(&message).await?;
        socket.read_exact(&mut echo).await?;
        let now = began.elapsed();
        let mut tally = tally.borrow_mut();
        tally.answers += 1;
        if now >= end {
            return Ok(());
        }
        if now >= job.warm {
            tally.micros.push(sent.elapsed().as_micros() as u32);
        }
    }
}

async fn upgrade(job: &Job) -> Result<TcpStream> {
    let mut socket = wire::connect(job.to).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        job.path, job.host
    );
    socket.write_all(request.as_bytes()).await?;
    // Byte by byte, so that nothing after the head is swallowed.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        // Slow down whoever would ask again.
        tokio::time::sleep(Duration::from_millis(50)).await;
        bail!("no upgrade: {}", String::from_utf8_lossy(&head[..head.len().min(40)]).trim());
    }
    Ok(socket)
}
