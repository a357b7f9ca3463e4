use std::io::Write as _;

use flate2::Compression;
use proptest::prelude::*;

use super::*;

fn encode(name: &str, data: &[u8]) -> Vec<u8> {
    let written = |result: io::Result<Vec<u8>>| result.expect("a vector takes everything");
    match name {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
            written(encoder.write_all(data).and_then(|()| encoder.finish()))
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
            written(encoder.write_all(data).and_then(|()| encoder.finish()))
        }
        "raw" => {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
            written(encoder.write_all(data).and_then(|()| encoder.finish()))
        }
        "br" => {
            let mut output = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut output, 4096, 4, 20);
            encoder.write_all(data).expect("a vector takes everything");
            drop(encoder);
            output
        }
        "zstd" => ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest),
        _ => data.to_vec(),
    }
}

/// The codings, and what stands in the field for each.
const CODINGS: [(&str, &str); 5] =
    [("gzip", "gzip"), ("deflate", "deflate"), ("raw", "deflate"), ("br", "br"), ("zstd", "zstd")];

fn text() -> Vec<u8> {
    (0..2000).flat_map(|n| format!("line {n} of a text\n").into_bytes()).collect()
}

#[test]
fn each_coding_alone_and_one_over_the_other_gives_the_text_back() {
    let text = text();
    for (outer, outer_name) in CODINGS {
        let once = encode(outer, &text);
        assert_eq!(
            decode(outer_name, &once),
            Ok(Decoded { bytes: text.clone(), end: End::Whole }),
            "{outer}"
        );
        for (inner, inner_name) in CODINGS {
            let twice = encode(outer, &encode(inner, &text));
            let field = format!("{inner_name}, {}", outer_name.to_uppercase());
            assert_eq!(decode(&field, &twice).map(|decoded| decoded.bytes), Ok(text.clone()), "{field}");
        }
    }
}

#[test]
fn members_and_frames_one_behind_the_other_are_one_body() {
    for (name, field) in [("gzip", "x-gzip"), ("zstd", "zstd")] {
        let two = [encode(name, b"one "), encode(name, b"two")].concat();
        assert_eq!(decode(field, &two), Ok(Decoded { bytes: b"one two".to_vec(), end: End::Whole }));
    }
    let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &encode("zstd", b"text")].concat();
    assert_eq!(decode("zstd", &skipped), Ok(Decoded { bytes: b"text".to_vec(), end: End::Whole }));
    assert_eq!(decode("zstd", &skipped[..9]).map(|decoded| decoded.end), Ok(End::Cut));
}

#[test]
fn a_body_that_was_cut_gives_what_there_is_and_says_so() {
    // Random enough not to fit into one block that the cut takes as a whole.
    let mut seed = 1_u32;
    let text: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (seed >> 28) as u8
    })
    .take(600_000)
    .collect();
    for (name, field) in CODINGS {
        let whole = encode(name, &text);
        let cut = decode(field, &whole[..whole.len() * 3 / 4]).expect("known");
        assert_eq!(cut.end, End::Cut, "{name}");
        assert!(
            text.starts_with(&cut.bytes) && cut.bytes.len() > text.len() / 4,
            "{name}: {}",
            cut.bytes.len()
        );
        let first = decode(field, &whole[..1]).expect("known");
        assert!(first.bytes.is_empty() && first.end != End::Whole, "{name}: {first:?}");
    }
}

#[test]
fn what_is_not_in_its_coding_is_broken_and_never_a_panic() {
    for name in ["gzip", "br", "zstd"] {
        let decoded = decode(name, b"<html>this is plain text all along</html>").expect("known");
        assert_eq!(decoded.end, End::Broken, "{name}: {decoded:?}");
    }
}

#[test]
fn a_bomb_stops_at_the_bound_and_what_just_fits_is_whole() {
    let zeros = vec![0; 100_000];
    for (name, field) in CODINGS {
        let bomb = encode(name, &zeros);
        let at = |bound| decode_to(field, &bomb, bound).expect("known");
        assert_eq!((at(99_999).bytes.len(), at(99_999).end), (99_999, End::Bound), "{name}");
        assert_eq!((at(100_000).bytes.len(), at(100_000).end), (100_000, End::Whole), "{name}");
    }
    let nested = encode("gzip", &encode("gzip", &vec![0; 2 * DECODED_BYTES]));
    let decoded = decode("gzip, gzip", &nested).expect("known");
    assert_eq!((decoded.bytes.len(), decoded.end), (DECODED_BYTES, End::Bound));
}

#[test]
fn unknown_and_too_many_codings_are_named() {
    assert_eq!(decode("gzip, compress", b"x"), Err(DecodeError::Unknown("compress".into())));
    assert_eq!(decode("br,br,br,br,br", b"x"), Err(DecodeError::TooMany));
    for none in ["", "identity", " , "] {
        assert_eq!(decode(none, b"x"), Ok(Decoded { bytes: b"x".to_vec(), end: End::Whole }));
    }
    assert_eq!(decode("gzip", b""), Ok(Decoded { bytes: Vec::new(), end: End::Whole }));
}

#[test]
fn a_zstd_frame_that_asks_for_a_large_window_is_refused() {
    // Magic, no sizes given, the window, and one empty raw block that is the last.
    let frame = |window: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, window, 1, 0, 0];
    // 8 MiB is an exponent of 13.
    assert_eq!(decode("zstd", &frame(13 << 3)).map(|decoded| decoded.end), Ok(End::Whole));
    assert_eq!(decode("zstd", &frame(13 << 3 | 1)).map(|decoded| decoded.end), Ok(End::Broken));
    assert_eq!(decode("zstd", &frame(0xff)).map(|decoded| decoded.end), Ok(End::Broken));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_something(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        at in any::<prop::sample::Index>(),
    ) {
        for (name, field) in CODINGS {
            let _ = decode_to(field, &bytes, 10_000);
            let mut damaged = encode(name, &bytes);
            let place = at.index(damaged.len());
            damaged[place] ^= 0x55;
            let _ = decode_to(field, &damaged, 10_000);
        }
    }
}
