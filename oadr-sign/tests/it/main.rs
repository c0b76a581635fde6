//! Signatures from outside: what is signed verifies, and what was tampered with does not.

#[cfg(test)]
mod accepted;
#[cfg(test)]
mod diagnosed;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod rewritten;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tampered;
#[cfg(test)]
mod wrapping;
