//! What a caption says, apart from its words, and whether a scene graph makes it true.

use super::action::{Manner, Predicate};
use super::kind::{Color, Kind, Look, Size};
use crate::graph::{Track, VideoGraph};

/// How a caption names somebody: the kind, and the attributes it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// The kind.
    pub kind: Kind,
    /// The colour, if told.
    pub color: Option<Color>,
    /// The size, if told.
    pub size: Option<Size>,
}

impl Mention {
    /// All of a look; a medium size goes without saying.
    pub fn full(look: Look) -> Self {
        Self { kind: look.kind, color: Some(look.color), size: (look.size != Size::Medium).then_some(look.size) }
    }

    /// Without the size.
    pub const fn sizeless(self) -> Self {
        Self { size: None, ..self }
    }

    /// Only the kind.
    pub const fn bare(self) -> Self {
        Self { size: None, color: None, ..self }
    }

    /// Whether it describes this track.
    pub fn fits(self, track: &Track) -> bool {
        let is = |kind: &str, word: &str| track.attributes.get(kind).is_some_and(|found| found == word);
        track.category == self.kind.name()
            && self.color.is_none_or(|color| is("color", color.name()))
            && self.size.is_none_or(|size| is("size", size.name()))
    }
}

/// One side of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Told by looks.
    Named(Mention),
    /// "The one" of a co-reference: the same entity in all claims of a statement.
    TheOne,
}

impl Role {
    /// The same role, its mention changed.
    pub fn with(self, change: impl Fn(Mention) -> Mention) -> Self {
        match self {
            Self::Named(mention) => Self::Named(change(mention)),
            Self::TheOne => Self::TheOne,
        }
    }
}

/// Subject, predicate, object, manner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub subject: Role,
    /// Does what, or is where.
    pub predicate: Predicate,
    /// To whom.
    pub object: Role,
    /// How, if told.
    pub manner: Option<Manner>,
}

/// Claims in the order in which they come true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// One or more.
    pub claims: Vec<Claim>,
}

impl Statement {
    /// A statement of one claim.
    pub fn single(claim: Claim) -> Self {
        Self { claims: vec![claim] }
    }

    /// Whether the graph makes it true: for every claim a relation that says it or entails it, each beginning after the
    /// one before. Generous on purpose, so that "not true" is safe.
    pub fn holds(&self, graph: &VideoGraph) -> bool {
        search(&self.claims, graph, None, None)
    }
}

fn search(claims: &[Claim], graph: &VideoGraph, after: Option<u32>, one: Option<u32>) -> bool {
    let Some((claim, rest)) = claims.split_first() else { return true };
    facts(graph).any(|fact| {
        if after.is_some_and(|begin| fact.begin <= begin) || !claim.is_said_by(&fact) {
            return false;
        }
        let mut bound = one;
        let mut plays = |role: Role, tid: u32| match role {
            Role::Named(mention) => graph.tracks.iter().any(|track| track.tid == tid && mention.fits(track)),
            Role::TheOne => *bound.get_or_insert(tid) == tid,
        };
        plays(claim.subject, fact.subject)
            && plays(claim.object, fact.object)
            && search(rest, graph, Some(fact.begin), bound)
    })
}

/// A relation with its predicate parsed.
struct Fact<'a> {
    begin: u32,
    subject: u32,
    predicate: Predicate,
    object: u32,
    manner: Option<&'a str>,
}

impl Claim {
    /// The claim told more briefly the higher the level: 0 as it is, 1 without the object's size, 2 without both sizes,
    /// 3 with nothing of the object but its kind.
    pub fn shortened(self, level: usize) -> Self {
        let subject = if level >= 2 { self.subject.with(Mention::sizeless) } else { self.subject };
        let object = match level {
            0 => self.object,
            1 | 2 => self.object.with(Mention::sizeless),
            _ => self.object.with(Mention::bare),
        };
        Self { subject, object, ..self }
    }

    fn is_said_by(&self, fact: &Fact) -> bool {
        let same = fact.predicate == self.predicate;
        (same || fact.predicate.entails(self.predicate))
            && self.manner.is_none_or(|manner| fact.manner == Some(manner.name()))
    }
}

/// The graph's relations, and for every chase that the chased one flees.
fn facts(graph: &VideoGraph) -> impl Iterator<Item = Fact<'_>> {
    graph.relations.iter().flat_map(|relation| {
        let predicate = Predicate::named(&relation.predicate);
        let manner = relation.manner.as_deref();
        let (begin, subject, object) = (relation.begin, relation.subject, relation.object);
        let said = predicate.map(|predicate| Fact { begin, subject, predicate, object, manner });
        let flight = (predicate == Some(Predicate::Chase)).then_some(Fact {
            begin,
            subject: object,
            predicate: Predicate::FleeFrom,
            object: subject,
            manner,
        });
        said.into_iter().chain(flight)
    })
}
