//! Where a run's batches come from (native only): the generated world, or the user's folders.

use crate::data::BatchPosition;
use crate::data::prefetch::{CacheReport, SkippedClip};
use crate::error::Result;
use crate::event::{Abort, Events};
use crate::train::folders::{DataFacts, Folders};
use crate::train::held_out::HeldOut;
use crate::train::{Batch, Trainer};

/// The source of a run's batches. What it gives follows from the settings, the data and its position alone.
#[derive(Debug)]
pub(super) enum Source {
    /// Clips that are drawn: they follow from the step.
    World,
    /// Videos that are decoded ahead.
    Folders(Box<Folders>),
}

impl Source {
    /// The one that the trainer's settings name, at the position of a checkpoint or at the beginning.
    ///
    /// # Errors
    /// Those of [`Folders::open`].
    pub fn open(
        trainer: &Trainer,
        position: Option<BatchPosition>,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<Self> {
        if trainer.config().data.is_world() {
            return Ok(Self::World);
        }
        Ok(Self::Folders(Box::new(Folders::open(trainer, position, events, abort)?)))
    }

    /// The batches of the trainer's next step.
    ///
    /// # Errors
    /// Those of [`Trainer::world_batches`] and [`Folders::draw`].
    pub fn draw(&mut self, trainer: &Trainer) -> Result<Vec<Batch>> {
        match self {
            Self::World => trainer.world_batches(),
            Self::Folders(folders) => folders.draw(trainer.config(), trainer.steps_done()),
        }
    }

    /// Notes that the step was done whose batches were drawn last; returns what was left out of them.
    pub fn step_done(&mut self) -> Vec<SkippedClip> {
        match self {
            Self::World => Vec::new(),
            Self::Folders(folders) => folders.step_done(),
        }
    }

    /// Where it is after the last step that was done.
    pub fn position(&self) -> Option<BatchPosition> {
        self.folders().map(Folders::position)
    }

    /// What there is to draw from; none for the generated world.
    pub fn facts(&self) -> Option<&DataFacts> {
        self.folders().map(Folders::facts)
    }

    /// Pairs that are not trained on.
    pub fn held_out(&self) -> Option<&HeldOut> {
        self.folders().and_then(Folders::held_out)
    }

    /// What the cache of frames did, if there is one.
    pub fn cache(&self) -> Option<CacheReport> {
        self.folders().and_then(Folders::cache)
    }

    fn folders(&self) -> Option<&Folders> {
        match self {
            Self::World => None,
            Self::Folders(folders) => Some(folders),
        }
    }
}
