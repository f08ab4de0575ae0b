//! What the paper says of its method, each sentence held against the intervals by a rule that was fixed before.

use super::cell::{Attention, Variant};
use super::estimate::{Estimate, holm};
use super::study::{Kinds, Measure, Study};
use crate::world::{NearMissKind, Split};

/// Points of recall that a model may lose and still count as "competitive" (the paper's Table 1: less than 1).
const COMPETITIVE: f64 = 1.0;

/// What the numbers say of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval is on the claim's side.
    Holds,
    /// The whole interval is on the other side.
    DoesNotHold,
    /// The interval has both sides, or there is none.
    NotDecided,
}

impl Verdict {
    /// For people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::NotDecided => "not decided",
        }
    }

    /// Of a difference that is claimed to be above `bound`.
    fn above(estimate: &Estimate, bound: f64) -> Self {
        match estimate.half {
            None => Self::NotDecided,
            Some(_) if estimate.low() > bound => Self::Holds,
            Some(_) if estimate.high() < bound => Self::DoesNotHold,
            Some(_) => Self::NotDecided,
        }
    }
}

/// A claim with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The sentence.
    pub text: String,
    /// Where the paper says so; "ours" where it does not.
    pub source: &'static str,
    /// What the numbers say.
    pub verdict: Verdict,
    /// The numbers.
    pub evidence: String,
    /// Two-sided probability of the difference if there were none.
    p: Option<f64>,
}

/// Every claim that the cells say something of. With several claims that are about a difference from 0, those that hold
/// or fail also after Holm's correction are marked.
#[must_use]
pub fn claims(study: &Study<'_>) -> Vec<Claim> {
    use Variant::{Baseline, Both, Tsg, Vsg};
    let mean = Measure::Accuracy(Split::Test, Kinds::All);
    let agents = Measure::Accuracy(Split::Test, Kinds::One(NearMissKind::AgentIdentification));
    let compared = [
        ("The text branch alone raises the mean over the kinds.", "Figure 3", Tsg, Baseline, mean),
        ("The visual branch alone raises the mean over the kinds.", "Figure 3", Vsg, Baseline, mean),
        ("Both branches together raise the mean over the kinds.", "Table 2", Both, Baseline, mean),
        ("Both together are better than the text branch alone.", "Figure 3", Both, Tsg, mean),
        ("Both together are better than the visual branch alone.", "Figure 3", Both, Vsg, mean),
        ("On agent identification, the visual branch alone is better than both.", "Section 5.4", Vsg, Both, agents),
        (
            "Both branches raise the mean on triples that training never showed.",
            "ours",
            Both,
            Baseline,
            Measure::Accuracy(Split::Compositional, Kinds::All),
        ),
    ];
    let mut claims: Vec<Claim> = compared
        .into_iter()
        .filter_map(|(text, source, variant, other, measure)| {
            let difference = study.difference(variant, other, measure)?;
            Some(Claim {
                text: text.to_owned(),
                source,
                verdict: Verdict::above(&difference, 0.0),
                evidence: format!("{} points", difference.told_with_ends()),
                p: difference.p,
            })
        })
        .collect();
    claims.extend(every_kind(study));
    claims.extend(retrieval(study));
    claims.extend(attention(study));
    correct(&mut claims);
    claims
}

/// "Improves performance across various semantic concepts": every kind.
fn every_kind(study: &Study<'_>) -> Option<Claim> {
    let mut groups: [Vec<&str>; 3] = Default::default();
    for kind in study.kinds(Split::Test) {
        let measure = Measure::Accuracy(Split::Test, Kinds::One(kind));
        let difference = study.difference(Variant::Both, Variant::Baseline, measure)?;
        groups[Verdict::above(&difference, 0.0) as usize].push(kind.title());
    }
    let [raised, lowered, open] = &groups;
    let verdict = match (raised.is_empty(), lowered.is_empty(), open.is_empty()) {
        (true, true, true) => return None,
        (_, false, _) => Verdict::DoesNotHold,
        (false, true, true) => Verdict::Holds,
        (_, true, false) => Verdict::NotDecided,
    };
    let told = [("raised", raised), ("lowered", lowered), ("not decided", open)];
    let told = told.into_iter().filter(|(_, kinds)| !kinds.is_empty());
    let evidence: Vec<String> = told.map(|(what, kinds)| format!("{what}: {}", kinds.join(", "))).collect();
    let text = "Both branches together raise each kind.".to_owned();
    Some(Claim { text, source: "Table 2", verdict, evidence: evidence.join("; "), p: None })
}

/// "Competitive performance on downstream tasks": no direction of retrieval loses a point or more.
fn retrieval(study: &Study<'_>) -> Option<Claim> {
    let both = |measure| study.difference(Variant::Both, Variant::Baseline, measure);
    let directions = [
        ("text to video", both(Measure::TextToVideo(Split::Test))?),
        ("video to text", both(Measure::VideoToText(Split::Test))?),
    ];
    let verdicts = directions.map(|(_, difference)| Verdict::above(&difference, -COMPETITIVE));
    let verdict = if verdicts.contains(&Verdict::DoesNotHold) {
        Verdict::DoesNotHold
    } else if verdicts.iter().all(|verdict| *verdict == Verdict::Holds) {
        Verdict::Holds
    } else {
        Verdict::NotDecided
    };
    let evidence = directions.map(|(name, difference)| format!("{name} {} points", difference.told_with_ends()));
    let text = format!("Both branches cost less than {COMPETITIVE:.0} point of retrieval (R@1).");
    Some(Claim { text, source: "Table 1", verdict, evidence: evidence.join("; "), p: None })
}

/// The two observations of section 5.4 about the attention that scene-graph tokens get.
fn attention(study: &Study<'_>) -> Vec<Claim> {
    let over_seeds = |difference: fn(&Attention) -> Option<f64>| {
        let cells = study.of_variant(Variant::Both).filter_map(|cell| difference(cell.attention.as_ref()?));
        Estimate::of(&cells.collect::<Vec<_>>())
    };
    let early_over_late = |attention: &Attention| Some(early(&attention.all)? - late(&attention.all)?);
    let right_over_wrong = |attention: &Attention| Some(early(&attention.right)? - early(&attention.wrong)?);
    let claims = [
        ("Scene-graph tokens get more of the attention in the lower half of the layers.", over_seeds(early_over_late)),
        ("In the lower half, they get more where the answer is right.", over_seeds(right_over_wrong)),
    ];
    let claims = claims.into_iter().filter_map(|(text, estimate)| {
        let estimate = estimate?;
        Some(Claim {
            text: text.to_owned(),
            source: "Figure 4",
            verdict: Verdict::above(&estimate, 0.0),
            evidence: format!("{} points of the attention", estimate.told_with_ends()),
            p: estimate.p,
        })
    });
    claims.collect()
}

/// Mean share of the scene-graph tokens in the lower half of the layers, in percent; of an odd number, without the middle.
fn early(layers: &[[f64; 3]]) -> Option<f64> {
    share(&layers[..layers.len() / 2])
}

/// As [`early`], in the upper half.
fn late(layers: &[[f64; 3]]) -> Option<f64> {
    share(&layers[layers.len().div_ceil(2)..])
}

fn share(layers: &[[f64; 3]]) -> Option<f64> {
    let sum: f64 = layers.iter().map(|[_, scene_graph, _]| scene_graph).sum();
    (!layers.is_empty()).then(|| 100.0 * sum / layers.len() as f64)
}

/// Adds to the evidence whether a claim is decided also when all are looked at together.
fn correct(claims: &mut [Claim]) {
    let tested: Vec<usize> = (0..claims.len()).filter(|at| claims[*at].p.is_some()).collect();
    let corrected = holm(&tested.iter().filter_map(|at| claims[*at].p).collect::<Vec<_>>());
    for (at, p) in tested.into_iter().zip(corrected) {
        let claim = &mut claims[at];
        if claim.verdict != Verdict::NotDecided {
            let also = if p <= 0.05 { "also" } else { "not" };
            claim.evidence.push_str(&format!("; {also} after Holm's correction, p {}", told_p(p)));
        }
    }
}

fn told_p(p: f64) -> String {
    if p < 0.001 { "below 0.001".to_owned() } else { format!("= {p:.3}") }
}

/// How many claims hold, for readers in a hurry.
#[must_use]
pub fn summary(claims: &[Claim]) -> String {
    let count = |verdict| claims.iter().filter(|claim| claim.verdict == verdict).count();
    format!(
        "Of {} claims {} hold; do not hold: {}; not decided by these cells: {}.",
        claims.len(),
        count(Verdict::Holds),
        count(Verdict::DoesNotHold),
        count(Verdict::NotDecided)
    )
}

/// The main result in a line: the gain of both branches.
#[must_use]
pub fn headline(study: &Study<'_>) -> Option<String> {
    let measure = Measure::Accuracy(Split::Test, Kinds::All);
    let gain = study.difference(Variant::Both, Variant::Baseline, measure)?;
    let told = match Verdict::above(&gain, 0.0) {
        Verdict::Holds => "SGCR-Vid is better than the plain contrastive model",
        Verdict::DoesNotHold => "SGCR-Vid is worse than the plain contrastive model",
        Verdict::NotDecided => "These cells do not decide whether SGCR-Vid is better than the plain contrastive model",
    };
    let size = format!("{} points in the mean over the kinds", gain.told_with_ends());
    let from =
        study.mean(Variant::Baseline, measure).map_or(String::new(), |base| format!(", from {:.1} %", base.mean));
    Some(format!("{told}: {size}{from}."))
}
