//! Single labels that are true of a clip.

use super::WorldClip;
use std::collections::BTreeSet;

/// Kinds of labels: entities ("rabbit"), entities with their colour ("red rabbit"), predicates ("pick up").
pub const TAG_KINDS: usize = 3;

impl WorldClip {
    /// The labels that are true of the clip, kind by kind.
    #[must_use]
    pub fn tags(&self) -> [BTreeSet<String>; TAG_KINDS] {
        let tracks = &self.graph.tracks;
        let colored =
            tracks.iter().filter_map(|track| Some(format!("{} {}", track.attributes.get("color")?, track.category)));
        let predicates = self.graph.relations.iter().map(|relation| relation.predicate.replace('_', " "));
        [tracks.iter().map(|track| track.category.clone()).collect(), colored.collect(), predicates.collect()]
    }
}
