//! The command line: what was typed, what it means, what is said about it, and how the process ends.
//!
//! Main types: [`args::Cli`] is what was typed, [`settings::RunSettings`] what is meant, [`printer::Printer`] the only way
//! to the terminal, [`exit::ExitCode`] the end. `clap` is named in this room alone. There is nothing it must not know: it is
//! the composition root, and no other room knows it. It sits at both ends of the flow.

pub mod args;
pub mod completions;
pub mod exit;
pub mod printer;
pub mod progress;
pub mod settings;
