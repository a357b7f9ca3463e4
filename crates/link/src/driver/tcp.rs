//! The kernel's queues under a link.

use tokio::net::TcpStream;
use tracing::debug;

/// Bytes the kernel may hold unsent. What lies there can no longer be overtaken by small answers: at
/// 1 Mbit/s each 16 KiB cost them an eighth of a second.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT_BYTES: u32 = 32 * 1024;

/// Bytes asked for as the receive buffer of a connection within one computer (Linux takes twice that).
/// There the sender's queue is always empty and the receiver's takes its place, which the kernel lets grow
/// to megabytes; a round trip of a tenth of a millisecond needs no more than this. Not less: the window is
/// what the kernel thinks fits into the buffer, and where it is below the 64 KiB of loopback's segments the
/// sender waits for timers (64 KiB asked for: 29 MiB/s, once many small messages had passed).
/// Between computers the kernel chooses.
const LOCAL_RECEIVE_BYTES: usize = 256 * 1024;

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
