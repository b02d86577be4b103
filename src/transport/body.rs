//! Request bodies: forms and multipart, and the header for basic authorization.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;

/// The content type of [`form_urlencoded`].
pub const FORM_CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The value, or the file's bytes.
    pub value: Bytes,
    /// The file's name; `None` for a plain field.
    pub filename: Option<String>,
    /// The part's type; `None` writes none for a field, and `application/octet-stream` for a file.
    pub content_type: Option<String>,
}

impl Part {
    /// A plain field.
    #[must_use]
    pub fn field(name: &str, value: &str) -> Self {
        let value = Bytes::copy_from_slice(value.as_bytes());
        Self { name: name.to_owned(), value, filename: None, content_type: None }
    }
}

/// Pairs as an HTML form sends them: `a=1&b=two+words`.
#[must_use]
pub fn form_urlencoded<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Bytes {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into()
}

/// A `multipart/form-data` body and its content type.
///
/// The boundary is the first of a fixed row that occurs in no part, so that the same parts are
/// always the same bytes.
#[must_use]
pub fn multipart(parts: &[Part]) -> (String, Bytes) {
    let boundary = (0_u64..)
        .map(|index| format!("rhaid-boundary-{index:016x}"))
        .find(|boundary| parts.iter().all(|part| !contains(&part.value, boundary.as_bytes())))
        .expect("a body in memory holds fewer than 2^64 boundaries");
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(part_head(part, &boundary).as_bytes());
        body.extend_from_slice(&part.value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body.into())
}

/// The value of an `Authorization` header for a user and password (RFC 7617, UTF-8). Marked as
/// sensitive.
#[must_use]
pub fn basic_auth(user: &str, password: &str) -> HeaderValue {
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    let mut value =
        HeaderValue::try_from(format!("Basic {credentials}")).expect("base64 is printable ASCII");
    value.set_sensitive(true);
    value
}

fn part_head(part: &Part, boundary: &str) -> String {
    let name = quoted(&part.name);
    let filename = part.filename.as_deref().map(quoted);
    let filename = filename.map_or(String::new(), |name| format!("; filename=\"{name}\""));
    let default = part.filename.is_some().then_some("application/octet-stream");
    let content_type = part.content_type.as_deref().or(default).map(|content_type| {
        let one_line = content_type.replace(char::is_control, " ");
        format!("Content-Type: {one_line}\r\n")
    });
    let content_type = content_type.unwrap_or_default();
    format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n{content_type}\r\n"
    )
}

/// A name as browsers write it in a header: the HTML standard's escapes, and no others.
fn quoted(name: &str) -> String {
    name.replace('\r', "%0D").replace('\n', "%0A").replace('"', "%22")
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_as_a_browser_does() {
        let body = form_urlencoded([("a", "1"), ("b c", "two words & ü")]);
        assert_eq!(body, "a=1&b+c=two+words+%26+%C3%BC");
    }

    #[test]
    fn a_multipart_body_has_the_standard_form() {
        let file = Part {
            name: "up\"load".to_owned(),
            value: Bytes::from_static(b"\x00\xff"),
            filename: Some("a\r\nb.bin".to_owned()),
            content_type: None,
        };
        let (content_type, body) = multipart(&[Part::field("x", "1"), file]);
        assert_eq!(content_type, "multipart/form-data; boundary=rhaid-boundary-0000000000000000");
        let expected = b"--rhaid-boundary-0000000000000000\r\n\
            Content-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n\
            --rhaid-boundary-0000000000000000\r\n\
            Content-Disposition: form-data; name=\"up%22load\"; filename=\"a%0D%0Ab.bin\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\x00\xff\r\n\
            --rhaid-boundary-0000000000000000--\r\n";
        assert_eq!(&body[..], &expected[..]);
    }

    #[test]
    fn a_boundary_that_a_part_holds_is_not_used() {
        let (content_type, _) = multipart(&[Part::field("x", "rhaid-boundary-0000000000000000")]);
        assert!(content_type.ends_with("rhaid-boundary-0000000000000001"));
    }

    #[test]
    fn basic_authorization_is_the_rfcs_example() {
        let value = basic_auth("Aladdin", "open sesame");
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
    }
}
