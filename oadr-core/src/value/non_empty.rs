//! A list of at least one element, where the schema says `1..n`.
//!
//! Knows nothing of what it holds.

use serde::{Deserialize, Serialize};

/// The list had no element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at least one element is needed")]
pub struct Empty;

/// One element or more, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(
    try_from = "Vec<T>",
    into = "Vec<T>",
    bound(
        serialize = "T: Clone + Serialize",
        deserialize = "T: Deserialize<'de>"
    )
)]
pub struct NonEmpty<T>(Vec<T>);

impl<T> NonEmpty<T> {
    /// A list of one.
    #[must_use]
    pub fn one(element: T) -> Self {
        Self(vec![element])
    }

    /// The first element.
    #[must_use]
    #[expect(clippy::expect_used, reason = "no constructor makes an empty list")]
    pub fn first(&self) -> &T {
        self.0.first().expect("never empty")
    }

    /// The last element.
    #[must_use]
    #[expect(clippy::expect_used, reason = "no constructor makes an empty list")]
    pub fn last(&self) -> &T {
        self.0.last().expect("never empty")
    }

    /// Appends an element.
    pub fn push(&mut self, element: T) {
        self.0.push(element);
    }

    /// The elements, to be changed in place.
    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }

    /// The elements as a vector.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T> core::ops::Deref for NonEmpty<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> TryFrom<Vec<T>> for NonEmpty<T> {
    type Error = Empty;

    fn try_from(elements: Vec<T>) -> Result<Self, Empty> {
        if elements.is_empty() {
            Err(Empty)
        } else {
            Ok(Self(elements))
        }
    }
}

impl<T> From<NonEmpty<T>> for Vec<T> {
    fn from(list: NonEmpty<T>) -> Self {
        list.0
    }
}

impl<'a, T> IntoIterator for &'a NonEmpty<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> IntoIterator for NonEmpty<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
