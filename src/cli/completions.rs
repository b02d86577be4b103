//! Shell completions and manual pages, made from the same definition that reads the command line.

use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Cli;

/// The completion script of a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rhaid", &mut script);
    script
}

/// The manual page `rhaid(1)`, in roff.
///
/// # Errors
/// None in practice: the page is written to memory.
pub fn manual_page() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page)?;
    Ok(page)
}

/// Writes `rhaid.1` and a page for each verb (`rhaid-run.1`) to a folder, which is made when it is not there.
///
/// # Errors
/// A folder or page that cannot be written.
pub fn write_manual_pages(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_the_verbs() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let script = String::from_utf8(completions(shell)).expect("text");
            assert!(script.contains("max-vus") && script.contains("completions"), "{shell}");
        }
    }

    #[test]
    fn every_verb_has_a_manual_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let pages = folder.path().join("man");
        write_manual_pages(&pages).expect("written");
        let run = std::fs::read_to_string(pages.join("rhaid-run.1")).expect("the page of run");
        assert!(run.contains("max\\-vus"), "{run}");
        assert!(pages.join("rhaid.1").exists() && pages.join("rhaid-report.1").exists());
        let page = String::from_utf8(manual_page().expect("to memory")).expect("text");
        assert!(page.contains("thresholds failed"), "{page}");
    }
}
