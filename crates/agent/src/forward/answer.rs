//! The service's half of an exchange: its answer to the visitor.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use porthole_http1::connection::{keeps_alive, strip_hop_by_hop};
use porthole_http1::{Event, Fields, Framing, ResponseHead, ResponseReader};
use porthole_link::limits::INLINE_BYTES;
use porthole_link::{ResetCode, SendHalf, Stopped};
use tokio::io::AsyncRead;
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;

use super::devserver::{self, SNIFF_BYTES};
use super::outcome::ForwardError;
use super::pool::READ_BYTES;
use super::record::Traffic;
use super::rewrite::PublicOrigin;
use super::route::Route;
use crate::capture::Side;

/// Interim (1xx) answers relayed for one request; a service that sends more is not making progress.
pub const INTERIM_ANSWERS: usize = 64;
/// Bytes of room for one read once a body proved to be large.
pub const BULK_READ_BYTES: usize = 64 * 1024;
/// Pieces of a body below this are joined with those behind them.
const SMALL_PIECE_BYTES: usize = 1024;
/// Pieces joined at once; then other exchanges have their turn. A megabyte of credit in chunks of one byte
/// would keep the thread for tens of milliseconds.
const PIECES_JOINED: usize = 1024;
/// Less room than this is not worth a system call.
const LEAST_READ_BYTES: usize = 4 * 1024;

/// A TLS record of the kind “alert”, version 3.
const TLS_ALERT: &[u8] = &[21, 3];
const SPEAKS_TLS: &str = "it speaks TLS: write its target with https://";

/// How an answer ended.
#[derive(Debug)]
pub enum Answer {
    Complete {
        /// The service neither closed nor asked to close.
        reusable: bool,
    },
    /// A 101: what is left in the input belongs to the other protocol.
    Switched(ResponseHead),
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// The connection closed before a single byte of an answer.
    Stale,
    Failed(ForwardError),
}

impl<E: Into<ForwardError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What reading an answer needs of its connection and of the link.
#[derive(Debug)]
pub struct Listener<'a> {
    pub reader: &'a mut ResponseReader,
    pub input: &'a mut BytesMut,
    pub timer: Pin<&'a mut Sleep>,
    pub send: &'a mut SendHalf,
    pub public: Option<&'a PublicOrigin>,
    pub upgrade: bool,
}

impl Listener<'_> {
    /// Reads one answer and passes it on, no faster than the visitor takes it.
    pub async fn answer<R: AsyncRead + Unpin>(
        mut self,
        read: &mut R,
        route: &Arc<Route>,
        request_target: &str,
        traffic: &Traffic,
        status: &mut Option<u16>,
        note: &mut Option<String>,
    ) -> Result<Answer, Trouble> {
        let (mut head, framing) = self.final_head(read, route, traffic).await?;
        *status = Some(head.status);
        traffic.answered(&head);
        if head.status == 101 {
            if !self.upgrade {
                return Err(bad("it changed protocols without being asked"));
            }
            let protocol = head.fields.get("upgrade").map(<[u8]>::to_vec);
            strip_hop_by_hop(&mut head.fields);
            if let Some(protocol) = protocol {
                head.fields.push("Upgrade", protocol);
            }
            return Ok(Answer::Switched(head));
        }
        let reusable = framing != Framing::UntilClose && keeps_alive(head.version, &head.fields);
        strip_hop_by_hop(&mut head.fields);
        if let Some(public) = self.public {
            route.rule.turn_back(&mut head, public);
        }
        // Where the host is rewritten already, the remedy would be none.
        let sniffing = devserver::may_refuse(&head) && !route.rule.is_rewrite();
        let mut sniff = Sniff { bytes: Vec::new(), status: head.status, request_target, route, note };

        let first = self.first_piece()?;
        if sniffing {
            sniff.look(&first.data);
        }
        traffic.response_data(&first.data);
        let whole = first.rest.is_none() && matches!(first.end, Ending::Plain);
        self.send.send_head(&head, first.data, whole).map_err(gone)?;
        if let Some(rest) = first.rest {
            traffic.response_data(&rest);
            self.send.send(rest).await.map_err(gone)?;
        }
        match first.end {
            Ending::Plain if whole => {}
            Ending::Plain => self.send.end(None).map_err(gone)?,
            Ending::WithTrailers(trailers) => {
                traffic.trailers(Side::Response, &trailers);
                self.send.end(Some(&trailers)).map_err(gone)?;
            }
            Ending::NotYet => self.rest(read, traffic, sniffing.then_some(&mut sniff)).await?,
        }
        if sniffing {
            sniff.decide();
        }
        Ok(Answer::Complete { reusable: reusable && self.reader.is_idle() && self.input.is_empty() })
    }

    /// Waits for the final head; interim ones are passed on.
    async fn final_head<R: AsyncRead + Unpin>(
        &mut self,
        read: &mut R,
        route: &Route,
        traffic: &Traffic,
    ) -> Result<(ResponseHead, Framing), Trouble> {
        let timeout = route.served.timeout;
        let mut interim = 0;
        let mut silent = true;
        self.timer.as_mut().reset(traffic.answer_due(timeout));
        loop {
            // Before the reader takes them away: what a TLS service says to a request in clear text.
            let alert = self.input.starts_with(TLS_ALERT);
            let event = match self.reader.read(self.input) {
                Err(_) if alert => return Err(bad(SPEAKS_TLS)),
                event => event?,
            };
            match event {
                Some(Event::Head(mut head, _)) if head.is_interim() => {
                    interim += 1;
                    if interim > INTERIM_ANSWERS {
                        return Err(bad("it sent interim answers without end"));
                    }
                    strip_hop_by_hop(&mut head.fields);
                    self.send.send_interim(&head).map_err(gone)?;
                    traffic.moved();
                }
                Some(Event::Head(head, framing)) => return Ok((head, framing)),
                Some(Event::Data(_) | Event::End(_)) => {}
                None => match self.more(read, Some((traffic, timeout))).await? {
                    Ok(0) if silent => return Err(Trouble::Stale),
                    Ok(0) if alert => return Err(bad(SPEAKS_TLS)),
                    Ok(0) => return Err(bad("it closed the connection in the middle of an answer's head")),
                    Ok(_) => silent = false,
                    Err(error) if silent && is_closed(&error) => return Err(Trouble::Stale),
                    Err(error) => return Err(bad(&error.to_string())),
                },
            }
        }
    }

    /// What of the body came together with the head, small pieces joined.
    fn first_piece(&mut self) -> Result<FirstPiece, Trouble> {
        let mut first = FirstPiece { data: Bytes::new(), rest: None, end: Ending::NotYet };
        while first.rest.is_none() {
            match self.reader.read(self.input)? {
                Some(Event::Data(data)) if first.data.is_empty() => {
                    first.data = data;
                    if first.data.len() > INLINE_BYTES {
                        first.rest = Some(first.data.split_off(INLINE_BYTES));
                    }
                }
                Some(Event::Data(data)) if first.data.len() + data.len() <= INLINE_BYTES => {
                    first.data = [first.data, data].concat().into();
                }
                Some(Event::Data(data)) => first.rest = Some(data),
                Some(Event::End(trailers)) => {
                    first.end = trailers.map_or(Ending::Plain, Ending::WithTrailers);
                    break;
                }
                Some(Event::Head(..)) | None => break,
            }
        }
        Ok(first)
    }

    /// The body behind the first piece.
    async fn rest<R: AsyncRead + Unpin>(
        &mut self,
        read: &mut R,
        traffic: &Traffic,
        mut sniff: Option<&mut Sniff<'_>>,
    ) -> Result<(), Trouble> {
        let mut next = None;
        loop {
            let event = match next
                .take()
                .map_or_else(|| self.reader.read(self.input), |event| Ok(Some(event)))?
            {
                Some(event) => event,
                None => match self.more(read, None).await? {
                    Ok(0) => self.reader.eof()?.ok_or_else(|| bad("it closed the connection too early"))?,
                    Ok(_) => continue,
                    Err(error) => return Err(bad(&error.to_string())),
                },
            };
            match event {
                Event::Data(mut data) => {
                    if data.len() < SMALL_PIECE_BYTES {
                        (data, next) = self.joined(data);
                    }
                    if let Some(sniff) = sniff.as_deref_mut() {
                        sniff.look(&data);
                    }
                    traffic.response_data(&data);
                    self.send.send(data).await.map_err(gone)?;
                    if next.is_some() {
                        tokio::task::yield_now().await;
                    }
                }
                Event::End(trailers) => {
                    if let Some(trailers) = &trailers {
                        traffic.trailers(Side::Response, trailers);
                    }
                    self.send.end(trailers.as_ref()).map_err(gone)?;
                    return Ok(());
                }
                Event::Head(..) => return Err(bad("it sent a second head inside a body")),
            }
        }
    }

    /// A small piece with those behind it that are there already, and what comes next: a service may send
    /// chunks of one byte, and each piece on the link has its price. An error shows at the next read.
    fn joined(&mut self, first: Bytes) -> (Bytes, Option<Event<ResponseHead>>) {
        let mut joined = BytesMut::new();
        let mut pieces = 1;
        loop {
            match self.reader.read(self.input) {
                Ok(Some(Event::Data(data)))
                    if pieces < PIECES_JOINED && joined.len() + data.len() <= INLINE_BYTES =>
                {
                    if joined.is_empty() {
                        joined.extend_from_slice(&first);
                    }
                    joined.extend_from_slice(&data);
                    pieces += 1;
                }
                Ok(next) if joined.is_empty() => return (first, next),
                Ok(next) => return (joined.freeze(), next),
                Err(_) if joined.is_empty() => return (first, None),
                Err(_) => return (joined.freeze(), None),
            }
        }
    }

    /// Reads more from the service while watching for the visitor to leave and, until the head came,
    /// the answer's deadline. `Ok(Ok(0))`: the service closed.
    async fn more<R: AsyncRead + Unpin>(
        &mut self,
        read: &mut R,
        due: Option<(&Traffic, std::time::Duration)>,
    ) -> Result<io::Result<usize>, ForwardError> {
        if self.input.capacity() - self.input.len() < LEAST_READ_BYTES {
            let bulk = due.is_none();
            self.input.reserve(if bulk { BULK_READ_BYTES } else { READ_BYTES });
        }
        let (input, timer) = (&mut *self.input, &mut self.timer);
        let mut stopped = pin!(self.send.stopped());
        std::future::poll_fn(|cx| {
            if let Poll::Ready(read) = poll_read_buf(Pin::new(&mut *read), cx, input) {
                return Poll::Ready(Ok(read));
            }
            if let Poll::Ready(code) = stopped.as_mut().poll(cx) {
                return Poll::Ready(Err(ForwardError::Gone(code)));
            }
            if let Some((traffic, timeout)) = due {
                while timer.as_mut().poll(cx).is_ready() {
                    match traffic.answer_still_due(timeout) {
                        Some(later) => timer.as_mut().reset(later),
                        None => return Poll::Ready(Err(ForwardError::AnswerTimeout)),
                    }
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether a body's end was seen with its first piece.
enum Ending {
    NotYet,
    Plain,
    WithTrailers(Fields),
}

struct FirstPiece {
    data: Bytes,
    /// What does not fit beside a head.
    rest: Option<Bytes>,
    end: Ending,
}

/// The beginning of a refusal that may be a development server's.
struct Sniff<'a> {
    bytes: Vec<u8>,
    status: u16,
    request_target: &'a str,
    route: &'a Arc<Route>,
    note: &'a mut Option<String>,
}

impl Sniff<'_> {
    fn look(&mut self, data: &[u8]) {
        let room = SNIFF_BYTES - self.bytes.len();
        self.bytes.extend_from_slice(&data[..data.len().min(room)]);
    }

    fn decide(self) {
        if let Some(server) = devserver::recognise(self.request_target, self.status, &self.bytes) {
            *self.note = Some(server.note().to_owned());
            self.route.warn_dev_server(server);
        }
    }
}

fn bad(what: &str) -> Trouble {
    Trouble::Failed(ForwardError::BadAnswer(what.to_owned()))
}

fn gone(stopped: Stopped) -> ForwardError {
    let code = match stopped.0 {
        told @ (ResetCode::LinkLost | ResetCode::BodyTooLarge) => told,
        _ => ResetCode::Cancelled,
    };
    ForwardError::Gone(code)
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}
