//! The use cases: open a model, encode clips and captions, score them, check the device. Both doors (`cli`, `web`) are
//! thin over this; long work reports [`Event`](crate::event::Event)s and obeys [`Abort`].
//!
//! A session owns its model's tensors; to drop it frees them. Every device read is awaited, so the same code runs in
//! the page.

mod adapters;
mod dtype;
mod encode;
mod evaluate;
mod explain;
mod fine_tune;
mod matching;
mod memory_plan;
mod mix;
mod score;
mod self_test;

crate::source::native_only! {
    mod convert;
    mod explain_page;
    mod explain_write;
    mod merge;

    pub use convert::{convert_checkpoint, verify_folder};
    pub use explain_write::write_explanation;
    pub use merge::{MergeOptions, convert_with_adapters, merge_adapters};
}

pub use adapters::Pairing;
pub use encode::ClipOptions;
pub use explain::{ExplainedEntity, ExplainedFrame, ExplainedLabel, ExplainedTriplet, Explanation};
pub use fine_tune::{
    FineTune, FineTuneOptions, FineTuneSample, FineTuned, GraphPlan, Lesson, Standing, Validation, read_samples,
    write_samples,
};
pub use matching::MatchedClip;
pub use memory_plan::MemoryPlan;
pub use score::{CaptionScore, Scores};
pub use self_test::{SELF_TEST_TOLERANCE, self_test};

use crate::config::{Dtype, ModelConfig, PreprocessConfig};
use crate::error::{Error, Result};
use crate::eval::WorldEvaluation;
use crate::event::{Abort, Events};
use crate::model::VideoTextModel;
use crate::platform::ComputeDevice;
use crate::source::Folder;
use crate::text::Tokenizer;
use crate::weights::ModelFolder;
use crate::weights::module::{self, LoadRules};
use crate::world::Level;
use burn::tensor::FloatDType;
use dtype::{cast, check_dtype, float_type};

/// A loaded model on a device, ready to encode and score.
pub struct Session {
    /// With its adapters.
    model: VideoTextModel,
    adapters: adapters::Adapters,
    /// `None` for a folder without one: such a model embeds clips only.
    tokenizer: Option<Tokenizer>,
    /// Its file, which what is trained here takes along.
    tokenizer_json: Option<String>,
    name: String,
    preprocess: PreprocessConfig,
    device: ComputeDevice,
    dtype: Dtype,
}

/// Name of the tokenizer's file in a model folder.
const TOKENIZER_FILE: &str = "tokenizer.json";

impl Session {
    /// Loads a model folder (`config.json`, `preprocessor_config.json`, `tokenizer.json`, weights) onto a device.
    ///
    /// # Errors
    /// Whatever is wrong with the folder, by name; [`Error::Aborted`].
    pub async fn open<F: Folder>(
        folder: F,
        device: ComputeDevice,
        dtype: Dtype,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<Self> {
        check_dtype(&device, dtype)?;
        let folder = ModelFolder::open(folder).await?;
        let config = folder.config();
        let has_tokenizer = folder.files().has(TOKENIZER_FILE).await?;
        let tokenizer_json = if has_tokenizer { Some(folder.tokenizer_json().await?) } else { None };
        let text = &config.text;
        let read = |json: &String| Tokenizer::of_model(json, TOKENIZER_FILE, text);
        let tokenizer = tokenizer_json.as_ref().map(read).transpose()?;
        let tensors = folder.load(device.device(), events, abort).await?;
        let empty = VideoTextModel::empty(config, device.device());
        let model = cast(module::apply(empty, tensors, &folder.name(), &LoadRules::published())?, dtype);
        device.check()?;
        let (name, preprocess) = (folder.name(), folder.preprocess().clone());
        let adapters = adapters::Adapters::default();
        Ok(Self { model, adapters, tokenizer, tokenizer_json, name, preprocess, device, dtype })
    }

    /// The model's architecture.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        self.model.config()
    }

    /// How clips become the model's input.
    #[must_use]
    pub const fn preprocess(&self) -> &PreprocessConfig {
        &self.preprocess
    }

    /// The tokenizer.
    ///
    /// # Errors
    /// [`Error::MissingFile`] for a folder that came without.
    pub fn tokenizer(&self) -> Result<&Tokenizer> {
        self.tokenizer.as_ref().ok_or_else(|| self.no_tokenizer())
    }

    /// The tokenizer's file.
    fn tokenizer_json(&self) -> Result<&str> {
        self.tokenizer_json.as_deref().ok_or_else(|| self.no_tokenizer())
    }

    fn no_tokenizer(&self) -> Error {
        Error::MissingFile {
            folder: self.name.clone(),
            file: TOKENIZER_FILE.to_owned(),
            advice: "captions cannot be read without; `sgcr convert --tokenizer` makes one from CLIP's merges or BERT's vocab.txt"
                .to_owned(),
        }
    }

    /// The model itself, with the adapters that are on.
    #[must_use]
    pub const fn model(&self) -> &VideoTextModel {
        &self.model
    }

    /// The device it is on.
    #[must_use]
    pub const fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// Itself as what the measures on the generated world take.
    ///
    /// # Errors
    /// [`Error::MissingFile`] for a folder that came without a tokenizer.
    pub fn world_evaluation(&self, level: Level) -> Result<WorldEvaluation<'_>> {
        let tokenizer = self.tokenizer()?;
        Ok(WorldEvaluation {
            model: &self.model,
            tokenizer,
            preprocess: &self.preprocess,
            device: self.device.device(),
            level,
        })
    }

    /// burn's name of the number type it computes in.
    #[must_use]
    pub const fn float_type(&self) -> FloatDType {
        float_type(self.dtype)
    }
}
