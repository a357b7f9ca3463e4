//! The visitor's half of an exchange: request bytes to the service.

use bytes::{Buf, Bytes};
use porthole_http1::BodyWriter;
use porthole_link::{Item, RecvHalf, ResetCode};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::record::Traffic;
use crate::capture::Side;

/// Pieces up to this size are copied behind their chunk line: cheaper than a vectored write.
const COPY_BYTES: usize = 4 * 1024;

/// How the request's way to the service ended.
#[derive(Debug)]
pub enum UpEnd {
    Complete,
    /// The service reads no further. Its answer may still come.
    WriteFailed,
    /// The visitor or the link is gone.
    Stopped(ResetCode),
    /// The body is not what its head announced.
    BadBody,
}

/// Writes `output` (head and first body bytes), then what `recv` gives; None: nothing more comes.
pub async fn upload<W: AsyncWrite + Unpin>(
    mut write: W,
    output: &mut Vec<u8>,
    mut body: BodyWriter,
    recv: Option<&mut RecvHalf>,
    traffic: &Traffic,
) -> UpEnd {
    if write.write_all(output).await.is_err() || write.flush().await.is_err() {
        return UpEnd::WriteFailed;
    }
    let Some(recv) = recv else { return UpEnd::Complete };
    loop {
        traffic.visitor_owes(true);
        let item = recv.recv().await;
        traffic.visitor_owes(false);
        traffic.consumed();
        let last = match item {
            Ok(Item::Data(data)) if data.is_empty() => continue,
            Ok(Item::Data(data)) => {
                traffic.request_data(&data);
                output.clear();
                if body.before(data.len(), output).is_err() {
                    return UpEnd::BadBody;
                }
                if piece(&mut write, output, data, body.after()).await.is_err() {
                    return UpEnd::WriteFailed;
                }
                false
            }
            Ok(Item::End(trailers)) => {
                traffic.request_ended();
                if let Some(trailers) = &trailers {
                    traffic.trailers(Side::Request, trailers);
                }
                output.clear();
                if body.end(trailers.as_ref(), output).is_err() {
                    return UpEnd::BadBody;
                }
                if write.write_all(output).await.is_err() {
                    return UpEnd::WriteFailed;
                }
                true
            }
            Ok(Item::Interim(_) | Item::Head(_)) => return UpEnd::BadBody,
            Err(stopped) => return UpEnd::Stopped(stopped.0),
        };
        if write.flush().await.is_err() {
            return UpEnd::WriteFailed;
        }
        traffic.moved();
        if last {
            return UpEnd::Complete;
        }
    }
}

async fn piece<W: AsyncWrite + Unpin>(
    write: &mut W,
    output: &mut Vec<u8>,
    data: Bytes,
    after: &'static [u8],
) -> std::io::Result<()> {
    if data.len() <= COPY_BYTES {
        output.extend_from_slice(&data);
        output.extend_from_slice(after);
        return write.write_all(output).await;
    }
    let mut whole = output.as_slice().chain(data).chain(after);
    write.write_all_buf(&mut whole).await
}
