//! The files of the dashboard page, which `build.rs` put into the program; one page that says so when it could not.

/// The template of the HTML report, when the page was built.
const REPORT: &str = "report.html";

/// One file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageFile {
    /// Its path below the page, without a leading slash: `assets/index-1a2b3c.js`.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// Its `ETag`, in quotes: another one whenever the content is another.
    pub etag: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

impl PageFile {
    /// Whether its name changes with its content, so that a browser may keep it for ever.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        self.path.starts_with("assets/")
    }
}

static FILES: &[PageFile] = include!(concat!(env!("OUT_DIR"), "/page_files.rs"));

/// The file at a path of a URL, with or without its leading slash; `/` is the page itself. `None` when there is none.
///
/// The template of the report is not served: it has no data in it.
#[must_use]
pub fn file(path: &str) -> Option<&'static PageFile> {
    let path = match path.trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    FILES.iter().find(|file| file.path == path && path != REPORT)
}

/// The page without data that becomes the report of a run; `None` in a build without the dashboard.
#[must_use]
pub fn report_template() -> Option<&'static str> {
    let file = FILES.iter().find(|file| file.path == REPORT)?;
    std::str::from_utf8(file.bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_by_both_of_its_names_and_nothing_outside_it_is() {
        let page = file("/").expect("every build has a page");
        assert_eq!(Some(page), file("/index.html"));
        assert!(page.content_type.starts_with("text/html") && !page.is_immutable());
        assert!(page.etag.starts_with('"') && page.etag.ends_with('"') && page.etag.len() > 10);
        for path in ["/nothing", "/../Cargo.toml", "/report.html", "//assets"] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn the_page_names_only_files_that_are_there_and_no_script_stands_in_it() {
        let page = std::str::from_utf8(file("/").expect("a page").bytes).expect("text");
        for address in page.split(['"', '\'']).filter(|part| part.contains("assets/")) {
            let asset = file(address.trim_start_matches('.')).expect(address);
            assert!(asset.is_immutable() && !asset.bytes.is_empty(), "{address}");
        }
        assert!(!page.contains("<style") && !page.contains("<script>"), "{page}");
    }
}
