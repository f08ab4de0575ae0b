//! Whether the triplets that SG tokens stand for are there: recall at an overlap of half of subject and of object.
//!
//! The measure of relation detection in videos (VidVRD), frame by frame: found triplets in the order of their score each
//! take the best true one that is left and fits; the share of true ones taken is the recall.

use super::{Tally, TokenTriplet};
use crate::graph::Target;
use serde::Serialize;

/// Least overlap of both boxes.
pub const MIN_OVERLAP: f32 = 0.5;

/// Counts over frames: of how many true triplets how many were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Grounding {
    /// Subject, predicate and object right, both boxes overlapping.
    pub triplets: Tally,
    /// Pairs of subject and object by their boxes alone, whatever the labels.
    pub pairs: Tally,
    /// The most triplets that could have been found: a frame can hold more than are looked at.
    pub reachable: u64,
    /// Frames with something to find.
    pub frames: u64,
}

impl Grounding {
    /// Compares the `best` triplets of a frame by score (K of recall@K; the number of SG tokens takes all) with the true
    /// ones.
    pub fn add(&mut self, found: &[TokenTriplet<'_>], truth: &[Target<'_>], best: usize) {
        if truth.is_empty() {
            return;
        }
        let mut found: Vec<&TokenTriplet<'_>> = found.iter().collect();
        found.sort_by(|a, b| b.score().total_cmp(&a.score()));
        found.truncate(best);
        count(&mut self.triplets, &found, truth, |found, truth| {
            [found.subject.label, found.predicate.label, found.object.label]
                == [truth.subject_class, truth.predicate, truth.object_class]
        });
        let mut pairs: Vec<Target<'_>> = truth.to_vec();
        pairs.sort_by_key(|pair| (pair.subject, pair.object));
        pairs.dedup_by_key(|pair| (pair.subject, pair.object));
        count(&mut self.pairs, &found, &pairs, |_, _| true);
        self.reachable += truth.len().min(best) as u64;
        self.frames += 1;
    }

    /// The highest recall of triplets that was possible, 0..1; NaN without triplets.
    #[must_use]
    pub fn ceiling(&self) -> f64 {
        self.reachable as f64 / self.triplets.total as f64
    }
}

/// Greedy: every found triplet, the best first, takes the free true one that fits it best.
fn count(
    tally: &mut Tally,
    found: &[&TokenTriplet<'_>],
    truth: &[Target<'_>],
    fits: impl Fn(&TokenTriplet<'_>, &Target<'_>) -> bool,
) {
    let mut taken = vec![false; truth.len()];
    for found in found {
        let overlap = |target: &Target<'_>| {
            let subject = box_overlap(found.subject_box, target.subject_box);
            subject.min(box_overlap(found.object_box, target.object_box))
        };
        let free = truth.iter().enumerate().filter(|(at, target)| !taken[*at] && fits(found, target));
        let best =
            free.map(|(at, target)| (at, overlap(target))).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        if let Some((at, _)) = best.filter(|(_, overlap)| *overlap >= MIN_OVERLAP) {
            taken[at] = true;
        }
    }
    taken.into_iter().for_each(|taken| tally.add(taken));
}

/// Intersection over union of two boxes `[4]`, centre and size; 0 where neither has an area.
#[must_use]
pub fn box_overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let shared = |axis: usize| {
        let edges = |b: [f32; 4]| (b[axis] - b[axis + 2] / 2.0, b[axis] + b[axis + 2] / 2.0);
        let ((a0, a1), (b0, b1)) = (edges(a), edges(b));
        (a1.min(b1) - a0.max(b0)).max(0.0)
    };
    let both = shared(0) * shared(1);
    let all = a[2] * a[3] + b[2] * b[3] - both;
    if all > 0.0 { both / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Choice;
    use proptest::prelude::*;

    fn found(words: [&'static str; 3], boxes: [[f32; 4]; 2], probability: f32) -> TokenTriplet<'static> {
        let [subject, predicate, object] = words.map(|label| Choice { label, probability, none: 0.0 });
        TokenTriplet { subject, predicate, object, subject_box: boxes[0], object_box: boxes[1] }
    }

    fn target(ids: [u32; 2], words: [&'static str; 3], boxes: [[f32; 4]; 2]) -> Target<'static> {
        Target {
            subject: ids[0],
            subject_class: words[0],
            predicate: words[1],
            object: ids[1],
            object_class: words[2],
            subject_box: boxes[0],
            object_box: boxes[1],
        }
    }

    const LEFT: [f32; 4] = [0.25, 0.5, 0.5, 1.0];
    const RIGHT: [f32; 4] = [0.75, 0.5, 0.5, 1.0];
    /// Shares 3/5 with `LEFT`.
    const NEAR_LEFT: [f32; 4] = [0.375, 0.5, 0.5, 1.0];
    /// Shares 1/3 with `LEFT` and with `RIGHT`.
    const MIDDLE: [f32; 4] = [0.5, 0.5, 0.5, 1.0];
    const PUSH: [&str; 3] = ["fox", "push", "ball"];
    const KICK: [&str; 3] = ["fox", "kick", "ball"];

    fn grounding(found: &[TokenTriplet<'_>], truth: &[Target<'_>], best: usize) -> Grounding {
        let mut grounding = Grounding::default();
        grounding.add(found, truth, best);
        grounding
    }

    #[test]
    fn overlaps_by_hand() {
        assert_eq!(box_overlap(LEFT, LEFT), 1.0);
        assert_eq!(box_overlap(LEFT, RIGHT), 0.0);
        assert!((box_overlap(LEFT, MIDDLE) - 1.0 / 3.0).abs() < 1e-6);
        assert!((box_overlap(NEAR_LEFT, LEFT) - 0.6).abs() < 1e-6);
        assert_eq!(box_overlap([0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]), 0.0);
    }

    #[test]
    fn a_triplet_is_found_by_labels_and_both_boxes() {
        let truth = [target([0, 1], PUSH, [LEFT, RIGHT]), target([0, 1], KICK, [LEFT, RIGHT])];
        let tally = |correct, total| Tally { correct, total };
        // Right words, one box off: neither the triplet nor the pair.
        let miss = grounding(&[found(PUSH, [LEFT, MIDDLE], 0.9)], &truth, 12);
        assert_eq!((miss.triplets, miss.pairs), (tally(0, 2), tally(0, 1)));
        // A wrong word: the pair alone. The two true triplets are one pair.
        let pair = grounding(&[found(["fox", "chase", "ball"], [NEAR_LEFT, RIGHT], 0.9)], &truth, 12);
        assert_eq!((pair.triplets, pair.pairs), (tally(0, 2), tally(1, 1)));
        // The same twice finds one triplet once.
        let twice = [found(PUSH, [LEFT, RIGHT], 0.9), found(PUSH, [NEAR_LEFT, RIGHT], 0.8)];
        assert_eq!(grounding(&twice, &truth, 12).triplets, tally(1, 2));
        let both = [twice[0], found(KICK, [NEAR_LEFT, RIGHT], 0.1)];
        assert_eq!(grounding(&both, &truth, 12).triplets, tally(2, 2));
        // Recall at 1 looks at the best alone, and cannot reach more than one of two.
        let first = grounding(&both, &truth, 1);
        assert_eq!((first.triplets, first.reachable, first.ceiling()), (tally(1, 2), 1, 0.5));
        assert_eq!(grounding(&both, &[], 12), Grounding::default());
    }

    #[test]
    fn the_better_score_takes_the_better_place() {
        // Two balls that overlap: the sure triplet fits both and takes the one it fits better; the other fits one alone.
        let truth = [target([0, 1], PUSH, [LEFT, LEFT]), target([0, 2], PUSH, [LEFT, NEAR_LEFT])];
        let triplets = [found(PUSH, [LEFT, [0.2, 0.5, 0.4, 1.0]], 0.2), found(PUSH, [LEFT, NEAR_LEFT], 0.9)];
        assert_eq!(grounding(&triplets, &truth, 2).triplets, Tally { correct: 2, total: 2 });
        assert_eq!(grounding(&triplets, &truth, 1).triplets, Tally { correct: 1, total: 2 });
    }

    /// Most true ones that can be taken at once, by trying every way.
    fn most(found: &[TokenTriplet<'_>], free: &[Target<'_>]) -> usize {
        let Some((first, rest)) = found.split_first() else { return 0 };
        let fits = |target: &&Target<'_>| {
            box_overlap(first.subject_box, target.subject_box) >= MIN_OVERLAP
                && box_overlap(first.object_box, target.object_box) >= MIN_OVERLAP
        };
        let taking = free.iter().filter(fits).map(|taken| {
            let left: Vec<_> = free.iter().filter(|other| other.object != taken.object).copied().collect();
            1 + most(rest, &left)
        });
        taking.max().unwrap_or(0).max(most(rest, free))
    }

    proptest! {
        /// Overlap of boxes with whole-pixel edges is a count of pixels.
        #[test]
        fn overlap_is_a_count_of_pixels(edges in prop::array::uniform8(0u8..12)) {
            let [a, b] = [&edges[..4], &edges[4..]].map(|e| {
                [e[0].min(e[1]), e[0].max(e[1]), e[2].min(e[3]), e[2].max(e[3])]
            });
            let within = |b: [u8; 4], x: u8, y: u8| (b[0]..b[1]).contains(&x) && (b[2]..b[3]).contains(&y);
            let pixels = || (0..12u8).flat_map(|y| (0..12u8).map(move |x| (x, y)));
            let count = |test: &dyn Fn(u8, u8) -> bool| pixels().filter(|(x, y)| test(*x, *y)).count() as f32;
            let both = count(&|x, y| within(a, x, y) && within(b, x, y));
            let all = count(&|x, y| within(a, x, y) || within(b, x, y));
            let centred = |b: [u8; 4]| {
                let [x0, x1, y0, y1] = b.map(|edge| f32::from(edge) / 16.0);
                [f32::midpoint(x0, x1), f32::midpoint(y0, y1), x1 - x0, y1 - y0]
            };
            let expected = if all > 0.0 { both / all } else { 0.0 };
            prop_assert!((box_overlap(centred(a), centred(b)) - expected).abs() < 1e-6);
        }

        /// Greedy takes at least half of the most that can be taken, and leaves nothing that still fits.
        #[test]
        fn greedy_is_within_its_bounds(
            places in prop::collection::vec((0u8..8, 0u8..8, 0.1f32..1.0), 0..6),
            truth in prop::collection::vec((0u8..8, 0u8..8), 1..6),
        ) {
            let place = |at: u8| [0.3 + f32::from(at) / 20.0, 0.5, 0.4, 0.4];
            let found: Vec<_> = places.iter().map(|(s, o, p)| found(PUSH, [place(*s), place(*o)], *p)).collect();
            let truth: Vec<_> =
                (0..).zip(&truth).map(|(id, (s, o))| target([100, id], PUSH, [place(*s), place(*o)])).collect();
            let got = grounding(&found, &truth, found.len()).triplets;
            let most = most(&found, &truth) as u64;
            prop_assert!(got.correct <= most && 2 * got.correct >= most, "{got:?} of {most}");
            prop_assert_eq!(grounding(&found, &truth, found.len()).pairs, got);
        }
    }
}
