//! The formats of a report.

use std::path::Path;
use std::str::FromStr;

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text for people.
    #[default]
    Table,
    /// The whole record.
    Json,
    /// For pull requests and wikis.
    Markdown,
    /// For spreadsheets.
    Csv,
    /// For browsers: one file with charts; of one run alone.
    Html,
}

/// A word or a file extension that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no report format; the formats are table (.txt), json, markdown (.md), csv and html"
)]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        match word.to_ascii_lowercase().as_str() {
            "table" | "text" | "txt" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            "markdown" | "md" => Ok(Self::Markdown),
            "csv" => Ok(Self::Csv),
            "html" | "htm" => Ok(Self::Html),
            _ => Err(UnknownFormat(word.to_owned())),
        }
    }
}

impl Format {
    /// The format of a file, by its extension.
    ///
    /// # Errors
    /// An extension that names no format, or none.
    pub fn from_path(path: &Path) -> Result<Self, UnknownFormat> {
        match path.extension() {
            Some(extension) => extension.to_string_lossy().parse(),
            None => Err(UnknownFormat(path.display().to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named_by_word_or_extension() {
        assert_eq!("JSON".parse(), Ok(Format::Json));
        assert_eq!(Format::from_path(Path::new("out/a.b.md")), Ok(Format::Markdown));
        assert_eq!(Format::from_path(Path::new("run.csv")), Ok(Format::Csv));
        let error = Format::from_path(Path::new("run.docx")).expect_err("docx").to_string();
        assert!(error.contains("docx") && error.contains("csv"), "{error}");
        assert!(Format::from_path(Path::new("run")).is_err());
    }
}
