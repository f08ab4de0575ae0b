//! What a model that was trained on the user's folders says of itself (native only).

use crate::data::prefetch::SkippedVideo;
use crate::train::folders::DataFacts;
use crate::train::held_out::HeldOutResult;
use crate::train::model_card::Results;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Videos that a report spells out; results.json has all of them.
const NAMED: usize = 20;

/// What came of a run on folders.
pub(super) struct FolderOutcome {
    pub facts: DataFacts,
    /// Videos that were left out of steps.
    pub skipped: BTreeMap<String, SkippedVideo>,
    /// How the model does on pairs that it was not trained on, if any were kept back.
    pub held_out: Option<HeldOutResult>,
}

impl FolderOutcome {
    /// What it was trained on, what was left out, and how it does.
    pub fn report(&self) -> String {
        let DataFacts { pairs, annotated_videos, tested_videos, annotation_files, .. } = self.facts;
        let mut text = format!("Trained on {pairs} pairs and {annotated_videos} annotated videos");
        let without = annotation_files.saturating_sub(annotated_videos + tested_videos);
        if without > 0 {
            let _ = write!(text, " ({without} more have no graphs in order that a third one spans)");
        }
        text.push_str(".\n");
        match &self.held_out {
            None => text.push_str("No pairs were kept back to test it on (validate_every, data.validation).\n"),
            Some(found) => {
                let _ = write!(text, "\n{} pairs that it was not trained on:\n\n{}\n", found.pairs, found.ranks);
            }
        }
        self.tell_left_out(&mut text);
        text
    }

    fn tell_left_out(&self, text: &mut String) {
        let tested = self.held_out.iter().flat_map(|found| &found.left_out);
        let tested = tested.map(|(video, reason)| (video, format!("left out of the test: {reason}")));
        let trained = self.skipped.iter();
        let trained = trained.map(|(video, skipped)| (video, format!("{} times: {}", skipped.times, skipped.reason)));
        let all: Vec<(&String, String)> = trained.chain(tested).collect();
        if all.is_empty() {
            return;
        }
        let _ = write!(text, "\n{} videos could not be read and were left out:\n\n", all.len());
        for (video, reason) in all.iter().take(NAMED) {
            let _ = writeln!(text, "- {video}, {reason}");
        }
        if all.len() > NAMED {
            let _ = writeln!(text, "- and {} more (results.json)", all.len() - NAMED);
        }
    }
}

/// The model folder's `README.md`.
pub(super) fn folder_card(results: &Results<'_>, outcome: &FolderOutcome) -> String {
    let config = results.config;
    let from = results.base.map_or_else(|| "nothing".to_owned(), |base| format!("`{}`", base.display()));
    format!(
        "# A model trained on one's own videos\n\n\
        It knows what its data and the model that it was started from have taught it; what it scores says nothing about other \
        videos.\n\n\
        | | |\n|---|---|\n\
        | command | `{}` |\n\
        | started from | {from} |\n\
        | seed | {} |\n\
        | steps, pairs and annotated clips a step | {}, {} and {} |\n\
        | hours of training | {:.2} |\n\
        | parameters | {} (f16, {:.1} MB) |\n\
        | input | {} frames of {} x {} pixels, patches of {} |\n\
        | hash of the videos' names and sizes | `{}` |\n\n{}",
        results.command(),
        config.seed,
        config.steps,
        if config.data.manifest.is_some() { config.batch } else { 0 },
        config.scenes,
        results.seconds / 3600.0,
        results.parameters,
        results.bytes as f64 / 1e6,
        config.frames,
        config.image_size,
        config.image_size,
        config.patch_size,
        outcome.facts.videos,
        outcome.report(),
    )
}
