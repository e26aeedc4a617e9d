//! Input that means harm, or that nobody thought of: everything ends in a clear error or a bounded
//! wait, never in a crash.

mod documents;
mod functions;
mod program;

use couchctl::engine::GuardedAllocator;

/// As in the program: without it there is no bound on memory.
#[global_allocator]
static ALLOCATOR: GuardedAllocator<std::alloc::System> = GuardedAllocator(std::alloc::System);
