//! Which predicates the data itself shows true of the same pair at the same time: they are no negatives of each other,
//! whatever a table says.

use crate::graph::{Relation, VideoGraph};
use std::collections::BTreeMap;

/// How many pairs of relations share subject, object and a frame, by their two predicates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoOccurrence {
    together: BTreeMap<(String, String), u64>,
    mutual: BTreeMap<String, u64>,
}

impl CoOccurrence {
    /// Counts one video.
    pub fn observe(&mut self, graph: &VideoGraph) {
        let mut pairs: BTreeMap<(u32, u32), Vec<&Relation>> = BTreeMap::new();
        for relation in &graph.relations {
            pairs.entry((relation.subject, relation.object)).or_default().push(relation);
        }
        for (&(subject, object), relations) in &pairs {
            let shares = |a: &Relation, b: &Relation| a.interval().overlap(b.interval()).is_some();
            for (at, a) in relations.iter().enumerate() {
                for b in relations[at + 1..].iter().filter(|b| b.predicate != a.predicate && shares(a, b)) {
                    *self.together.entry(ordered(&a.predicate, &b.predicate)).or_default() += 1;
                }
                let back = pairs.get(&(object, subject)).into_iter().flatten();
                if back.into_iter().any(|b| b.predicate == a.predicate && shares(a, b)) {
                    *self.mutual.entry(a.predicate.clone()).or_default() += 1;
                }
            }
        }
    }

    /// How often both labels held of a pair at once.
    #[must_use]
    pub fn together(&self, a: &str, b: &str) -> u64 {
        self.together.get(&ordered(a, b)).copied().unwrap_or(0)
    }

    /// How many relations of this label held both ways at once.
    #[must_use]
    pub fn mutual(&self, predicate: &str) -> u64 {
        self.mutual.get(predicate).copied().unwrap_or(0)
    }

    /// The labels seen together with this one.
    pub fn companions<'a>(&'a self, label: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.together.iter().filter_map(move |((a, b), count)| match (a == label, b == label) {
            (true, _) => Some((b.as_str(), *count)),
            (_, true) => Some((a.as_str(), *count)),
            _ => None,
        })
    }
}

fn ordered(a: &str, b: &str) -> (String, String) {
    (a.min(b).to_owned(), a.max(b).to_owned())
}
