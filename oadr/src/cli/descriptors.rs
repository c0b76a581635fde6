//! Gets as many file descriptors as the process may have, and sizes the VTN to them.
//!
//! Knows nothing of what uses them.

/// For the database, the log, the runtime, and the connections of operators.
const RESERVED: u64 = 160;

/// What a VTN has in any case: fewer connections are of no use.
const FEWEST: u64 = 16;

/// Raises the soft limit to the hard one, and lowers `connections` to what there are descriptors for.
pub(super) fn provide(connections: &mut u32) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(descriptors) => {
            let places = places(descriptors);
            if places < *connections {
                tracing::warn!(
                    descriptors,
                    connections = places,
                    wanted = *connections,
                    "fewer connections than wanted: raise the limit of open files (ulimit -n)"
                );
                *connections = places;
            }
        }
        Err(error) => tracing::warn!(%error, "the limit of open files is not known"),
    }
}

/// Connections for so many descriptors.
fn places(descriptors: u64) -> u32 {
    let places = descriptors.saturating_sub(RESERVED).max(FEWEST);
    u32::try_from(places).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_left_for_the_rest() {
        assert_eq!(places(20_000), 19_840);
        assert_eq!(places(100), 16);
        assert_eq!(places(u64::MAX), u32::MAX);
    }
}
