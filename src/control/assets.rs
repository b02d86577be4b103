//! The page's files. This is the one place to change when the page is built in.

/// One file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

/// Shown in place of the page.
const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>rhaid</title></head>
<body>
<h1>rhaid serve</h1>
<p>The API is here; this build has no dashboard. To get it, build rhaid from a checkout with Node.js installed:</p>
<pre>cd dashboard &amp;&amp; npm ci &amp;&amp; npm run build &amp;&amp; cd .. &amp;&amp; cargo build --release</pre>
<p><a href=\"/api/health\">/api/health</a> says how the server is; docs/api.md describes the rest.</p>
</body>
</html>
";

/// The file at a path of a URL, which begins with a slash; `None` when there is none.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let page = Asset { content_type: "text/html; charset=utf-8", bytes: PLACEHOLDER.as_bytes() };
    matches!(path, "/" | "/index.html").then_some(page)
}
