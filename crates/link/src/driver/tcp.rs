//! The kernel's queues under a link.

use tokio::net::TcpStream;
use tracing::debug;

/// Bytes the kernel may hold unsent. What lies there can no longer be overtaken by small answers: at
/// 1 Mbit/s each 16 KiB cost them an eighth of a second.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES: u32 = 32 * 1024;

/// Bytes asked for as the receive buffer of a connection within one computer (Linux takes twice that).
/// There the sender's queue is always empty and the receiver's takes its place, which the kernel lets grow
/// to megabytes: a small request beside eight downloads waited 6.4 ms at the worst hundredth. With 128 KiB
/// it is 3.4 ms, with 64 KiB 1.6, with 32 KiB 1.2 at three quarters of the speed. A round trip of a tenth of
/// a millisecond needs no more; between computers the kernel chooses.
const LOCAL_RECEIVE_BYTES: usize = 64 * 1024;

/// Keeps short what a small frame cannot overtake. Both ends call it before the link begins.
pub fn keep_queues_short(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket.set_tcp_notsent_lowat(UNSENT_BYTES) {
        debug!(%error, "the kernel's send queue cannot be kept short");
    }
    if stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
        && let Err(error) = socket.set_recv_buffer_size(LOCAL_RECEIVE_BYTES)
    {
        debug!(%error, "the kernel's receive queue cannot be kept short");
    }
}
