//! The `rhaid` binary: parse, run, exit code. Everything else is in the library.

#[global_allocator]
static ALLOCATOR: rhaid::free_lists::FreeLists = rhaid::free_lists::FreeLists;

fn main() -> std::process::ExitCode {
    rhaid::cli::main()
}
