//! Gets as many file descriptors as the process may have, and sizes the VTN to them.
//!
//! Knows nothing of what uses them.

/// For the database, the log, the runtime, and the connections of operators.
const RESERVED: u64 = 160;

/// For pushes under way, and connections kept between pushes; of few descriptors a quarter.
const PUSHES: u64 = 4096;

/// What a VTN has in any case: fewer connections are of no use.
const FEWEST: u64 = 16;

/// Raises the soft limit to the hard one, and lowers `connections` to what there are descriptors for, if
/// there are to be some for pushes, too.
pub(super) fn provide(connections: &mut u32, pushes: bool) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(descriptors) => {
            let places = places(descriptors, pushes);
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
fn places(descriptors: u64, pushes: bool) -> u32 {
    let rest = descriptors.saturating_sub(RESERVED);
    let for_pushes = if pushes { PUSHES.min(rest / 4) } else { 0 };
    let places = rest.saturating_sub(for_pushes).max(FEWEST);
    u32::try_from(places).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_left_for_the_rest() {
        assert_eq!(places(20_000, false), 19_840);
        assert_eq!(places(20_000, true), 15_744);
        assert_eq!(places(1_024, true), 648);
        assert_eq!(places(100, true), 16);
        assert_eq!(places(u64::MAX, true), u32::MAX);
    }
}
