//! A seeded order without end: all of a list once an epoch, shuffled anew in each. It depends on the seed and the position
//! alone; a position is two numbers, and going on from it is exact.

use crate::error::{Error, Result};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// Where an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Times that the whole list was seen.
    pub epoch: u64,
    /// Items seen since.
    pub seen: u64,
}

/// An item's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Its position in the list.
    pub index: usize,
    /// A seed for what is drawn of it in this turn.
    pub seed: u64,
}

/// The order.
#[derive(Debug, Clone)]
pub struct SeededOrder {
    seed: u64,
    position: Position,
    order: Vec<usize>,
}

impl SeededOrder {
    /// Starts at the first item of the first epoch.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an empty list.
    pub fn new(count: usize, seed: u64) -> Result<Self> {
        if count == 0 {
            let reason = "the list is empty; there is nothing to draw from".to_owned();
            return Err(Error::InvalidInput { what: "samples".to_owned(), reason });
        }
        Ok(Self { seed, position: Position::default(), order: shuffled(count, seed, 0) })
    }

    /// Where it is, to go on from with [`SeededOrder::resume`].
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Goes to a position of an order with the same length and seed: what follows is what followed there.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a position that such an order is never at.
    pub fn resume(&mut self, position: Position) -> Result<()> {
        let count = self.order.len();
        if position.seen >= count as u64 {
            let reason = format!("{} seen, but the list has {count} items; was it saved with another?", position.seen);
            return Err(Error::InvalidInput { what: "position".to_owned(), reason });
        }
        self.position = position;
        self.order = shuffled(count, self.seed, position.epoch);
        Ok(())
    }

    /// The next item.
    pub fn advance(&mut self) -> Turn {
        let Position { epoch, seen } = self.position;
        let turn = Turn { index: self.order[seen as usize], seed: sample_seed(self.seed, epoch, seen) };
        self.position.seen += 1;
        if self.position.seen == self.order.len() as u64 {
            self.position = Position { epoch: epoch + 1, seen: 0 };
            self.order = shuffled(self.order.len(), self.seed, epoch + 1);
        }
        turn
    }
}

/// The seed of the sample drawn of the `seen`-th item of an epoch.
#[must_use]
pub const fn sample_seed(seed: u64, epoch: u64, seen: u64) -> u64 {
    mixed(mixed(seed, epoch), seen)
}

fn shuffled(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut rng = Pcg64Mcg::seed_from_u64(mixed(seed, epoch));
    let mut order: Vec<usize> = (0..count).collect();
    for i in (1..count).rev() {
        // u64: the same draw where pointers have 32 bits.
        order.swap(i, rng.random_range(0..=i as u64) as usize);
    }
    order
}

/// Two numbers into one that looks like neither (the finaliser of SplitMix64).
const fn mixed(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_add(b.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_epoch_has_every_item_once_and_a_position_is_exact() {
        let mut order = SeededOrder::new(7, 3).unwrap();
        let epochs: Vec<Vec<Turn>> = (0..3).map(|_| (0..7).map(|_| order.advance()).collect()).collect();
        for epoch in &epochs {
            assert_eq!(epoch.iter().map(|turn| turn.index).collect::<BTreeSet<_>>().len(), 7);
        }
        assert_ne!(epochs[0], epochs[1]);
        let seeds: BTreeSet<u64> = epochs.iter().flatten().map(|turn| turn.seed).collect();
        assert_eq!(seeds.len(), 21);
        for stop in 0..20 {
            let mut first = SeededOrder::new(7, 3).unwrap();
            for _ in 0..stop {
                first.advance();
            }
            let saved = serde_json::to_string(&first.position()).unwrap();
            let mut second = SeededOrder::new(7, 3).unwrap();
            second.resume(serde_json::from_str(&saved).unwrap()).unwrap();
            assert_eq!(second.advance(), epochs[stop / 7][stop % 7]);
        }
        let mut other = SeededOrder::new(7, 4).unwrap();
        assert_ne!((0..7).map(|_| other.advance()).collect::<Vec<_>>(), epochs[0]);
        assert_eq!(order.resume(Position { epoch: 0, seen: 7 }).unwrap_err().code(), "invalid-input");
        assert_eq!(SeededOrder::new(0, 0).unwrap_err().code(), "invalid-input");
    }
}
