//! Undoes `Content-Encoding`: one layer, in bounded memory.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

/// What is asked for unless the script asks for something else: all that this module undoes.
pub(super) const ACCEPT_ENCODING: &str = "gzip, deflate, br, zstd";

/// The largest zstd window that is decoded, as a power of two: 8 MiB, the bound of RFC 9659.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Buffer between the brotli decoder and its reader, in bytes.
const BROTLI_BUFFER: usize = 4096;

/// A body as it is after decoding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) body: Bytes,
    /// Whether decoding stopped at the cap.
    pub(super) truncated: bool,
}

/// A raw body and what bounds its decoding.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) body: Bytes,
    /// The body was cut on the way, so that its end cannot be decoded and that is no fault.
    pub(super) truncated: bool,
    /// The most decoded bytes.
    pub(super) cap: usize,
}

#[derive(Debug, Clone, Copy)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Decodes `raw` as its headers say; an encoding nobody has registered leaves it as it is, as
/// browsers do.
///
/// # Errors
///
/// A sentence for people, when the body is not what its headers say or wears more than one
/// encoding. Stacked encodings are refused since each multiplies the work that few bytes can cause;
/// no server of good will sends them.
pub(super) fn decode(headers: &HeaderMap, raw: Raw) -> Result<Decoded, String> {
    let encoding = encoding(headers)?.filter(|_| !raw.body.is_empty());
    let Some(encoding) = encoding else {
        return Ok(Decoded { body: raw.body, truncated: false });
    };
    match read(encoding, &raw) {
        Ok(decoded) => Ok(decoded),
        Err(error) => Err(format!("{encoding:?} body cannot be decoded: {error}")),
    }
}

fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, String> {
    let mut layers = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|layer| !layer.is_empty() && !layer.eq_ignore_ascii_case(b"identity"));
    let first = layers.next();
    if layers.next().is_some() {
        return Err("the body wears more than one content encoding".to_owned());
    }
    Ok(first.and_then(|name| match name.to_ascii_lowercase().as_slice() {
        b"gzip" | b"x-gzip" => Some(Encoding::Gzip),
        b"deflate" => Some(Encoding::Deflate),
        b"br" => Some(Encoding::Brotli),
        b"zstd" => Some(Encoding::Zstd),
        _ => None,
    }))
}

fn read(encoding: Encoding, raw: &Raw) -> io::Result<Decoded> {
    let body = &raw.body[..];
    match encoding {
        Encoding::Gzip => read_capped(MultiGzDecoder::new(body), raw),
        Encoding::Deflate if has_zlib_header(body) => read_capped(ZlibDecoder::new(body), raw),
        Encoding::Deflate => read_capped(DeflateDecoder::new(body), raw),
        Encoding::Brotli => read_capped(brotli::Decompressor::new(body, BROTLI_BUFFER), raw),
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            read_capped(decoder, raw)
        }
    }
}

fn read_capped(decoder: impl Read, raw: &Raw) -> io::Result<Decoded> {
    let mut body = Vec::new();
    // One byte more than is kept tells whether there is more.
    let read = decoder.take(raw.cap as u64 + 1).read_to_end(&mut body);
    let truncated = body.len() > raw.cap;
    body.truncate(raw.cap);
    match read {
        Err(error) if !raw.truncated => Err(error),
        Ok(_) | Err(_) => Ok(Decoded { body: body.into(), truncated }),
    }
}

/// Whether `deflate` means zlib (RFC 9110 8.4.1.2) here, or the bare stream that some servers send
/// under that name. The header is two bytes: method 8 in the low half of the first, and as one
/// number a multiple of 31 (RFC 1950 2.2).
fn has_zlib_header(body: &[u8]) -> bool {
    matches!(body, [first, second, ..]
        if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    const CAP: usize = 1 << 20;

    fn headers(encoding: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, encoding.parse().unwrap())])
    }

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn encode(name: &str, plain: &[u8]) -> Vec<u8> {
        match name {
            "gzip" | "x-gzip" => gzip(plain),
            "zlib" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            "bare" => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            "br" => {
                let mut encoded = Vec::new();
                brotli::CompressorWriter::new(&mut encoded, 4096, 5, 22).write_all(plain).unwrap();
                encoded
            }
            "zstd" => zstd::encode_all(plain, 1).unwrap(),
            other => panic!("{other}"),
        }
    }

    fn decode_all(encoding: &str, body: Vec<u8>) -> Result<Decoded, String> {
        decode(&headers(encoding), Raw { body: body.into(), truncated: false, cap: CAP })
    }

    const PAIRS: [(&str, &str); 6] = [
        ("gzip", "gzip"),
        ("X-GZIP", "gzip"),
        ("deflate", "zlib"),
        ("deflate", "bare"),
        ("br", "br"),
        ("identity, zstd", "zstd"),
    ];

    #[test]
    fn each_encoding_is_undone() {
        for (header, encoder) in PAIRS {
            let decoded = decode_all(header, encode(encoder, b"hello hello hello")).unwrap();
            assert_eq!(&decoded.body[..], b"hello hello hello", "{header} {encoder}");
            assert!(!decoded.truncated);
        }
    }

    #[test]
    fn a_bomb_is_cut_at_the_cap() {
        let plain = vec![0_u8; 64 * CAP];
        for (header, encoder) in PAIRS {
            let decoded = decode_all(header, encode(encoder, &plain)).unwrap();
            assert_eq!((decoded.body.len(), decoded.truncated), (CAP, true), "{header} {encoder}");
        }
    }

    #[test]
    fn a_body_of_exactly_the_cap_is_whole() {
        let decoded = decode_all("gzip", gzip(&vec![7; CAP])).unwrap();
        assert_eq!((decoded.body.len(), decoded.truncated), (CAP, false));
    }

    #[test]
    fn what_is_not_as_it_says_is_an_error() {
        for header in ["gzip", "deflate", "br", "zstd"] {
            assert!(decode_all(header, b"\xff\xff not compressed".to_vec()).is_err(), "{header}");
        }
        let mut cut = gzip(b"hello hello hello");
        cut.truncate(12);
        assert!(decode_all("gzip", cut.clone()).is_err());
        let raw = Raw { body: cut.into(), truncated: true, cap: CAP };
        assert!(decode(&headers("gzip"), raw).is_ok(), "we cut it ourselves");
    }

    #[test]
    fn stacked_encodings_are_refused_and_unknown_ones_left_alone() {
        assert!(decode_all("gzip, gzip", gzip(&gzip(b"x"))).unwrap_err().contains("more than one"));
        assert_eq!(decode_all("aws-chunked", b"as is".to_vec()).unwrap().body, "as is");
        assert_eq!(decode_all("gzip", Vec::new()).unwrap().body, "");
    }
}
