//! Area under the ROC curve (VideoCon's authors' metric, formats.md 3).

/// How probable it is that a positive's score is higher than a negative's, a tie counting half: the area under the ROC
/// curve (Mann and Whitney). Scores are f32 or f64: two probabilities near 1 may differ in f64 alone. NaN where one side is
/// empty or a score is no number.
#[must_use]
pub fn roc_auc<S: Copy + Into<f64>>(positives: &[S], negatives: &[S]) -> f64 {
    let labelled = |scores: &[S], positive: bool| -> Vec<(f64, bool)> {
        scores.iter().map(|score| ((*score).into(), positive)).collect()
    };
    let mut scores = [labelled(positives, true), labelled(negatives, false)].concat();
    if scores.iter().any(|(score, _)| score.is_nan()) {
        return f64::NAN;
    }
    scores.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    // Twice the number of pairs won, in integers: ties count one.
    let (mut won, mut negatives_below, mut at) = (0_u128, 0_u128, 0);
    while at < scores.len() {
        // -0 and 0 are equal and lie side by side.
        #[allow(clippy::float_cmp)]
        let equal = scores[at..].iter().take_while(|(score, _)| *score == scores[at].0).count();
        let wins = scores[at..at + equal].iter().filter(|(_, positive)| *positive).count() as u128;
        let losses = equal as u128 - wins;
        won += wins * (2 * negatives_below + losses);
        negatives_below += losses;
        at += equal;
    }
    won as f64 / (2.0 * positives.len() as f64 * negatives.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn areas_are_the_reference_s() {
        let cases = crate::eval::reference_cases("roc");
        for case in &cases {
            let scores = |key: &str| serde_json::from_value::<Vec<f32>>(case[key].clone()).unwrap();
            let (got, expected) = (roc_auc(&scores("positives"), &scores("negatives")), case["auc"].as_f64().unwrap());
            assert!((got - expected).abs() < 1e-12, "{got} instead of {expected}");
        }
        assert!(cases.len() >= 5);
    }

    #[test]
    fn what_has_no_area() {
        assert!(
            roc_auc(&[], &[1.0]).is_nan() && roc_auc(&[1.0], &[]).is_nan() && roc_auc(&[f32::NAN], &[1.0]).is_nan()
        );
        assert!((roc_auc(&[0.0], &[-0.0]) - 0.5).abs() < 1e-15);
        // Equal in f32, not in f64.
        assert!((roc_auc(&[1.0 - 1e-12], &[1.0 - 2e-12]) - 1.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn it_is_the_share_of_pairs_won(
            positives in proptest::collection::vec(-3_i8..4, 1..30),
            negatives in proptest::collection::vec(-3_i8..4, 1..30),
        ) {
            let [p, n] = [&positives, &negatives].map(|all| all.iter().map(|x| f32::from(*x)).collect::<Vec<_>>());
            let mut won = 0.0;
            for a in &p {
                for b in &n {
                    won += if a > b { 1.0 } else if a < b { 0.0 } else { 0.5 };
                }
            }
            let expected = won / (p.len() * n.len()) as f64;
            prop_assert!((roc_auc(&p, &n) - expected).abs() < 1e-12);
        }
    }
}
