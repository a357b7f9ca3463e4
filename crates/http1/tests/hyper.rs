//! hyper as judge: what we write it reads alike, what it writes we read alike.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use porthole_http1::{
    BodyWriter, Event, Fields, Framing, Limits, RequestHead, RequestReader, ResponseHead, ResponseReader,
    Version, write_request_head, write_response_head,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const PIPE_BYTES: usize = 1024;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn pairs(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    let mut pairs: Vec<_> =
        fields.iter().map(|(n, v)| (String::from_utf8_lossy(n).to_lowercase(), v.to_vec())).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

/// Sorted by name only: repeats keep their order in both.
fn map_pairs(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut pairs: Vec<_> = map.iter().map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

/// What hyper's server saw of one request.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Option<Vec<(String, Vec<u8>)>>,
}

/// Serves `io` with hyper and notes every request; answers each with 204.
async fn served_by_hyper(io: DuplexStream) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Incoming>| {
        let notes = Arc::clone(&notes);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a whole body");
            let trailers = body.trailers().map(map_pairs);
            notes.lock().unwrap().push(Seen {
                method: head.method.to_string(),
                target: head.uri.to_string(),
                fields: map_pairs(&head.headers),
                body: body.to_bytes().to_vec(),
                trailers,
            });
            let mut response = Response::new(Full::new(Bytes::new()));
            *response.status_mut() = http::StatusCode::NO_CONTENT;
            Ok::<_, Infallible>(response)
        }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(io), service)
        .await
        .expect("hyper reads what we write");
    Arc::into_inner(seen).expect("the service is gone").into_inner().unwrap()
}

#[test]
fn hyper_reads_the_requests_we_write() {
    let body: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let trailers = Fields::from_iter([("X-Sum", "1"), ("x-sum", "2")]);
    let mut out = Vec::new();
    let mut expected = Vec::new();
    for (method, target, framing) in [
        ("GET", "/a/../%2F?x=1&y", Framing::None),
        ("POST", "/", Framing::Length(body.len() as u64)),
        ("x-METHOD", "/c", Framing::Chunked),
        ("OPTIONS", "*", Framing::Length(0)),
    ] {
        let mut fields = Fields::from_iter([
            (&b"HOST"[..], &b"a.example:80"[..]),
            (b"X-A", b"1"),
            (b"x-a", b""),
            (b"X-B", b"\xff\x80 \t."),
            (b"Trailer", b"x-sum"),
        ]);
        porthole_http1::set_framing(&mut fields, framing);
        let head =
            RequestHead { method: method.into(), target: target.into(), version: Version::Http11, fields };
        write_request_head(&head, &mut out).unwrap();
        let mut writer = BodyWriter::new(framing);
        let body = if framing.is_bodyless() { &[][..] } else { &body };
        for piece in body.chunks(999) {
            writer.data(piece, &mut out).unwrap();
        }
        writer.end(Some(&trailers), &mut out).unwrap();
        expected.push(Seen {
            method: method.into(),
            target: target.into(),
            fields: pairs(&head.fields),
            body: body.to_vec(),
            trailers: (framing == Framing::Chunked).then(|| pairs(&trailers)),
        });
    }
    let seen = block_on(async {
        let (mut ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let server = tokio::spawn(served_by_hyper(theirs));
        ours.write_all(&out).await.unwrap();
        // All four answers, so that none is cut off.
        let mut reader = ResponseReader::new(Limits::default());
        for method in ["GET", "POST", "x-METHOD", "OPTIONS"] {
            reader.expect(method);
        }
        let mut buf = BytesMut::new();
        while !reader.is_idle() {
            if reader.read(&mut buf).unwrap().is_none() {
                assert_ne!(ours.read_buf(&mut buf).await.unwrap(), 0);
            }
        }
        drop(ours);
        server.await.unwrap()
    });
    assert_eq!(seen, expected);
}

/// A body of frames that are all there; of unknown length, so that hyper sends it in chunks.
struct Frames(VecDeque<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn frames(body: &'static [u8], trailers: Option<HeaderMap>) -> Frames {
    let data = body.chunks(777).map(|piece| Frame::data(Bytes::from_static(piece)));
    Frames(data.chain(trailers.map(Frame::trailers)).collect())
}

const BODY: &[u8] = &[b'x'; 5000];

fn sum_trailer() -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), http::HeaderValue::from_static("1"))])
}

#[test]
fn we_read_the_requests_hyper_writes() {
    let requests = [
        Request::get("/a%2F?x=1").body(frames(b"", None)).unwrap(),
        Request::post("/b").header("content-length", BODY.len()).body(frames(BODY, None)).unwrap(),
        Request::put("/c").header("trailer", "x-sum").body(frames(BODY, Some(sum_trailer()))).unwrap(),
    ];
    let expected: Vec<_> =
        requests.iter().map(|request| (request.method().to_string(), request.uri().to_string())).collect();
    let read = block_on(async {
        let (mut ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(theirs)).await.unwrap();
        let driver = tokio::spawn(connection);
        let client = tokio::spawn(async move {
            for mut request in requests {
                let headers = request.headers_mut();
                headers.insert("host", "a.example".parse().unwrap());
                headers.append("x-a", "1".parse().unwrap());
                headers.append("x-a", http::HeaderValue::from_bytes(b"\xff\t2").unwrap());
                let response = sender.send_request(request).await.expect("hyper reads our answers");
                assert_eq!(
                    (response.status(), response.headers()["a"].as_bytes()),
                    (http::StatusCode::OK, &b"b"[..])
                );
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
            }
        });

        let mut reader = RequestReader::new(Limits::default());
        let mut buf = BytesMut::new();
        let mut read = Vec::new();
        let mut body = Vec::new();
        let mut head = None;
        while read.len() < 3 {
            match reader.read(&mut buf).unwrap() {
                Some(Event::Head(request, framing)) => head = Some((request, framing)),
                Some(Event::Data(data)) => body.extend_from_slice(&data),
                Some(Event::End(trailers)) => {
                    let (request, framing) = head.take().unwrap();
                    read.push((request, framing, std::mem::take(&mut body), trailers));
                    let fields = Fields::from_iter([("A", "b"), ("Content-Length", "2")]);
                    let answer =
                        ResponseHead { status: 200, reason: vec![], version: Version::Http11, fields };
                    let mut out = Vec::new();
                    write_response_head(&answer, &mut out).unwrap();
                    out.extend_from_slice(b"ok");
                    ours.write_all(&out).await.unwrap();
                }
                None => assert_ne!(ours.read_buf(&mut buf).await.unwrap(), 0),
            }
        }
        client.await.unwrap();
        driver.await.unwrap().unwrap();
        read
    });

    let framings = [Framing::Chunked, Framing::Length(BODY.len() as u64), Framing::Chunked];
    for (((head, framing, body, trailers), expected), announced) in
        read.into_iter().zip(expected).zip(framings)
    {
        assert_eq!((head.method.clone(), head.target.clone()), expected);
        assert_eq!((head.version, head.authority()), (Version::Http11, Some("a.example")));
        assert_eq!(head.fields.get_all("x-a").collect::<Vec<_>>(), [&b"1"[..], b"\xff\t2"]);
        if head.method != "GET" {
            assert_eq!(framing, announced);
            assert!(body == BODY);
        }
        let sum = trailers.as_ref().and_then(|trailers| trailers.get("x-sum"));
        assert_eq!(sum, (head.method == "PUT").then_some(&b"1"[..]));
    }
}

/// Hyper's answer to each path.
fn answer(request: &Request<Incoming>) -> Response<Frames> {
    let builder = Response::builder().header("x-a", "1").header("x-a", "2");
    match request.uri().path() {
        "/length" => builder.header("content-length", BODY.len()).body(frames(BODY, None)),
        "/chunked" => builder.header("trailer", "x-sum").body(frames(BODY, Some(sum_trailer()))),
        "/none" => builder.status(204).body(frames(b"", None)),
        "/unchanged" => builder.status(304).header("content-length", 7).body(frames(b"", None)),
        _ => builder.status(404).header("connection", "close").body(frames(BODY, None)),
    }
    .unwrap()
}

#[test]
fn we_read_the_responses_hyper_writes() {
    let asked = [
        ("GET", "/length", Version::Http11),
        ("HEAD", "/length", Version::Http11),
        ("GET", "/chunked", Version::Http11),
        ("GET", "/none", Version::Http11),
        ("HEAD", "/chunked", Version::Http11),
        ("GET", "/unchanged", Version::Http11),
        ("GET", "/other", Version::Http10),
    ];
    let (seen, closed) = block_on(async {
        let (mut ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request))));
        let server = tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service),
        );
        let mut reader = ResponseReader::new(Limits::default());
        let mut buf = BytesMut::new();
        let mut seen = Vec::new();
        for (method, target, version) in asked {
            let fields = Fields::from_iter([("Host", "a"), ("TE", "trailers"), ("Connection", "TE")]);
            let head = RequestHead { method: method.into(), target: target.into(), version, fields };
            let mut out = Vec::new();
            write_request_head(&head, &mut out).unwrap();
            if version == Version::Http10 {
                let line = format!("GET {target} HTTP/1.0\r\n\r\n");
                out = line.into_bytes();
            }
            ours.write_all(&out).await.unwrap();
            reader.expect(method);
            let mut body = Vec::new();
            let mut head = None;
            loop {
                match reader.read(&mut buf).unwrap() {
                    Some(Event::Head(response, framing)) => head = Some((response, framing)),
                    Some(Event::Data(data)) => body.extend_from_slice(&data),
                    Some(Event::End(trailers)) => {
                        let (head, framing) = head.take().unwrap();
                        seen.push((head, framing, body, trailers));
                        break;
                    }
                    None if ours.read_buf(&mut buf).await.unwrap() == 0 => {
                        let (head, framing) = head.take().unwrap();
                        assert_eq!(reader.eof(), Ok(Some(Event::End(None))));
                        seen.push((head, framing, body, None));
                        break;
                    }
                    None => {}
                }
            }
        }
        server.await.unwrap().unwrap();
        (seen, reader.eof())
    });
    assert_eq!(closed, Ok(None));
    let framings = [
        Framing::Length(BODY.len() as u64),
        Framing::None,
        Framing::Chunked,
        Framing::None,
        Framing::None,
        Framing::None,
        Framing::UntilClose,
    ];
    for (((head, framing, body, trailers), asked), expected) in seen.into_iter().zip(asked).zip(framings) {
        assert_eq!(framing, expected, "{asked:?}");
        assert_eq!(head.fields.get_all("x-a").collect::<Vec<_>>(), [b"1", b"2"], "{asked:?}");
        assert!(body == if expected == Framing::None { &[][..] } else { BODY }, "{asked:?}");
        let sum = trailers.as_ref().and_then(|trailers| trailers.get("x-sum"));
        assert_eq!(sum, (expected == Framing::Chunked).then_some(&b"1"[..]), "{asked:?}");
    }
}
