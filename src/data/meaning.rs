//! Which predicate in words makes which other one true: what must never stand as its negative.
//!
//! Constraint: a "negative" that is true teaches the wrong thing, and the words of a table are free text ("flee from" is no
//! label). Solution: words are brought to one spelling, split into a verb and a place ("walk left"), and compared; the few
//! implications between other verbs are a list. Cost: what neither rule nor list knows is left to the data itself
//! ([`CoOccurrence`](super::co_occurrence::CoOccurrence)) and to reading.

/// Spellings of one meaning; the second stands for all.
const SAME: &[(&str, &str)] = &[
    ("in front of", "front"),
    ("ahead of", "front"),
    ("in back of", "behind"),
    ("at the back of", "behind"),
    ("below", "beneath"),
    ("under", "beneath"),
    ("on top of", "above"),
    ("over", "above"),
    ("towards", "toward"),
    ("away from", "away"),
    ("to the left of", "left"),
    ("left of", "left"),
    ("to the right of", "right"),
    ("right of", "right"),
    ("beside", "next to"),
    ("distant from", "far from"),
    ("out of", "outside"),
    ("let go of", "release"),
    ("grip", "hold"),
    ("keep hold of", "hold"),
    ("shut", "close"),
    ("drag", "pull"),
    ("stroke", "caress"),
    ("shove", "push away"),
    ("climb onto", "get on"),
    ("climb down from", "get off"),
    ("flee from", "run away"),
    ("evade", "run away"),
    ("hold still", "stay still"),
    ("lower", "put down"),
    ("exit", "leave"),
    ("come out of", "leave"),
    ("dirty", "soil"),
    ("make dirty", "soil"),
    ("approach", "move toward"),
];

/// Verbs that go before a place, with the more general one that each is a case of.
const VERBS: &[(&str, Option<&str>)] = &[
    ("back", Some("move")),
    ("creep", Some("move")),
    ("fly", Some("move")),
    ("go", Some("move")),
    ("jump", Some("move")),
    ("run", Some("move")),
    ("swim", Some("move")),
    ("walk", Some("move")),
    ("lie", Some("stop")),
    ("sit", Some("stop")),
    ("stand", Some("stop")),
    ("move", None),
    ("stop", None),
];

/// Places that may follow such a verb.
const PLACES: &[&str] = &[
    "above", "away", "behind", "beneath", "far from", "front", "inside", "left", "next to", "outside", "past", "right",
    "toward", "with",
];

/// What the first also is, beside places.
const IMPLIES: &[(&str, &[&str])] = &[
    ("carry", &["hold", "lift"]),
    ("caress", &["touch", "pat"]),
    ("chase", &["follow"]),
    ("drop", &["release"]),
    ("grab", &["hold", "touch"]),
    ("hold", &["touch", "grab"]),
    ("hold hand of", &["touch", "hold"]),
    ("hug", &["touch", "hold"]),
    ("kiss", &["touch"]),
    ("lead", &["walk front"]),
    ("lick", &["touch"]),
    ("lift", &["hold", "touch", "pick up"]),
    ("pat", &["touch", "caress", "hit"]),
    ("pick up", &["lift", "grab", "hold"]),
    ("press", &["touch", "push"]),
    ("push", &["touch"]),
    ("pull", &["hold", "touch"]),
    ("shake hand with", &["touch", "hold hand of"]),
    ("shout at", &["speak to"]),
    ("squeeze", &["touch", "press", "hold"]),
    ("throw", &["release"]),
    ("wave hand to", &["wave"]),
];

/// What holds of B and A where the other holds of A and B.
const CONVERSE: &[(&str, &str)] = &[
    ("above", "beneath"),
    ("chase", "run away"),
    ("far from", "far from"),
    ("faster", "slower"),
    ("follow", "lead"),
    ("front", "behind"),
    ("larger", "smaller"),
    ("left", "right"),
    ("next to", "next to"),
    ("taller", "shorter"),
    ("touch", "touch"),
];

fn spelt(words: &str) -> &str {
    SAME.iter().find(|(spelling, _)| *spelling == words).map_or(words, |(_, same)| same)
}

/// Verb and place, both in their one spelling; a verb alone or a place alone leaves the other out.
fn parts(words: &str) -> (Option<&str>, &str) {
    let words = spelt(words);
    if let Some((verb, rest)) = words.split_once(' ') {
        let place = spelt(rest);
        if VERBS.iter().any(|(known, _)| *known == verb) && PLACES.contains(&place) {
            return (Some(if verb == "go" { "move" } else { verb }), place);
        }
    }
    (None, words)
}

/// Whether what is `fact` of a pair is also `claim` of it; both are predicates in words.
#[must_use]
pub fn entails(fact: &str, claim: &str) -> bool {
    let ((fact_verb, fact_place), (claim_verb, claim_place)) = (parts(fact), parts(claim));
    if fact_verb.is_none() && claim_verb.is_none() {
        let implied = IMPLIES.iter().find(|(verb, _)| *verb == fact_place);
        return fact_place == claim_place || implied.is_some_and(|(_, list)| list.contains(&claim_place));
    }
    let general = |verb: &str| VERBS.iter().find(|(known, _)| *known == verb).and_then(|(_, general)| *general);
    fact_place == claim_place
        && match (fact_verb, claim_verb) {
            (Some(fact), Some(claim)) => fact == claim || general(fact) == Some(claim),
            (Some(_), None) => true, // who walks left of it is left of it
            (None, _) => false,
        }
}

/// What `fact` of a pair says of the pair the other way round, if anything: who walks left of it has it at the right.
#[must_use]
pub fn converse(fact: &str) -> Option<&'static str> {
    let said = [spelt(fact), parts(fact).1];
    CONVERSE.iter().find_map(|&(one, other)| match () {
        () if said.contains(&one) => Some(other),
        () if said.contains(&other) => Some(one),
        () => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_meaning_and_general_words_follow() {
        for (fact, claim) in [
            ("in front of", "front"),
            ("walk left", "move left"),
            ("walk left", "to the left of"),
            ("sit next to", "stop beside"),
            ("run away from", "flee from"),
            ("carry", "grip"),
            ("fly toward", "move towards"),
        ] {
            assert!(entails(fact, claim), "{fact} / {claim}");
        }
        for (fact, claim) in [
            ("move left", "walk left"),
            ("walk left", "walk right"),
            ("left", "walk left"),
            ("hold", "release"),
            ("above", "beneath"),
            ("touch", "hold"),
            ("stop left", "move left"),
            ("play with", "with"),
        ] {
            assert!(!entails(fact, claim), "{fact} / {claim}");
        }
        assert_eq!(converse("walk left"), Some("right"));
        assert_eq!((converse("under"), converse("flee from")), (Some("above"), Some("chase")));
        assert_eq!(converse("kick"), None);
        assert!(CONVERSE.iter().all(|(one, other)| spelt(one) == *one && spelt(other) == *other));
        assert!(SAME.iter().all(|(_, same)| spelt(same) == *same), "one spelling stands for all");
    }
}
