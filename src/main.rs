//! The `rhaid` binary: parse, run, exit code. Everything else is in the library.

fn main() -> std::process::ExitCode {
    rhaid::cli::main()
}
