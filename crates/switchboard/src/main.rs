//! The binary `switchboard`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A call is some 60 KiB in small pieces. In pages of 2 MiB, which the allocator asks the kernel for, 200 calls held two and a
    // half times the memory. A kernel that cannot be told so is none the worse.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    switchboard::cli::main()
}
