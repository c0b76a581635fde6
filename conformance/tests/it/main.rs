//! The proof that real peers, the schema and the disk agree with this implementation.

#[cfg(test)]
mod harness;
#[cfg(test)]
mod wire;
