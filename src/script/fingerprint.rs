//! Telling scripts apart by what they say.

use super::compile::Script;

/// FNV-1a, 64 bit: offset basis and prime (draft-eastlake-fnv, section 5).
const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

impl Script {
    /// A hash of the script's text and of those of its imports, for finding what was measured with it; see [`fingerprint`].
    /// Where the files lie does not matter, and neither do data files and the environment.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(self.sources.texts())
    }
}

/// Texts in their order as 16 hexadecimal digits: the same in every process and on every machine. It tells texts apart that
/// differ by accident; whoever wants two texts with one fingerprint can make them.
#[must_use]
pub fn fingerprint<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = OFFSET_BASIS;
    let mut take_in = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    for text in texts {
        text.bytes().for_each(&mut take_in);
        // In no text of UTF-8: it marks where one ends.
        take_in(0xff);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::LoadOptions;

    #[test]
    fn it_stays_the_same_for_ever() {
        // FNV-1a of the bytes 61 ff; stored in databases, so it may not change.
        assert_eq!(fingerprint([]), "cbf29ce484222325");
        assert_eq!(fingerprint(["a"]), fingerprint(["a"]));
        assert_eq!(fingerprint(["a"]), "089bc907b544c769");
    }

    #[test]
    fn texts_are_not_mixed_up() {
        assert_ne!(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
        assert_ne!(fingerprint(["a"]), fingerprint(["a", ""]));
    }

    #[test]
    fn a_change_in_an_import_is_a_change_and_another_folder_is_none() {
        let load = |part: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let script = "import \"part\" as part;\nfn look(user) { part::look(user); }\n";
            std::fs::write(folder.path().join("a.rhai"), script).expect("written");
            std::fs::write(folder.path().join("part.rhai"), part).expect("written");
            let options = LoadOptions { has_target: true, ..LoadOptions::default() };
            Script::load(&folder.path().join("a.rhai"), options).expect("compiles").fingerprint()
        };
        let (one, again) = (
            load("fn look(user) { user.get(\"/a\"); }"),
            load("fn look(user) { user.get(\"/a\"); }"),
        );
        assert_eq!(one, again);
        assert_ne!(one, load("fn look(user) { user.get(\"/b\"); }"));
    }
}
