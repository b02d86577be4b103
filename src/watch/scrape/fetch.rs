//! One GET over a connection of its own.
//!
//! HTTP/1.0, since what answers that sends the page in one piece and closes the connection (RFC 9112, 9.3 and 6.1), and
//! that is all that is needed here. The requests of a run never come near this.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ScrapePage;

/// The longest answer, head included. A large service's page has 1 MB.
const MAX_ANSWER_BYTES: u64 = 4 << 20;

/// Why a page did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody answered, or the connection broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("no whole page within {0:?}")]
    TimedOut(Duration),
    /// What came does not begin like an answer of HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// Another status than 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// It is longer than an answer may be.
    #[error("the page is longer than 4 MiB")]
    TooLong,
    /// It ended before its end.
    #[error("the page broke off after {0} bytes")]
    BrokenOff(usize),
    /// It comes in a form that was not asked for.
    #[error("the page is encoded, which was not asked for")]
    Encoded,
    /// It is not UTF-8.
    #[error("the page is not text")]
    NotText,
}

/// The text of a page. It may take for ever: the caller sets a limit.
pub(super) async fn fetch(page: &ScrapePage) -> Result<String, FetchError> {
    let mut stream = TcpStream::connect((page.host.as_str(), page.port)).await?;
    stream.write_all(request(page).as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut answer).await?;
    body(answer)
}

fn request(page: &ScrapePage) -> String {
    let host = match page.host.contains(':') {
        true => format!("[{}]", page.host),
        false => page.host.clone(),
    };
    format!(
        "GET {} HTTP/1.0\r\nHost: {host}:{}\r\nAccept: text/plain;version=0.0.4\r\nUser-Agent: rhaid\r\n\r\n",
        page.path, page.port
    )
}

/// The page in a whole answer.
fn body(mut answer: Vec<u8>) -> Result<String, FetchError> {
    if answer.len() as u64 > MAX_ANSWER_BYTES {
        return Err(FetchError::TooLong);
    }
    let head_end = find(&answer, b"\r\n\r\n").ok_or(FetchError::NotHttp)?;
    let head = std::str::from_utf8(&answer[..head_end]).map_err(|_| FetchError::NotHttp)?;
    let mut lines = head.split("\r\n");
    let status = status(lines.next().unwrap_or_default()).ok_or(FetchError::NotHttp)?;
    if status != 200 {
        return Err(FetchError::Status(status));
    }
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
    let field = |name: &str| {
        let found = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    };
    if field("transfer-encoding").is_some()
        || field("content-encoding")
            .is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    {
        return Err(FetchError::Encoded);
    }
    let promised = field("content-length").and_then(|length| length.parse::<usize>().ok());
    answer.drain(..head_end + 4);
    match promised {
        Some(length) if length > answer.len() => return Err(FetchError::BrokenOff(answer.len())),
        Some(length) => answer.truncate(length),
        None => {}
    }
    String::from_utf8(answer).map_err(|_| FetchError::NotText)
}

/// `HTTP/1.1 200 OK`
fn status(line: &str) -> Option<u16> {
    let mut words = line.strip_prefix("HTTP/1.")?.splitn(3, ' ').skip(1);
    words.next()?.parse().ok()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<String, String> {
        body(answer.as_bytes().to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_is_what_follows_the_head() {
        assert_eq!(read("HTTP/1.0 200 OK\r\n\r\na 1\n").as_deref(), Ok("a 1\n"));
        let counted = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\na 1\nrest";
        assert_eq!(read(counted).as_deref(), Ok("a 1\n"));
    }

    #[test]
    fn what_is_no_page_is_told_apart() {
        for (answer, why) in [
            ("", "the answer is not HTTP"),
            ("SSH-2.0\r\n\r\n", "the answer is not HTTP"),
            ("HTTP/1.1 200 OK\r\nno end", "the answer is not HTTP"),
            ("HTTP/1.1 404 Not Found\r\n\r\n", "the answer has status 404"),
            ("HTTP/1.1 x\r\n\r\n", "the answer is not HTTP"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na 1", "the page broke off after 3 bytes"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "the page is encoded, which was not asked for",
            ),
        ] {
            assert_eq!(read(answer), Err(why.to_owned()), "{answer}");
        }
        let not_text = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[0xff, 0xfe]].concat();
        assert!(matches!(body(not_text), Err(FetchError::NotText)));
        let long = vec![b'a'; MAX_ANSWER_BYTES as usize + 1];
        assert!(matches!(body(long), Err(FetchError::TooLong)));
    }

    #[test]
    fn the_request_names_its_host() {
        let page = ScrapePage {
            host: "::1".to_owned(),
            port: 9100,
            path: "/metrics?a=b".to_owned(),
            resources: Vec::new(),
        };
        let text = request(&page);
        assert!(text.starts_with("GET /metrics?a=b HTTP/1.0\r\nHost: [::1]:9100\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n"), "{text}");
    }
}
