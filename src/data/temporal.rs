//! The seven templates of temporal order (A.4); the negative of a text is the same template with its graphs exchanged.

use super::scene_text::SceneText;

/// How two graphs in order become one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporalTemplate {
    lead: &'static str,
    between: &'static str,
    /// B is told first.
    later_first: bool,
}

/// The templates, in the paper's order.
pub const TEMPORAL_TEMPLATES: [TemporalTemplate; 7] = [
    TemporalTemplate { lead: "", between: " before ", later_first: false },
    TemporalTemplate { lead: "", between: " after ", later_first: true },
    TemporalTemplate { lead: "First ", between: ", then ", later_first: false },
    TemporalTemplate { lead: "After ", between: ", ", later_first: false },
    TemporalTemplate { lead: "", between: ", and then ", later_first: false },
    TemporalTemplate { lead: "Once ", between: ", ", later_first: false },
    TemporalTemplate { lead: "Before ", between: ", ", later_first: true },
];

impl TemporalTemplate {
    /// The text that says that `front` comes before `back`.
    #[must_use]
    pub fn fill(&self, front: &SceneText, back: &SceneText) -> String {
        let (first, second) = if self.later_first { (back, front) } else { (front, back) };
        format!("{}{first}{}{second}.", self.lead, self.between)
    }
}
