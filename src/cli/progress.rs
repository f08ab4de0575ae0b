//! Progress bars drawn from events, on standard error so that results on standard output stay clean.

use crate::event::{Event, Events};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// One bar for the stage under way; a new stage replaces it. Draws nothing where standard error is no terminal.
pub struct Bars {
    quiet: bool,
    current: Option<(&'static str, ProgressBar)>,
}

impl Bars {
    /// With `quiet`, shows neither bars nor notices.
    #[must_use]
    pub const fn new(quiet: bool) -> Self {
        Self { quiet, current: None }
    }

    /// Takes the bar away, if any.
    pub fn finish(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, stage: &'static str, done: u64, total: u64) {
        if self.current.as_ref().is_none_or(|(shown, _)| *shown != stage) {
            self.finish();
            self.current = Some((stage, new_bar(stage, total)));
        }
        if let Some((_, bar)) = &self.current {
            bar.set_length(total);
            bar.set_position(done);
        }
        if total > 0 && done >= total {
            self.finish();
        }
    }
}

impl Events for Bars {
    fn emit(&mut self, event: Event) {
        if self.quiet {
            return;
        }
        match event {
            Event::Progress { stage, done, total } => self.show(stage, done, total),
            Event::Notice { message, .. } => match &self.current {
                Some((_, bar)) if !bar.is_hidden() => bar.println(format!("note: {message}")),
                _ => super::output::note(&message),
            },
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Stages counted in bytes say so; all others count pieces.
fn new_bar(stage: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let counted = if matches!(stage, "weights" | "convert" | "hash") {
        "{binary_bytes}/{binary_total_bytes}"
    } else {
        "{human_pos}/{human_len}"
    };
    let template = format!("{{prefix:>9}} [{{bar:32}}] {counted}  {{elapsed}} < {{eta}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(stage);
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
