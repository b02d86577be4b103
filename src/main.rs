//! The `rhaid` binary: parse, run, exit code. Everything else is in the library.

/// A request takes and gives back a dozen small pieces of memory. With this allocator a request costs
/// about five per cent less CPU in all than with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rhaid::cli::main()
}
