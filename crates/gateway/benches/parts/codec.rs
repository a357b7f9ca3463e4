//! HTTP/1 heads and bodies, read and written.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BatchSize, Criterion, Throughput};
use porthole_http1::{
    BodyWriter, Event, Framing, Limits, RequestReader, ResponseReader, write_request_head,
    write_response_head,
};

/// What a browser sends for a page of an application: twelve fields, a cookie.
pub const REQUEST: &[u8] = b"GET /shop/items?page=2&sort=price HTTP/1.1\r\nHost: shop.tunnel.example.com\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\nReferer: https://shop.tunnel.example.com/shop\r\n\
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\n\
Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 05:00:00 GMT\r\n\
Content-Type: application/octet-stream\r\nContent-Length: 1024\r\nLast-Modified: Sat, 21 Nov 2026 04:00:00 GMT\r\n\
Connection: keep-alive\r\nETag: \"655c2f40-400\"\r\nAccept-Ranges: bytes\r\n\r\n";

const SMALL: usize = 1024;
const LARGE: usize = 64 * 1024;

pub fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");

    group.bench_function("read a request of a browser", |bencher| {
        let mut reader = RequestReader::new(Limits::default());
        let fill = || BytesMut::from(REQUEST);
        bencher.iter_batched_ref(
            fill,
            |buffer| while let Ok(Some(_)) = reader.read(black_box(buffer)) {},
            BatchSize::SmallInput,
        );
    });

    group.bench_function("read a small answer", |bencher| {
        let whole = [RESPONSE, &[b'x'; SMALL]].concat();
        let mut reader = ResponseReader::new(Limits::default());
        let fill = || BytesMut::from(&whole[..]);
        bencher.iter_batched_ref(
            fill,
            |buffer| {
                reader.expect("GET");
                while let Ok(Some(_)) = reader.read(black_box(buffer)) {}
            },
            BatchSize::SmallInput,
        );
    });

    let Ok(Some(Event::Head(request, _))) =
        RequestReader::new(Limits::default()).read(&mut BytesMut::from(REQUEST))
    else {
        unreachable!("the request above is well-formed")
    };
    let mut reader = ResponseReader::new(Limits::default());
    reader.expect("GET");
    let Ok(Some(Event::Head(response, _))) = reader.read(&mut BytesMut::from(RESPONSE)) else {
        unreachable!("the answer above is well-formed")
    };
    group.bench_function("write a request head", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            write_request_head(black_box(&request), &mut out)
        });
    });
    group.bench_function("write an answer's head", |bencher| {
        let mut out = Vec::new();
        bencher.iter(|| {
            out.clear();
            write_response_head(black_box(&response), &mut out)
        });
    });

    group.throughput(Throughput::Bytes(LARGE as u64));
    group.bench_function("read 64 KiB in chunks of 8 KiB", |bencher| {
        let mut whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let mut writer = BodyWriter::new(Framing::Chunked);
        for _ in 0..8 {
            writer.data(&[b'x'; LARGE / 8], &mut whole).expect("a chunked body has no length to overrun");
        }
        writer.end(None, &mut whole).expect("a body ends once");
        let mut reader = ResponseReader::new(Limits::default());
        let fill = || BytesMut::from(&whole[..]);
        bencher.iter_batched_ref(
            fill,
            |buffer| {
                reader.expect("GET");
                while let Ok(Some(_)) = reader.read(black_box(buffer)) {}
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}
