//! Captions that are true of a clip beside captions that are almost the same and false: the seven kinds of VELOCITI.
//! Every pair is checked against the clip's graph; where no false one exists, the kind is left out.

use super::action::Predicate;
use super::caption::{MAX_WORDS, Style, length};
use super::claim::{Claim, Mention, Role, Statement};
use super::kind::{Color, Kind, Look};
use super::random::Random;
use super::scene::stands;
use super::script::{Event, Script, is_held_out};
use super::{FRAMES, Split};
use crate::graph::VideoGraph;

/// What is wrong with a near miss, by VELOCITI's tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NearMissKind {
    /// The agent is replaced by one that is not in the clip.
    AgentIdentification,
    /// The agent is replaced by another of the clip, who does not do it.
    AgentBinding,
    /// The agent, told by what they do elsewhere in the clip, is replaced by another told that way.
    AgentCoreference,
    /// The action is replaced by one that the agent does not do to the object.
    ActionAdversarial,
    /// The action is replaced by one of another event of the clip.
    ActionBinding,
    /// Fast and slowly change places.
    ActionModifier,
    /// Two events change places in time.
    Chronology,
}

impl NearMissKind {
    /// All kinds, in the order of the paper's table.
    pub const ALL: [Self; 7] = [
        Self::AgentIdentification,
        Self::AgentBinding,
        Self::AgentCoreference,
        Self::ActionAdversarial,
        Self::ActionBinding,
        Self::ActionModifier,
        Self::Chronology,
    ];

    /// VELOCITI's `test_name`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AgentIdentification => "agent_random",
            Self::AgentBinding => "agent_bind",
            Self::AgentCoreference => "coref",
            Self::ActionAdversarial => "action_adv",
            Self::ActionBinding => "action_bind",
            Self::ActionModifier => "action_manner",
            Self::Chronology => "chrono",
        }
    }

    /// A name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::AgentIdentification => "agent identification",
            Self::AgentBinding => "agent binding",
            Self::AgentCoreference => "agent co-reference",
            Self::ActionAdversarial => "action adversarial",
            Self::ActionBinding => "action binding",
            Self::ActionModifier => "action modifier",
            Self::Chronology => "chronology",
        }
    }
}

/// A caption of a clip and a near miss of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// What is wrong.
    pub kind: NearMissKind,
    /// True of the clip.
    pub positive: String,
    /// False of the clip.
    pub negative: String,
}

/// A pair before it is worded: what is true and what is not.
pub type Pair = (Statement, Statement);

/// What pairs are made from.
pub struct Material<'a> {
    /// The clip's script.
    pub script: &'a Script,
    /// Its graph.
    pub graph: &'a VideoGraph,
    /// Its split: held-out triples are told of in the compositional one only.
    pub split: Split,
}

impl Material<'_> {
    fn look(&self, who: usize) -> Look {
        self.script.stage.entities[who].look
    }

    /// The event with everything told.
    pub fn claim(&self, event: &Event) -> Claim {
        let named = |who: usize| Role::Named(Mention::full(self.look(who)));
        Claim {
            subject: named(event.subject),
            predicate: event.predicate,
            object: named(event.object),
            manner: event.manner,
        }
    }

    /// True, false, sayable: a pair that may be told.
    pub fn is_sound(&self, (positive, negative): &Pair) -> bool {
        positive.holds(self.graph)
            && !negative.holds(self.graph)
            && (self.split == Split::Compositional || !negative.claims.iter().any(tells_held_out))
    }

    /// One pair of `kind`; several draws, as the first may not be sound.
    pub fn pair(&self, kind: NearMissKind, random: &mut Random) -> Option<Pair> {
        (0..32).find_map(|_| {
            let pair = match kind {
                NearMissKind::AgentIdentification => self.identification(random),
                NearMissKind::AgentBinding => self.binding(random),
                NearMissKind::AgentCoreference => self.coreference(random),
                NearMissKind::ActionAdversarial => self.adversarial(random),
                NearMissKind::ActionBinding => self.action_binding(random),
                NearMissKind::ActionModifier => self.modifier(random),
                NearMissKind::Chronology => self.chronology(random),
            }?;
            self.is_sound(&pair).then_some(pair)
        })
    }

    /// The pair in words, both in the same style; `None` where either is too long.
    pub fn tell(&self, kind: NearMissKind, (positive, negative): &Pair, style: Style) -> Option<NearMiss> {
        let said = NearMiss { kind, positive: style.tell(positive), negative: style.tell(negative) };
        (length(&said.positive).max(length(&said.negative)) <= MAX_WORDS).then_some(said)
    }

    fn event(&self, random: &mut Random) -> Option<&Event> {
        random.pick(&self.script.events)
    }

    fn identification(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event(random)?;
        let claim = self.claim(event);
        let look = self.look(event.subject);
        let kinds: Vec<Kind> = self.script.stage.entities.iter().map(|entity| entity.look.kind).collect();
        let colors: Vec<Color> = self.script.stage.entities.iter().map(|entity| entity.look.color).collect();
        let other_kind = Kind::draw(random, true);
        let other_color = Color::draw(random);
        if kinds.contains(&other_kind) || colors.contains(&other_color) {
            return None;
        }
        let wrong = match random.weighted(&[60, 20, 20]) {
            0 => Look { kind: other_kind, color: other_color, ..look },
            1 => Look { kind: other_kind, ..look },
            _ => Look { color: other_color, ..look },
        };
        let negative = Claim { subject: Role::Named(Mention::full(wrong)), ..claim };
        Some((Statement::single(claim), Statement::single(negative)))
    }

    fn binding(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event(random)?;
        let others: Vec<usize> = (0..self.script.stage.entities.len())
            .filter(|who| *who != event.subject && self.look(*who).kind.is_actor())
            .collect();
        let other = *random.pick(&others)?;
        // Somebody cannot do it to themselves: then the two change places.
        let object = if other == event.object { event.subject } else { event.object };
        if !event.predicate.allows(self.look(other), self.look(object)) {
            return None;
        }
        let wrong = Event { subject: other, object, ..event.clone() };
        Some((Statement::single(self.claim(event)), Statement::single(self.claim(&wrong))))
    }

    /// Two events of one agent, the first telling who is meant; the wrong one tells of somebody else's event.
    fn coreference(&self, random: &mut Random) -> Option<Pair> {
        let deed = self.event(random)?;
        let who = deed.subject;
        let mut clues = Vec::new();
        let mut decoys = Vec::new();
        for event in self.script.events.iter().filter(|event| *event != deed) {
            let roles = [(event.subject, false), (event.object, true)];
            for (tid, passive) in roles {
                let tellable = self.look(tid).kind.is_actor() && (!passive || event.predicate.passive().is_some());
                let names_the_other = !passive && event.object == who || passive && event.subject == who;
                if tellable && tid == who && event.frames.start < deed.frames.start {
                    clues.push(self.clue(event, passive));
                } else if tellable && tid != who && !names_the_other {
                    decoys.push(self.clue(event, passive));
                } else if tellable && tid != who && event.frames.start < deed.frames.start {
                    // "the one chased by the fox" against "the one that chases the rabbit".
                    decoys.push(self.clue(event, passive));
                }
            }
        }
        let said = Claim { subject: Role::TheOne, ..self.claim(deed) };
        let told = |clue: Claim| Statement { claims: vec![clue, said] };
        Some((told(*random.pick(&clues)?), told(*random.pick(&decoys)?)))
    }

    fn clue(&self, event: &Event, passive: bool) -> Claim {
        let claim = self.claim(event);
        let sizeless = |role: Role| match role {
            Role::Named(mention) => Role::Named(mention.sizeless()),
            Role::TheOne => Role::TheOne,
        };
        if passive {
            Claim { subject: sizeless(claim.subject), object: Role::TheOne, manner: None, ..claim }
        } else {
            Claim { subject: Role::TheOne, object: sizeless(claim.object), manner: None, ..claim }
        }
    }

    fn adversarial(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event(random)?;
        let other = *random.pick(Predicate::actions())?;
        self.other_action(event, other)
    }

    fn action_binding(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event(random)?;
        let other = self.event(random)?.predicate;
        self.other_action(event, other)
    }

    /// The event's claim beside the same with `other` for its action; the adverb stays if both can have it.
    fn other_action(&self, event: &Event, other: Predicate) -> Option<Pair> {
        let (subject, object) = (self.look(event.subject), self.look(event.object));
        let near = other.resembles(event.predicate)
            || !other.allows(subject, object)
            || self.might_be_seen(other, event.subject, event.object);
        if near {
            return None;
        }
        let keeps = event.predicate.has_manner() == other.has_manner();
        let claim = Claim { manner: if keeps { event.manner } else { None }, ..self.claim(event) };
        Some((Statement::single(claim), Statement::single(Claim { predicate: other, ..claim })))
    }

    /// Whether a viewer could see the action between the two though the script has none: any other event of theirs
    /// that resembles it, or boxes that meet.
    fn might_be_seen(&self, action: Predicate, subject: usize, object: usize) -> bool {
        let acted = self
            .script
            .events
            .iter()
            .any(|event| (event.subject, event.object) == (subject, object) && event.predicate.resembles(action));
        acted || (action == Predicate::Touch && self.met(subject, object))
    }

    /// Whether the two stand side by side without a gap in any frame.
    fn met(&self, a: usize, b: usize) -> bool {
        (0..FRAMES).any(|frame| {
            let [a, b] = [a, b].map(|who| super::scene::silhouette(self.script, who, frame));
            let gap = (a[0].max(b[0]) - a[2].min(b[2])).max(a[1].max(b[1]) - a[3].min(b[3]));
            gap <= 2 || stands(Predicate::Inside, a, b, 0)
        })
    }

    fn modifier(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event(random)?;
        let claim = self.claim(event);
        let wrong = Claim { manner: Some(event.manner?.opposite()), ..claim };
        Some((Statement::single(claim), Statement::single(wrong)))
    }

    /// Not for lifting and putting down of one thing: there the order is known without looking.
    fn chronology(&self, random: &mut Random) -> Option<Pair> {
        let (first, second) = (self.event(random)?, self.event(random)?);
        let one_thing =
            first.object == second.object && first.predicate.holds_object() && second.predicate.holds_object();
        if first.frames.start >= second.frames.start || one_thing {
            return None;
        }
        let short = |event: &Event| {
            let claim = self.claim(event);
            match claim.object {
                Role::Named(mention) => Claim { object: Role::Named(mention.sizeless()), ..claim },
                Role::TheOne => claim,
            }
        };
        let (a, b) = (short(first), short(second));
        Some((Statement { claims: vec![a, b] }, Statement { claims: vec![b, a] }))
    }
}

/// Whether a claim tells of a triple that is kept out of training.
fn tells_held_out(claim: &Claim) -> bool {
    match (claim.subject, claim.object) {
        (Role::Named(subject), Role::Named(object)) => is_held_out(subject.kind, claim.predicate, object.kind),
        _ => false,
    }
}
