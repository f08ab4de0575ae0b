//! The vote: frames tell different things of one object, and the word told most often stands (A.1).

use crate::graph::VideoGraph;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Attribute words by kind, by track id.
pub type TrackAttributes = BTreeMap<u32, BTreeMap<String, String>>;

/// Votes for a word, and the earliest frame of one.
#[derive(Debug, Clone, Copy)]
struct Tally {
    votes: u64,
    first: u32,
}

/// Votes on the attributes of one video's tracks. For each track and kind the word with the most votes wins; of equals
/// the one told in the earliest frame, then the first by alphabet. The order of the votes does not matter.
#[derive(Debug, Clone, Default)]
pub struct Poll<'a> {
    tallies: BTreeMap<(u32, &'a str), BTreeMap<Option<&'a str>, Tally>>,
}

impl<'a> Poll<'a> {
    /// One frame's word for one track; `None` says that no single word is true, and may win too.
    pub fn cast(&mut self, tid: u32, frame: u32, kind: &'a str, word: Option<&'a str>) {
        let words = self.tallies.entry((tid, kind)).or_default();
        let tally = words.entry(word).or_insert(Tally { votes: 0, first: frame });
        tally.votes += 1;
        tally.first = tally.first.min(frame);
    }

    /// The words that won.
    #[must_use]
    pub fn winners(&self) -> TrackAttributes {
        let mut winners = TrackAttributes::new();
        for ((tid, kind), words) in &self.tallies {
            let won = words.iter().min_by_key(|(word, tally)| (Reverse(tally.votes), tally.first, **word));
            if let Some((Some(word), _)) = won {
                winners.entry(*tid).or_default().insert((*kind).to_owned(), (*word).to_owned());
            }
        }
        winners
    }
}

/// Puts words into the tracks of a graph, in place of words of the same kind.
pub fn assign(graph: &mut VideoGraph, mut words: TrackAttributes) {
    for track in &mut graph.tracks {
        track.attributes.extend(words.remove(&track.tid).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn winner(votes: &[(u32, Option<&'static str>)]) -> Option<String> {
        let mut poll = Poll::default();
        votes.iter().for_each(|(frame, word)| poll.cast(7, *frame, "color", *word));
        poll.winners().remove(&7)?.remove("color")
    }

    #[test]
    fn most_votes_win_and_ties_go_to_the_earliest_frame() {
        let (red, blue) = (Some("red"), Some("blue"));
        assert_eq!(winner(&[(0, red), (1, blue), (2, blue)]).as_deref(), blue);
        assert_eq!(winner(&[(9, red), (8, blue)]).as_deref(), blue);
        assert_eq!(winner(&[(3, red), (3, blue)]).as_deref(), blue);
        assert_eq!(winner(&[(0, red), (1, red), (4, blue), (5, blue)]).as_deref(), red);
        // Several colours at once, most of the time: no word is true alone.
        assert_eq!(winner(&[(0, red), (1, None), (2, None)]), None);
        assert_eq!(winner(&[]), None);
    }

    proptest! {
        #[test]
        fn the_winner_has_the_most_votes_in_any_order(
            votes in prop::collection::vec((0_u32..9, 0_usize..4), 1..30),
            turn in 0_usize..30,
        ) {
            let words = [None, Some("red"), Some("green"), Some("blue")];
            let mut votes: Vec<_> = votes.into_iter().map(|(frame, word)| (frame, words[word])).collect();
            let won = winner(&votes);
            let count = |word: Option<&str>| votes.iter().filter(|(_, other)| *other == word).count();
            prop_assert!(words.iter().all(|word| count(*word) <= count(won.as_deref())));
            let at = turn % votes.len();
            votes.rotate_left(at);
            prop_assert_eq!(winner(&votes), won);
        }
    }
}
