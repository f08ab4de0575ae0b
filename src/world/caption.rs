//! English for statements: one style for a caption, drawn from its seed, so that a near miss differs from its caption in
//! meaning only.

use super::action::{Manner, Predicate};
use super::claim::{Claim, Mention, Role, Statement};
use super::kind::{Color, Kind, Size};
use super::random::Random;
use std::collections::BTreeSet;

/// Most words (a comma counts as one) of a caption: with begin and end marks it fits 32 tokens.
pub const MAX_WORDS: usize = 28;

/// How captions are worded.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// "the" instead of "a".
    definite: bool,
    /// "is pushing" instead of "pushes".
    progressive: bool,
    /// The adverb stands before the verb.
    adverb_first: bool,
    /// "quickly" instead of "fast".
    quickly: bool,
    /// How two claims are joined.
    join: Join,
    /// "whoever" instead of "the one that".
    whoever: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Then,
    AndThen,
    Before,
    After,
}

impl Style {
    /// A drawn style.
    pub fn draw(random: &mut Random) -> Self {
        let join = [Join::Then, Join::AndThen, Join::Before, Join::After][random.weighted(&[45, 15, 20, 20])];
        let quickly = random.chance(50);
        Self {
            definite: random.chance(50),
            progressive: random.chance(30),
            // "fast pushes" is no English, "quickly pushes" is.
            adverb_first: random.chance(35),
            quickly,
            join,
            whoever: random.chance(30),
        }
    }

    /// The statement in words.
    pub fn tell(&self, statement: &Statement) -> String {
        let claims = &statement.claims;
        if claims.iter().any(|claim| claim.subject == Role::TheOne || claim.object == Role::TheOne) {
            return self.tell_coreference(claims);
        }
        // "B after A" is told in the order B, A: what is known is known from the words before.
        let told: Vec<&Claim> =
            if self.is_backwards(claims) { claims.iter().rev().collect() } else { claims.iter().collect() };
        let parts: Vec<String> = (0..told.len()).map(|at| self.part(&told, at)).collect();
        match (self.join, parts.as_slice()) {
            (Join::Before, [first, second]) => format!("{first} before {second}"),
            (Join::After, [second, first]) => format!("{second} after {first}"),
            (Join::AndThen, _) => parts.join(" and then "),
            _ => parts.join(", then "),
        }
    }

    fn is_backwards(&self, claims: &[Claim]) -> bool {
        self.join == Join::After && claims.len() == 2
    }

    /// One claim as a clause; the subject is left out where it goes on acting.
    fn part(&self, told: &[&Claim], at: usize) -> String {
        let claim = told[at];
        let sequel = matches!(self.join, Join::Then | Join::AndThen) || told.len() > 2;
        let known = |role: Role| told[..at].iter().any(|c| c.subject == role || c.object == role);
        let predicate = self.predicate(claim, known(claim.object));
        if at > 0 && sequel && told[at - 1].subject == claim.subject {
            // One "is" serves both: "is pushing the box, then kicking the ball".
            predicate.strip_prefix("is ").filter(|_| claim.predicate.is_action()).unwrap_or(&predicate).to_owned()
        } else {
            format!("{} {predicate}", self.role(claim.subject, known(claim.subject)))
        }
    }

    fn role(&self, role: Role, known: bool) -> String {
        match role {
            Role::Named(mention) => self.mention(mention, known),
            Role::TheOne => "it".to_owned(),
        }
    }

    fn mention(&self, mention: Mention, known: bool) -> String {
        // Kind and colour tell two apart: the size need not be said twice.
        let size = mention.size.filter(|_| !known).map(Size::name);
        let words: Vec<&str> =
            [size, mention.color.map(Color::name), Some(mention.kind.name())].into_iter().flatten().collect();
        let article = match words.first() {
            _ if self.definite || known => "the",
            Some(word) if word.starts_with('o') => "an",
            _ => "a",
        };
        format!("{article} {}", words.join(" "))
    }

    /// "slowly pushes the ball", "is pushing the ball fast".
    fn predicate(&self, claim: &Claim, known: bool) -> String {
        let object = self.role(claim.object, known);
        let adverb = claim.manner.map(|manner| self.adverb(manner));
        let action = claim.predicate.is_action();
        let (auxiliary, verb) = match (self.progressive && action, action) {
            (true, _) => ("is ", claim.predicate.participle()),
            (false, _) => ("", claim.predicate.third_person()),
        };
        // "puts the ball down" is as good, but one order is enough to learn.
        match adverb {
            Some(adverb) if self.adverb_first => format!("{auxiliary}{adverb} {verb} {object}"),
            Some(adverb) => format!("{auxiliary}{verb} {object} {adverb}"),
            None => format!("{auxiliary}{verb} {object}"),
        }
    }

    const fn adverb(&self, manner: Manner) -> &'static str {
        match manner {
            Manner::Fast if self.quickly || self.adverb_first => "quickly",
            manner => manner.name(),
        }
    }

    /// "the one that pushes the red box then jumps over the cup", "the one chased by the fox then …".
    fn tell_coreference(&self, claims: &[Claim]) -> String {
        let simple = Self { progressive: false, definite: true, ..*self };
        let relative = claims.first().map(|claim| match (claim.subject, claim.predicate.passive()) {
            (Role::Named(agent), Some(passive)) => {
                let who = if self.whoever { "whoever is" } else { "the one" };
                let by = simple.mention(agent, true);
                format!("{who} {passive} by {by}")
            }
            _ => {
                let who = if self.whoever { "whoever" } else { "the one that" };
                format!("{who} {}", simple.predicate(claim, true))
            }
        });
        let deeds = claims.iter().skip(1).map(|claim| simple.predicate(claim, true));
        relative.into_iter().chain(deeds).collect::<Vec<_>>().join(" then ")
    }
}

/// Words and commas of a caption.
pub fn length(caption: &str) -> usize {
    caption.split_whitespace().map(|word| 1 + usize::from(word.ends_with(','))).sum()
}

/// Every word and punctuation mark of any caption, and the bare words of every predicate (the text of a graph), sorted.
pub fn vocabulary() -> Vec<String> {
    // "first", "once" and the period are the scene graphs' own texts' (`data::temporal`).
    let fixed = [
        ",", ".", "a", "after", "an", "and", "before", "by", "first", "is", "once", "one", "quickly", "that", "the",
        "then", "whoever",
    ];
    let mut words: BTreeSet<String> = fixed.iter().map(|word| (*word).to_owned()).collect();
    let mut add = |text: &str| words.extend(text.split([' ', '_']).map(str::to_owned));
    Kind::ALL.iter().for_each(|kind| add(kind.name()));
    Color::ALL.iter().for_each(|color| add(color.name()));
    Size::ALL.iter().for_each(|size| add(size.name()));
    Manner::ALL.iter().for_each(|manner| add(manner.name()));
    for predicate in Predicate::ALL {
        add(predicate.name());
        add(predicate.third_person());
        add(predicate.participle());
        predicate.passive().into_iter().for_each(&mut add);
    }
    words.into_iter().collect()
}
