//! The frames a training step sees: half of them from F, half from B, both where O is too (section 4.1).

use super::{GraphTriple, Interval};

/// Sampled frames and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSample {
    /// Frames that F and O share.
    pub front: Interval,
    /// Frames that B and O share.
    pub back: Interval,
    /// `[T']`: T'/2 of `front`, then the rest of `back`, ascending; a short interval repeats frames.
    pub frames: Vec<u32>,
}

/// The `frames` frames of a triple; `None` where O lacks a common frame with F or B.
#[must_use]
pub fn sample_frames(intervals: &[Interval], triple: GraphTriple, frames: usize) -> Option<FrameSample> {
    let [f, b, o] = [triple.front, triple.back, triple.over].map(|at| intervals.get(at).copied());
    let (front, back) = (o?.overlap(f?)?, o?.overlap(b?)?);
    let mut sampled = segment_middles(front, frames / 2);
    sampled.extend(segment_middles(back, frames - frames / 2));
    Some(FrameSample { front, back, frames: sampled })
}

/// The middle frame of each of `count` equal segments of an interval; a segment too short to have a frame gives the one
/// at its begin.
#[must_use]
pub fn segment_middles(interval: Interval, count: usize) -> Vec<u32> {
    let (length, count) = (u64::from(interval.len()), count as u64);
    if length == 0 {
        return Vec::new();
    }
    let middle = |j: u64| {
        let (begin, end) = (length * j / count, length * (j + 1) / count);
        // end is the first frame of the next segment.
        let last = end.saturating_sub(1).max(begin);
        interval.begin + u32::try_from(u64::midpoint(begin, last)).unwrap_or(u32::MAX)
    };
    (0..count).map(|j| middle(j).min(interval.end - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Spans, triples};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn triples_ranges_and_frames_equal_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/vidsg_sampling/cases.json");
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(cases.len() >= 10, "{}", cases.len());
        let mut checked = 0;
        for case in &cases {
            let graphs: Vec<(u32, u32)> = serde_json::from_value(case["graphs"].clone()).unwrap();
            let intervals: Vec<Interval> = graphs.iter().map(|&(k, e)| Interval::new(k, e + 1)).collect();
            let frames = usize::try_from(case["T"].as_u64().unwrap()).unwrap();
            // The fixture's ends are inclusive.
            let range = |interval: Interval| json!([interval.begin, interval.end - 1]);
            let told = |triple: &GraphTriple| {
                let sample = sample_frames(&intervals, *triple, frames).unwrap();
                json!({
                    "F": triple.front, "B": triple.back, "O": triple.over,
                    "F_range": range(sample.front), "B_range": range(sample.back), "frames": sample.frames,
                })
            };
            let got: Vec<Value> = triples(&intervals, Spans::Overlaps).iter().map(told).collect();
            assert_eq!(Value::from(got), case["triples"]);
            let pick = |triple: &GraphTriple| json!([triple.front, triple.back, triple.over]);
            let contained: Vec<Value> = triples(&intervals, Spans::Contains).iter().map(pick).collect();
            let expected = case["triples_containment"].as_array().unwrap();
            assert_eq!(&contained, expected);
            checked += expected.len();
        }
        assert!(checked > 0, "no case of containment");
    }

    proptest! {
        #[test]
        fn middles_lie_in_their_interval_and_spread(begin in 0_u32..1000, length in 1_u32..500, count in 1_usize..20) {
            let interval = Interval::new(begin, begin + length);
            let middles = segment_middles(interval, count);
            prop_assert_eq!(middles.len(), count);
            prop_assert!(middles.is_sorted() && middles.iter().all(|&frame| interval.has(frame)));
            if length as usize >= count {
                prop_assert!(middles.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }

        #[test]
        fn samples_are_of_all_three_graphs(
            graphs in prop::collection::vec((0_u32..60, 1_u32..40), 3..9),
            frames in 1_usize..17,
        ) {
            let intervals: Vec<Interval> = graphs.into_iter().map(|(b, n)| Interval::new(b, b + n)).collect();
            for triple in triples(&intervals, Spans::Overlaps) {
                let sample = sample_frames(&intervals, triple, frames).unwrap();
                prop_assert_eq!(sample.frames.len(), frames);
                prop_assert!(sample.frames.is_sorted());
                let [f, b, o] = [triple.front, triple.back, triple.over].map(|at| intervals[at]);
                prop_assert!(sample.frames[..frames / 2].iter().all(|&t| f.has(t) && o.has(t)));
                prop_assert!(sample.frames[frames / 2..].iter().all(|&t| b.has(t) && o.has(t)));
            }
        }
    }
}
