//! A chunked body (RFC 9112 7.1), piece by piece.

use super::super::exchange::Failure;
use super::head::{MAX_FIELDS, protocol};

/// The most bytes of chunk extensions in one body; reqwest's bound.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// The most bytes of trailer fields; reqwest's bound.
const MAX_TRAILERS: usize = 16 * 1024;

/// The most digits of a chunk's length: as many as 64 bits have.
const MAX_DIGITS: u8 = 16;

/// Reads a chunked body however it is cut into pieces.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Of the chunk's length while that is read, of its data after that.
    left: u64,
    digits: u8,
    extensions: usize,
    trailers: Vec<u8>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    Padding,
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    TrailerLine,
    Trailer,
    TrailerEnd,
    LastEnd,
    Done,
}

impl Chunks {
    /// Whether the body is whole.
    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Reads on, hands the data to `keep`, and says how many bytes were used: all, unless the body ended before.
    ///
    /// # Errors
    ///
    /// What is no chunk, bounds that were passed, and what `keep` says.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut keep: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        while used < bytes.len() && !self.is_done() {
            if self.at == At::Data {
                let rest = &bytes[used..];
                let count = usize::try_from(self.left).map_or(rest.len(), |n| n.min(rest.len()));
                keep(&rest[..count])?;
                used += count;
                self.left -= count as u64;
                if self.left == 0 {
                    self.at = At::DataReturn;
                }
            } else {
                self.at = self.step(bytes[used])?;
                used += 1;
            }
        }
        Ok(used)
    }

    /// Takes one byte that is no data.
    fn step(&mut self, byte: u8) -> Result<At, Failure> {
        match (self.at, byte) {
            (At::Size, digit) if digit.is_ascii_hexdigit() => self.digit(digit),
            (At::Size, _) if self.digits == 0 => Err(protocol("invalid chunk size")),
            (At::Size | At::Padding, b'\t' | b' ') => Ok(At::Padding),
            (At::Size | At::Padding, b';') => Ok(At::Extension),
            (At::Size | At::Padding | At::Extension, b'\r') => Ok(At::SizeEnd),
            (At::Extension, other) if other != b'\n' => self.extension(),
            (At::SizeEnd, b'\n') => {
                self.digits = 0;
                Ok(if self.left == 0 { At::TrailerLine } else { At::Data })
            }
            (At::DataReturn, b'\r') => Ok(At::DataEnd),
            (At::DataEnd, b'\n') => Ok(At::Size),
            (At::TrailerLine, b'\r') => Ok(At::LastEnd),
            (At::TrailerLine | At::Trailer, other) => self.trailer(other),
            (At::TrailerEnd, b'\n') => self.trailer(b'\n').map(|_| At::TrailerLine),
            (At::LastEnd, b'\n') => self.check_trailers().map(|()| At::Done),
            _ => Err(protocol("invalid chunk")),
        }
    }

    fn digit(&mut self, digit: u8) -> Result<At, Failure> {
        if self.digits >= MAX_DIGITS {
            return Err(protocol("a chunk's size has too many digits"));
        }
        self.digits += 1;
        let value = char::from(digit).to_digit(16).expect("only hexadecimal digits come here");
        self.left = self.left * 16 + u64::from(value);
        Ok(At::Size)
    }

    fn extension(&mut self) -> Result<At, Failure> {
        self.extensions += 1;
        if self.extensions > MAX_EXTENSIONS {
            return Err(protocol("chunk extensions are too long"));
        }
        Ok(At::Extension)
    }

    fn trailer(&mut self, byte: u8) -> Result<At, Failure> {
        if self.trailers.len() >= MAX_TRAILERS {
            return Err(protocol("trailer fields are too long"));
        }
        self.trailers.push(byte);
        Ok(if byte == b'\r' { At::TrailerEnd } else { At::Trailer })
    }

    /// Trailer fields are read and thrown away, but not what is none.
    fn check_trailers(&mut self) -> Result<(), Failure> {
        if self.trailers.is_empty() {
            return Ok(());
        }
        self.trailers.extend_from_slice(b"\r\n");
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        match httparse::parse_headers(&self.trailers, &mut fields) {
            Ok(httparse::Status::Complete(_)) => Ok(()),
            Ok(httparse::Status::Partial) | Err(_) => Err(protocol("invalid trailer field")),
        }
    }
}
