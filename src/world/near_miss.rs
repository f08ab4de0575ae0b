//! Captions that are true of a clip beside captions that are almost the same and false: the seven kinds of VELOCITI.
//! Every pair is checked against the clip's graph; where no false one exists, the kind is left out.

use super::action::Predicate;
use super::caption::{MAX_WORDS, Style, length};
use super::claim::{Claim, Mention, Role, Statement};
use super::kind::{Color, Kind, Look};
use super::random::Random;
use super::scene::{silhouette, stands};
use super::script::{Event, Script, is_held_out};
use super::{FRAMES, Split};
use crate::graph::VideoGraph;

/// Fewest frames of a spatial relation to be told in a caption.
const PLACE_FRAMES: u32 = 12;

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

    /// An event, or in one of six draws somebody's place, told as an event is.
    fn event_or_place(&self, random: &mut Random) -> Option<Event> {
        if random.below(6) == 0 { random.pick(&self.places()).cloned() } else { self.event(random).cloned() }
    }

    /// Spatial relations that last a good part of the clip.
    pub fn places(&self) -> Vec<Event> {
        let lasting = self.graph.relations.iter().filter(|relation| relation.end - relation.begin >= PLACE_FRAMES);
        lasting
            .filter_map(|relation| {
                let predicate = Predicate::named(&relation.predicate).filter(|predicate| !predicate.is_action())?;
                let index = |n: u32| usize::try_from(n).ok();
                Some(Event {
                    frames: index(relation.begin)?..index(relation.end)?,
                    subject: index(relation.subject)?,
                    predicate,
                    object: index(relation.object)?,
                    manner: None,
                })
            })
            .collect()
    }

    fn identification(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event_or_place(random)?;
        let claim = self.claim(&event);
        let look = self.look(event.subject);
        let looks = || self.script.stage.entities.iter().map(|entity| entity.look);
        let kind = Kind::draw(random, look.kind.is_actor());
        let color = Color::draw(random);
        if looks().any(|other| other.kind == kind || other.color == color) {
            return None;
        }
        let wrong = match random.weighted(&[60, 20, 20]) {
            0 => Look { kind, color, ..look },
            1 => Look { kind, ..look },
            _ => Look { color, ..look },
        };
        let negative = Claim { subject: Role::Named(Mention::full(wrong)), ..claim };
        Some((Statement::single(claim), Statement::single(negative)))
    }

    fn binding(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event_or_place(random)?;
        let others: Vec<usize> = (0..self.script.stage.entities.len())
            .filter(|who| *who != event.subject && self.look(*who).kind.is_actor() == event.predicate.is_action())
            .collect();
        let other = *random.pick(&others)?;
        // Somebody cannot do it to themselves: then the two change places.
        let object = if other == event.object { event.subject } else { event.object };
        if !event.predicate.allows(self.look(other), self.look(object))
            || self.might_be_seen(event.predicate, other, object)
        {
            return None;
        }
        let wrong = Event { subject: other, object, ..event.clone() };
        Some((Statement::single(self.claim(&event)), Statement::single(self.claim(&wrong))))
    }

    /// Two events of one agent, the first telling who is meant; the wrong one tells of somebody else's part in another
    /// event, or in the same: "the one chased by the fox" against "the one that chases the rabbit". Both name equally
    /// many of the cast: or the caption that names more of those to be seen would win unread.
    fn coreference(&self, random: &mut Random) -> Option<Pair> {
        let deed = self.event(random)?;
        let (mut clues, mut decoys) = (Vec::new(), Vec::new());
        for event in self.script.events.iter().filter(|event| *event != deed) {
            for (tid, named, passive) in [(event.subject, event.object, false), (event.object, event.subject, true)] {
                let tellable = self.look(tid).kind.is_actor() && (!passive || event.predicate.passive().is_some());
                let own = tid == deed.subject;
                let clue = (clue_share(event.predicate, own, passive), self.clue(event, passive), named == deed.object);
                if tellable && own && event.frames.start < deed.frames.start {
                    clues.push(clue);
                } else if tellable && !own {
                    decoys.push(clue);
                }
            }
        }
        let pairs = clues.iter().flat_map(|clue| decoys.iter().map(move |decoy| (clue, decoy)));
        let (weights, pairs): (Vec<u32>, Vec<(Claim, Claim)>) =
            pairs.filter(|(a, b)| a.2 == b.2).map(|(a, b)| (a.0 * b.0, (a.1, b.1))).unzip();
        let (clue, decoy) = *pairs.get(random.weighted(&weights))?;
        let said = Claim { subject: Role::TheOne, ..self.claim(deed) };
        let told = |clue| Statement { claims: vec![clue, said] };
        Some((told(clue), told(decoy)))
    }

    fn clue(&self, event: &Event, passive: bool) -> Claim {
        let claim = self.claim(event);
        if passive {
            Claim { subject: claim.subject.with(Mention::sizeless), object: Role::TheOne, manner: None, ..claim }
        } else {
            Claim { subject: Role::TheOne, object: claim.object.with(Mention::sizeless), manner: None, ..claim }
        }
    }

    fn adversarial(&self, random: &mut Random) -> Option<Pair> {
        let event = self.event_or_place(random)?;
        let (actions, places) = Predicate::ALL.split_at(Predicate::ACTIONS);
        let other = *random.pick(if event.predicate.is_action() { actions } else { places })?;
        let likely = random.chance(share(event.predicate)[0]) && random.chance(share(other)[1]);
        if likely { self.other_action(&event, other) } else { None }
    }

    fn action_binding(&self, random: &mut Random) -> Option<Pair> {
        let events = &self.script.events;
        let pairs = events.iter().flat_map(|event| events.iter().map(move |other| (event, other.predicate)));
        let (weights, pairs): (Vec<u32>, Vec<Pair>) = pairs
            .filter_map(|(event, other)| {
                let pair = self.other_action(event, other).filter(|pair| self.is_sound(pair))?;
                Some((share(event.predicate)[0] * share(other)[1], pair))
            })
            .unzip();
        pairs.get(random.weighted(&weights)).cloned()
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

    /// Whether a viewer could see it between the two though no relation says so: another event of theirs resembles it,
    /// their boxes meet, or for some frames they stand that way.
    fn might_be_seen(&self, predicate: Predicate, subject: usize, object: usize) -> bool {
        let boxes = |frame| [subject, object].map(|who| silhouette(self.script, who, frame));
        if !predicate.is_action() {
            return (0..FRAMES).any(|frame| {
                let [a, b] = boxes(frame);
                stands(predicate, a, b, 3)
            });
        }
        let pair = (subject, object);
        let mut events = self.script.events.iter().filter(|event| (event.subject, event.object) == pair);
        let meet = |frame| {
            let [a, b] = boxes(frame);
            (a[0].max(b[0]) - a[2].min(b[2])).max(a[1].max(b[1]) - a[3].min(b[3])) <= 2
        };
        events.any(|event| event.predicate.resembles(predicate))
            || predicate == Predicate::Touch && (0..FRAMES).any(meet)
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
        let (a, b) = (self.claim(first).shortened(1), self.claim(second).shortened(1));
        Some((Statement { claims: vec![a, b] }, Statement { claims: vec![b, a] }))
    }
}

/// How much of the draws with this predicate as the (true, false) action are used, in percent. Set by counting so that
/// each is about as often false as true: else a reader could tell without looking.
const fn share(predicate: Predicate) -> [u32; 2] {
    match predicate {
        Predicate::Push => [100, 45],
        Predicate::Kick => [40, 100],
        Predicate::FleeFrom => [100, 80],
        Predicate::Follow => [80, 100],
        Predicate::Circle => [100, 40],
        Predicate::Touch => [10, 100],
        Predicate::PickUp => [65, 100],
        Predicate::PutDown => [75, 100],
        Predicate::Carry => [100, 65],
        Predicate::JumpOver => [100, 55],
        Predicate::HideBehind => [35, 100],
        Predicate::Enter => [5, 100],
        Predicate::Above | Predicate::Below => [100, 70],
        Predicate::NextTo => [60, 100],
        Predicate::Inside => [50, 100],
        Predicate::Chase | Predicate::LeftOf | Predicate::RightOf => [100, 100],
    }
}

/// How readily an event serves as a clue to the agent (`own`) or to somebody else. Decoys are rarer in the passive, clues
/// in the active: evened out by counting, or the voice would tell.
const fn clue_share(predicate: Predicate, own: bool, passive: bool) -> u32 {
    match (passive == own, own) {
        (false, true) if matches!(predicate, Predicate::PickUp) => 60,
        (false, _) => 100,
        (true, true) => 45,
        (true, false) => 65,
    }
}

/// Whether a claim tells of a triple that is kept out of training.
fn tells_held_out(claim: &Claim) -> bool {
    match (claim.subject, claim.object) {
        (Role::Named(subject), Role::Named(object)) => is_held_out(subject.kind, claim.predicate, object.kind),
        _ => false,
    }
}
