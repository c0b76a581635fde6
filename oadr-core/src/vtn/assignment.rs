//! How an operator changes a list of what a VEN belongs to or has.
//!
//! Knows nothing of what is in the list.

use std::collections::BTreeSet;

/// A change of a list in which nothing is twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment<T> {
    /// It becomes this one.
    Exactly(Vec<T>),
    /// Some leave it, and then others come in.
    Change {
        /// These come in, at its end; those that are there already stay where they are.
        add: Vec<T>,
        /// These leave it; those that are not there anyway.
        remove: Vec<T>,
    },
}

impl<T> Default for Assignment<T> {
    /// Everything stays as it is.
    fn default() -> Self {
        Self::Change {
            add: Vec::new(),
            remove: Vec::new(),
        }
    }
}

impl<T: Clone + Ord> Assignment<T> {
    /// What becomes of `before`.
    pub(super) fn of(&self, before: &[T]) -> Vec<T> {
        match self {
            Self::Exactly(list) => distinct(list),
            Self::Change { add, remove } => {
                let stay = before.iter().filter(|item| !remove.contains(item));
                distinct(stay.chain(add))
            }
        }
    }
}

/// Each once, where it comes first. The list may be a peer's and long.
pub(super) fn distinct<'a, T: Clone + Ord + 'a>(list: impl IntoIterator<Item = &'a T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    let first = list.into_iter().filter(|item| seen.insert(*item));
    first.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_replaced_or_changed_and_nothing_is_twice() {
        let change = |add: &[u32], remove: &[u32]| Assignment::Change {
            add: add.to_vec(),
            remove: remove.to_vec(),
        };
        for (assignment, after) in [
            (Assignment::default(), vec![1, 2, 3]),
            (Assignment::Exactly(vec![]), vec![]),
            (Assignment::Exactly(vec![5, 1, 5]), vec![5, 1]),
            (change(&[4, 2, 4], &[]), vec![1, 2, 3, 4]),
            (change(&[], &[2, 9]), vec![1, 3]),
            // Whoever says both wants it there.
            (change(&[1], &[1]), vec![2, 3, 1]),
        ] {
            assert_eq!(assignment.of(&[1, 2, 3]), after, "{assignment:?}");
        }
    }
}
