//! A model folder as what training starts from (native only).

use crate::error::Result;
use crate::event::{Abort, Events};
use crate::model::VideoTextModel;
use crate::platform::block_on;
use crate::source::DiskFolder;
use crate::train::TrainingBase;
use crate::weights::ModelFolder;
use crate::weights::module::{LoadRules, apply};
use burn::tensor::Device;
use std::path::Path;

impl TrainingBase {
    /// Loads a model folder onto a device.
    ///
    /// # Errors
    /// Whatever is wrong with the folder, by name; [`Error::Aborted`](crate::Error::Aborted).
    pub fn open(path: &Path, device: &Device, events: &mut impl Events, abort: &Abort) -> Result<Self> {
        let folder = block_on(ModelFolder::open(DiskFolder::open(path)?))?;
        let tensors = block_on(folder.load(device, events, abort))?;
        let file = path.display().to_string();
        let model = apply(VideoTextModel::empty(folder.config(), device), tensors, &file, &LoadRules::published())?;
        let tokenizer_json = block_on(folder.tokenizer_json())?;
        Ok(Self { model, preprocess: folder.preprocess().clone(), tokenizer_json })
    }
}
