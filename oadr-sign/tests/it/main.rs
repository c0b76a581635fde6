//! Signatures from outside: what is signed verifies, and what was tampered with does not.

#[cfg(test)]
mod keys;
#[cfg(test)]
mod round_trip;
