//! What the process takes of its machine, where `/proc` tells.
//!
//! Knows nothing of what it does with it.

use std::fs;

/// Resident memory, in bytes.
pub(crate) fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// How many file descriptors are open.
pub(crate) fn open_files() -> Option<usize> {
    // One of them is the folder's own.
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(open.saturating_sub(1))
}
