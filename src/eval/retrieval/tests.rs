//! Against the fixture's numbers, and against sorting.

use super::*;
use crate::platform::block_on;
use burn::tensor::{Device, TensorData};
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retrieval");

/// Ranks of a matrix that lies in memory, in blocks of `rows`.
fn ranks(pairing: &Pairing, dual: bool, rows: usize, matrix: &[f32]) -> RetrievalMetrics {
    let width = pairing.texts();
    let found = in_blocks(pairing, dual, rows, async |range: Range<usize>| {
        Ok(matrix[range.start * width..range.end * width].to_vec())
    });
    block_on(found).unwrap()
}

fn fixture(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(format!("{FIXTURE}/tensors.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = file.tensor(name).unwrap();
    let word = |b: &[u8]| [b[0], b[1], b[2], b[3]];
    match numbers.dtype() {
        safetensors::Dtype::I32 => numbers.data().chunks_exact(4).map(|b| i32::from_le_bytes(word(b)) as f32).collect(),
        _ => numbers.data().chunks_exact(4).map(|b| f32::from_le_bytes(word(b))).collect(),
    }
}

fn metrics() -> Value {
    serde_json::from_str(&std::fs::read_to_string(format!("{FIXTURE}/metrics.json")).unwrap()).unwrap()
}

/// `txt_*` of the fixture is video to text, `img_*` text to video, in percent to two decimals.
fn assert_recall(ranks: &RetrievalRanks, expected: &Value) {
    for (direction, name) in [(&ranks.video_to_text, "txt"), (&ranks.text_to_video, "img")] {
        assert_eq!(direction.tied, 0);
        assert_eq!(direction.pessimistic, direction.optimistic);
        let found = &direction.pessimistic;
        for (at, tally) in [("r1", found.at_1), ("r5", found.at_5), ("r10", found.at_10)] {
            let percent = (1e4 * tally.accuracy()).round() / 100.0;
            assert_eq!(percent, expected[format!("{name}_{at}")].as_f64().unwrap(), "{name} {at}");
        }
    }
}

#[test]
fn recall_and_ranks_are_the_originals() {
    let expected = metrics();
    let pairing = Pairing::one_to_one(30).unwrap();
    for rows in [1, 7, 64] {
        let found = ranks(&pairing, true, rows, &fixture("sim_one"));
        assert_recall(&found.raw, &expected["one_to_one"]);
        assert_recall(found.dual_softmax.as_ref().unwrap(), &expected["one_to_one_dsl"]);
        let stats = &expected["t2v_rank_stats"];
        let to_video = &found.raw.text_to_video;
        let from_zero: Vec<usize> = to_video.ranks.iter().map(|rank| rank.pessimistic - 1).collect();
        assert_eq!(serde_json::json!(from_zero), stats["ranks0"]);
        assert_eq!(to_video.pessimistic.median, stats["median_rank"].as_f64().unwrap());
        assert!((to_video.pessimistic.mean - stats["mean_rank"].as_f64().unwrap()).abs() < 1e-12);

        let video_of: Vec<usize> = fixture("text_to_video").iter().map(|video| *video as usize).collect();
        let several = Pairing::captions(30, &video_of).unwrap();
        assert_recall(&ranks(&several, false, rows, &fixture("sim_multi")).raw, &expected["multi_text"]);
    }
}

#[test]
fn dual_softmax_scores_are_the_originals() {
    let pairing = Pairing::one_to_one(30).unwrap();
    let similarity = fixture("sim_one");
    let mut sums = DualSums::new(&pairing);
    for first in [0, 13] {
        let rows = if first == 0 { 13 } else { 17 };
        sums.add(&Block { first, texts: 30, values: similarity[first * 30..(first + rows) * 30].to_vec() });
    }
    let rule = sums.rule();
    let (to_text, to_video) = (fixture("sim_one_dsl_v2t"), fixture("sim_one_dsl_t2v"));
    for video in 0..30 {
        for text in 0..30 {
            let s = f64::from(similarity[video * 30 + text]);
            // The second is stored transposed, a row a text.
            for (got, expected) in [
                (rescore::Rule::of_text(&rule, video, text, s), to_text[video * 30 + text]),
                (rescore::Rule::of_video(&rule, video, text, s), to_video[text * 30 + video]),
            ] {
                assert!((got - f64::from(expected)).abs() < 1e-6, "{video} {text}: {got} instead of {expected}");
            }
        }
    }
}

/// The rank of the first right candidate after a sort by falling score; equals of the other sort after or before it.
fn by_sorting(scores: &[f64], right: &[usize]) -> Rank {
    let first = |wrong_first: bool| {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| {
            let key = |item: &usize| right.contains(item) == wrong_first;
            scores[*b].total_cmp(&scores[*a]).then(key(a).cmp(&key(b)))
        });
        1 + order.iter().position(|item| right.contains(item)).unwrap()
    };
    Rank { optimistic: first(false), pessimistic: first(true) }
}

fn assert_sorted(found: &RetrievalRanks, pairing: &Pairing, to_text: &[f64], to_video: &[f64]) {
    let width = pairing.texts();
    for video in 0..pairing.videos() {
        let expected = by_sorting(&to_text[video * width..(video + 1) * width], pairing.texts_of(video));
        assert_eq!(found.video_to_text.ranks[video], expected, "video {video}");
    }
    for text in 0..width {
        let column: Vec<f64> = (0..pairing.videos()).map(|video| to_video[video * width + text]).collect();
        assert_eq!(found.text_to_video.ranks[text], by_sorting(&column, pairing.videos_of(text)), "text {text}");
    }
    let tied = found.video_to_text.ranks.iter().filter(|rank| rank.optimistic < rank.pessimistic).count();
    assert_eq!(found.video_to_text.tied, tied as u64);
}

/// `s * softmax(s)` by its definition, both directions, `[videos, texts]`.
fn dual_by_definition(matrix: &[f32], width: usize) -> (Vec<f64>, Vec<f64>) {
    let s: Vec<f64> = matrix.iter().map(|s| f64::from(*s)).collect();
    let row = |at: usize| (at / width * width..(at / width + 1) * width).map(|i| s[i].exp()).sum::<f64>();
    let column = |at: usize| (at % width..s.len()).step_by(width).map(|i| s[i].exp()).sum::<f64>();
    let over = |sum: &dyn Fn(usize) -> f64| (0..s.len()).map(|at| s[at] * s[at].exp() / sum(at)).collect();
    (over(&column), over(&row))
}

proptest! {
    /// Similarities of nine values: ties everywhere; groups of any sizes.
    #[test]
    fn ranks_are_those_of_sorting(
        groups in prop::collection::vec((1usize..4, 1usize..4), 1..14),
        seed in prop::collection::vec(-4i8..5, 40 * 40),
        rows in 1usize..50,
    ) {
        let keys = |of: &dyn Fn(&(usize, usize)) -> usize| -> Vec<usize> {
            groups.iter().enumerate().flat_map(|(key, counts)| vec![key; of(counts)]).collect()
        };
        let (videos, mut texts) = (keys(&|counts| counts.0), keys(&|counts| counts.1));
        // Not in the videos' order.
        texts.reverse();
        let pairing = Pairing::groups(&videos, &texts).unwrap();
        let matrix: Vec<f32> = seed.iter().take(videos.len() * texts.len()).map(|s| f32::from(*s) / 4.0).collect();
        let scores: Vec<f64> = matrix.iter().map(|s| f64::from(*s)).collect();
        assert_sorted(&ranks(&pairing, false, rows, &matrix).raw, &pairing, &scores, &scores);
    }

    /// Similarities that are all different: the definition's rounding cannot make or break a tie.
    #[test]
    fn dual_softmax_ranks_are_those_of_sorting(
        values in Just((-1000i16..1000).collect::<Vec<_>>()).prop_shuffle(),
        rows in 1usize..50,
    ) {
        let matrix: Vec<f32> = values.into_iter().take(35 * 40).map(|s| f32::from(s) / 100.0).collect();
        let video_of: Vec<usize> = (0..40).map(|text| text * 6 % 35).collect();
        let pairing = Pairing::captions(35, &video_of).unwrap();
        let (to_text, to_video) = dual_by_definition(&matrix, 40);
        let found = ranks(&pairing, true, rows, &matrix);
        assert_sorted(found.dual_softmax.as_ref().unwrap(), &pairing, &to_text, &to_video);
    }
}

#[test]
fn what_was_not_looked_at_again_stands_last() {
    let pairing = Pairing::captions(2, &[0, 1, 1]).unwrap();
    let mut scores = Rescored::new(2, 3);
    // Video 0 has its own text behind another; video 1 has none of its own among its candidates.
    scores.add_text(0, 0, -3.0);
    scores.add_text(0, 2, 1.0);
    scores.add_text(1, 0, 0.5);
    scores.add_video(0, 0, 2.0);
    scores.add_video(1, 1, -7.0);
    let found = block_on(rescored_retrieval(&pairing, scores.clone())).unwrap();
    let rank = |optimistic, pessimistic| Rank { optimistic, pessimistic };
    assert_eq!(found.video_to_text.ranks, [rank(2, 2), rank(2, 2)]);
    assert_eq!(found.text_to_video.ranks, [rank(1, 1), rank(1, 1), rank(1, 2)]);
    let error = block_on(rescored_retrieval(&Pairing::one_to_one(2).unwrap(), scores.clone())).unwrap_err();
    assert_eq!(error.code(), "shape-mismatch");
    scores.add_video(0, 1, f32::NAN);
    assert_eq!(block_on(rescored_retrieval(&pairing, scores)).unwrap_err().code(), "non-finite");
}

#[test]
fn ties_are_counted_by_hand() {
    // Video 0 is as near to text 1 as to its own; video 1 has two equal captions of its own, which are no tie.
    let pairing = Pairing::captions(2, &[0, 1, 1]).unwrap();
    let found = ranks(&pairing, false, 1, &[0.5, 0.5, 0.25, 0.125, 0.75, 0.75]).raw;
    assert_eq!(
        found.video_to_text.ranks,
        [Rank { optimistic: 1, pessimistic: 2 }, Rank { optimistic: 1, pessimistic: 1 }]
    );
    assert_eq!((found.video_to_text.tied, found.text_to_video.tied), (1, 0));
    assert_eq!(found.video_to_text.pessimistic.at_1, crate::eval::Tally { correct: 1, total: 2 });
    assert_eq!(found.video_to_text.optimistic.at_1.correct, 2);
    assert_eq!((found.video_to_text.pessimistic.median, found.video_to_text.pessimistic.mean), (1.5, 1.5));
    assert!(found.to_string().contains("| video to text | 50.0 |"), "{found}");
    // A model that says the same of everything: last of all by the honest rank.
    let same = ranks(&Pairing::one_to_one(20).unwrap(), true, 3, &[0.25; 400]);
    for ranks in [&same.raw, same.dual_softmax.as_ref().unwrap()] {
        for direction in [&ranks.text_to_video, &ranks.video_to_text] {
            assert_eq!(direction.tied, 20);
            assert!(direction.ranks.iter().all(|rank| *rank == Rank { optimistic: 1, pessimistic: 20 }));
        }
    }
}

#[test]
fn embeddings_are_ranked_by_cosine_whatever_their_length() {
    let tensor =
        |rows: &[[f32; 2]]| Tensor::<2>::from_data(TensorData::new(rows.concat(), [rows.len(), 2]), &Device::flex());
    // By dot product the long text 1 would win everywhere.
    let (videos, texts) = (tensor(&[[1.0, 0.0], [0.0, 2.0]]), tensor(&[[3.0, 0.5], [40.0, 50.0]]));
    let pairing = Pairing::one_to_one(2).unwrap();
    let found = block_on(embedding_retrieval(&pairing, false, videos.clone(), texts.clone())).unwrap();
    assert_eq!(found.raw.text_to_video.optimistic.at_1.correct, 2);
    assert_eq!(found.raw.video_to_text.pessimistic.at_1.correct, 2);
    let error = block_on(embedding_retrieval(&Pairing::one_to_one(3).unwrap(), false, videos, texts)).unwrap_err();
    assert_eq!(error.code(), "shape-mismatch");
}

#[test]
fn what_is_no_matrix_of_numbers_is_refused() {
    let pairing = Pairing::one_to_one(2).unwrap();
    let refused = |values: Vec<f32>| {
        block_on(retrieval(&pairing, false, async |_: Range<usize>| Ok(values.clone()))).unwrap_err()
    };
    assert_eq!(refused(vec![0.0; 3]).code(), "shape-mismatch");
    let error = refused(vec![0.0, 1.0, f32::NAN, 0.0]);
    assert_eq!(error.code(), "non-finite");
    assert!(error.to_string().contains("element 2"), "{error}");
}
