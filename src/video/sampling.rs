//! Which frames of a clip the model sees (models.md 1.7; VELOCITI's rule: formats.md 2.2). Indices are 0-based.

use super::VideoInfo;
use crate::config::SamplingRule;
use crate::error::{Error, Result};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// The indices of the frames to use, ascending.
///
/// `Middle`, `Rand`, `Demo` and `Linspace` give exactly `frames` indices; a clip that is shorter gives all its frames, then its
/// last one again and again (`Linspace`: its frames several times each). `seed` matters to `Rand` alone and draws the same frames natively and in the page.
///
/// `Velociti` gives the first `frames` of the rule's times 0.25 s, 0.75 s, 1.25 s …; times past the clip's end are left
/// out, so a clip shorter than `frames / 2` seconds gives fewer indices, but one at least.
///
/// # Errors
/// [`Error::NoFrames`] for an empty clip, [`Error::InvalidInput`] for `frames` = 0 and where `Velociti` finds no usable
/// [`VideoInfo::fps`].
pub fn frame_indices(rule: SamplingRule, info: &VideoInfo, frames: usize, seed: u64) -> Result<Vec<usize>> {
    let length = info.frame_count;
    if length == 0 {
        return Err(Error::NoFrames { clip: "clip".to_owned(), reason: "its length is 0 frames".to_owned() });
    }
    if frames == 0 {
        let reason = "0; at least one frame has to be sampled".to_owned();
        return Err(Error::InvalidInput { what: "frames".to_owned(), reason });
    }
    let mut indices = match rule {
        SamplingRule::Middle => {
            segments(length, frames.min(length)).map(|(begin, last)| usize::midpoint(begin, last)).collect()
        }
        SamplingRule::Rand => random(length, frames.min(length), seed),
        SamplingRule::Demo => (0..length).step_by((length / frames).max(1)).take(frames).collect(),
        SamplingRule::Linspace => linspace(length - 1, frames).collect(),
        SamplingRule::Velociti => return velociti(info, frames),
    };
    let last = indices.last().copied().unwrap_or(0);
    indices.resize(frames, last);
    Ok(indices)
}

/// First and last frame of each of `count` equal segments; `count <= length`.
///
/// The cuts are numpy's `linspace(0, length, count + 1)` cut to integers, product by product in f64: a step that is
/// rounded down can put a cut one frame before `floor(j * length / count)`, there as here.
fn segments(length: usize, count: usize) -> impl Iterator<Item = (usize, usize)> {
    let step = length as f64 / count as f64;
    let cut = move |j: usize| if j == count { length } else { (j as f64 * step) as usize };
    (0..count).map(move |j| (cut(j), cut(j + 1) - 1))
}

/// numpy's `linspace(0, last, count)` cut to integers.
fn linspace(last: usize, count: usize) -> impl Iterator<Item = usize> {
    let step = last as f64 / count.saturating_sub(1).max(1) as f64;
    (0..count).map(move |i| if i > 0 && i + 1 == count { last } else { (i as f64 * step) as usize })
}

/// One frame of each segment, never its last one; where that leaves a segment empty, as many different frames of the
/// whole clip, in order.
fn random(length: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    // Drawn as u64: a draw of usize would take other bits where pointers have 32 (wasm) than natively.
    let mut draw = |begin: usize, end: usize| rng.random_range(begin as u64..end as u64) as usize;
    if segments(length, count).all(|(begin, last)| begin < last) {
        return segments(length, count).map(|(begin, last)| draw(begin, last)).collect();
    }
    let mut pool: Vec<usize> = (0..length).collect();
    for i in 0..count {
        let other = draw(i, length);
        pool.swap(i, other);
    }
    pool.truncate(count);
    pool.sort_unstable();
    pool
}

/// VELOCITI's frame numbers `round((s + d) * fps)`, counted from 1, for s = 0, 1, … and d = 0.25, 0.75, with the
/// rate rounded first; both round ties to even. Numbers that no frame has are skipped and none is taken twice, as a
/// program does that saves each frame under its number.
fn velociti(info: &VideoInfo, frames: usize) -> Result<Vec<usize>> {
    let fps = match info.fps {
        Some(fps) if fps.is_finite() && fps > 0.0 => fps.round_ties_even(),
        fps => {
            let reason = format!(
                "the sampling rule \"velociti\" needs the clip's frame rate, found {}; give it or use \"middle\"",
                fps.map_or_else(|| "none".to_owned(), |fps| fps.to_string())
            );
            return Err(Error::InvalidInput { what: "fps".to_owned(), reason });
        }
    };
    let numbers = (0..frames).map(|i| ((0.25 + 0.5 * i as f64) * fps).round_ties_even());
    let mut indices: Vec<usize> = numbers
        .filter(|&number| number >= 1.0 && number <= info.frame_count as f64)
        .map(|number| number as usize - 1)
        .collect();
    indices.dedup();
    if indices.is_empty() {
        indices.push(((0.25 * fps) as usize).clamp(1, info.frame_count) - 1);
    }
    Ok(indices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn info(frame_count: usize, fps: Option<f64>) -> VideoInfo {
        VideoInfo { frame_count, fps, width: 4, height: 4 }
    }

    fn cases(kind: &str) -> Vec<Value> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/frame_sampling/cases.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = all[kind].as_array().unwrap().clone();
        assert!(cases.len() > 40, "{kind}");
        cases
    }

    fn number(case: &Value, key: &str) -> usize {
        usize::try_from(case[key].as_u64().unwrap()).unwrap()
    }

    #[test]
    fn linspace_is_numpy_s() {
        // numpy 2.4: linspace(0, length - 1, frames).astype(int)
        for (length, frames, expected) in [
            (234, 12, vec![0, 21, 42, 63, 84, 105, 127, 148, 169, 190, 211, 233]),
            (13, 12, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]),
            (5, 12, vec![0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4]),
            (1189, 7, vec![0, 198, 396, 594, 792, 990, 1188]),
            (1, 3, vec![0, 0, 0]),
            (100, 1, vec![0]),
        ] {
            let got = frame_indices(SamplingRule::Linspace, &info(length, None), frames, 0).unwrap();
            assert_eq!(got, expected, "{frames} of {length}");
        }
    }

    #[test]
    fn middle_and_demo_equal_the_original() {
        for (kind, rule) in [("middle", SamplingRule::Middle), ("demo", SamplingRule::Demo)] {
            for case in cases(kind) {
                let (frames, length) = (number(&case, "num_frames"), number(&case, "vlen"));
                let got = frame_indices(rule, &info(length, None), frames, 0).unwrap();
                let expected: Vec<usize> = serde_json::from_value(case["indices"].clone()).unwrap();
                assert_eq!(got, expected, "{kind}: {frames} of {length}");
            }
        }
    }

    #[test]
    fn rand_fills_the_original_intervals_and_nothing_else() {
        for case in cases("rand_intervals") {
            let (frames, length) = (number(&case, "num_frames"), number(&case, "vlen"));
            let ranges: Vec<(usize, usize)> = serde_json::from_value(case["ranges_half_open"].clone()).unwrap();
            let mut seen = vec![std::collections::BTreeSet::new(); frames];
            for seed in 0..400 {
                let got = frame_indices(SamplingRule::Rand, &info(length, None), frames, seed).unwrap();
                assert_eq!(got.len(), frames);
                for (i, (&index, &(begin, end))) in got.iter().zip(&ranges).enumerate() {
                    assert!((begin..end).contains(&index), "{frames} of {length}: {got:?} against {ranges:?}");
                    seen[i].insert(index);
                }
            }
            // Short intervals: every member is drawn at some time (one of 12 is missed by 400 draws once in 1e15).
            for (seen, (begin, end)) in seen.iter().zip(&ranges).filter(|(_, (begin, end))| end - begin <= 12) {
                assert_eq!(seen.len(), end - begin, "{frames} of {length}");
            }
        }
    }

    #[test]
    fn rand_without_room_draws_different_frames_of_the_whole_clip() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let got = frame_indices(SamplingRule::Rand, &info(11, None), 8, seed).unwrap();
            assert!(got.windows(2).all(|pair| pair[0] < pair[1]) && got[7] < 11, "{got:?}");
            seen.extend(got);
        }
        assert_eq!(seen.len(), 11);
        let short = frame_indices(SamplingRule::Rand, &info(3, None), 5, 9).unwrap();
        assert_eq!(short, [0, 1, 2, 2, 2]);
    }

    #[test]
    fn rand_is_a_function_of_the_seed() {
        let draw = |seed| frame_indices(SamplingRule::Rand, &info(301, None), 8, seed).unwrap();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn velociti_takes_two_frames_a_second() {
        // round((s + d) * 24) from 1: 6, 18, 30 …; at 25 a second 6.25 -> 6, 18.75 -> 19, 31.25 -> 31;
        // at 30 a second the ties 7.5, 22.5, 37.5, 52.5 go to the even 8, 22, 38, 52.
        let take = |count, fps, n| frame_indices(SamplingRule::Velociti, &info(count, Some(fps)), n, 0).unwrap();
        assert_eq!(take(240, 24.0, 20), (0..20).map(|i| 5 + 12 * i).collect::<Vec<_>>());
        assert_eq!(take(240, 23.976, 20), take(240, 24.0, 20));
        assert_eq!(take(300, 29.97, 4), [7, 21, 37, 51]);
        assert_eq!(take(300, 25.0, 3), [5, 18, 30]);
        assert_eq!(take(50, 24.0, 20), [5, 17, 29, 41]);
        assert_eq!(take(3, 24.0, 20), [2]);
        assert_eq!(take(1, 0.2, 20), [0]);
    }

    #[test]
    fn what_cannot_be_sampled_is_an_error() {
        for rule in [
            SamplingRule::Middle,
            SamplingRule::Rand,
            SamplingRule::Demo,
            SamplingRule::Linspace,
            SamplingRule::Velociti,
        ] {
            assert_eq!(frame_indices(rule, &info(0, Some(24.0)), 8, 0).unwrap_err().code(), "no-frames");
            assert_eq!(frame_indices(rule, &info(9, Some(24.0)), 0, 0).unwrap_err().code(), "invalid-input");
        }
        for fps in [None, Some(f64::NAN), Some(0.0), Some(-1.0), Some(f64::INFINITY)] {
            let error = frame_indices(SamplingRule::Velociti, &info(9, fps), 8, 0).unwrap_err();
            assert_eq!(error.code(), "invalid-input");
        }
    }
}
