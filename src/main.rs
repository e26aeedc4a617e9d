//! The `couchctl` program: a shim around the library.

use std::process::ExitCode;

use couchctl::engine::GuardedAllocator;

#[global_allocator]
static ALLOCATOR: GuardedAllocator<mimalloc::MiMalloc> = GuardedAllocator(mimalloc::MiMalloc);

fn main() -> ExitCode {
    couchctl::cli::main(std::env::args_os()).into()
}
