//! Fresh random bytes for the machines' inputs.
//!
//! Knows nothing of what is drawn from them.

use std::cell::RefCell;
use std::io;

/// What one input gets, in bytes.
const SHARE: usize = 32;

/// How much is asked of the operating system at a time: a call for every idle poll would cost more
/// than the poll's decision.
const STOCK: usize = 128 * SHARE;

struct Stock {
    bytes: [u8; STOCK],
    used: usize,
}

thread_local! {
    static KEPT: RefCell<Stock> = const {
        RefCell::new(Stock { bytes: [0; STOCK], used: STOCK })
    };
}

/// 32 bytes from the operating system, given to nobody else.
///
/// # Errors
/// The operating system has none.
pub(crate) fn draw() -> io::Result<[u8; SHARE]> {
    KEPT.with_borrow_mut(|stock| {
        if stock.used >= STOCK {
            getrandom::fill(&mut stock.bytes).map_err(io::Error::from)?;
            stock.used = 0;
        }
        let mut share = [0; SHARE];
        if let Some(next) = stock.bytes.get_mut(stock.used..stock.used + SHARE) {
            share.copy_from_slice(next);
            // Nothing that was given out can be read from memory later.
            next.fill(0);
        }
        stock.used += SHARE;
        Ok(share)
    })
}

/// An ID that nobody else draws: `prefix-`, then half a share in hexadecimal digits.
///
/// # Errors
/// The operating system has no randomness.
pub(crate) fn id(prefix: &str) -> io::Result<String> {
    let drawn = draw()?;
    let half: u128 = drawn
        .iter()
        .take(16)
        .fold(0, |all, byte| all << 8 | u128::from(*byte));
    Ok(format!("{prefix}-{half:032x}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_share_is_given_twice_nor_left_empty() {
        let drawn: BTreeSet<_> = (0..300).map(|_| draw().unwrap()).collect();
        assert_eq!(drawn.len(), 300);
        assert!(!drawn.contains(&[0; SHARE]));
    }
}
