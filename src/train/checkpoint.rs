//! Training checkpoints: parameters and moments in f32, the step and the settings, in one safetensors file (native
//! only). A run that goes on from one takes the same steps as a run that was never stopped.

use crate::config::{ModelConfig, PreprocessConfig};
use crate::data::BatchPosition;
use crate::error::{Error, Result};
use crate::model::VideoTextModel;
use crate::platform::write_beside;
use crate::train::{TrainConfig, Trainer, TrainingBase, TrainingState};
use crate::weights::HostTensor;
use crate::weights::module::LoadRules;
use burn::tensor::Device;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// What a training run goes on from.
#[derive(Debug)]
pub struct Checkpoint {
    /// The settings of the run.
    pub config: TrainConfig,
    /// Steps done.
    pub step: usize,
    /// Where the run is in its data; none on the generated world, whose clips follow from the step.
    pub position: Option<BatchPosition>,
    pub(super) model: ModelConfig,
    preprocess: PreprocessConfig,
    tokenizer_json: String,
    tensors: BTreeMap<String, HostTensor>,
    file: String,
}

impl Checkpoint {
    /// Everything that the trainer's next step depends on.
    ///
    /// # Errors
    /// [`Error::Compute`] where the device fails.
    pub async fn of(trainer: &Trainer) -> Result<Self> {
        let TrainingState { step, tensors } = TrainingState::of(trainer, |_| true).await?;
        Ok(Self {
            config: trainer.config().clone(),
            step,
            position: None,
            model: trainer.model_config()?.clone(),
            preprocess: trainer.preprocess().clone(),
            tokenizer_json: trainer.tokenizer_json().to_owned(),
            tensors,
            file: "checkpoint in memory".to_owned(),
        })
    }

    /// The same with the position in the run's data.
    #[must_use]
    pub fn at(self, position: Option<BatchPosition>) -> Self {
        Self { position, ..self }
    }

    /// Writes it beside its place and renames it.
    ///
    /// # Errors
    /// [`Error::Io`]; an old checkpoint at the same place is untouched then.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = Error::json("the checkpoint's settings");
        let entries = [
            ("step", Ok(self.step.to_string())),
            ("config", serde_json::to_string(&self.config)),
            ("model", serde_json::to_string(&self.model)),
            ("preprocess", serde_json::to_string(&self.preprocess)),
            ("tokenizer", Ok(self.tokenizer_json.clone())),
        ];
        let position = self.position.map(|position| ("position", serde_json::to_string(&position)));
        let entries = entries.into_iter().chain(position).map(|(name, value)| Ok((name.to_owned(), value?)));
        let metadata = entries.collect::<serde_json::Result<HashMap<_, _>>>().map_err(text)?;
        let bytes: BTreeMap<&String, &[u8]> =
            self.tensors.iter().map(|(name, tensor)| (name, bytemuck::cast_slice(&tensor.values))).collect();
        let corrupt = |error: safetensors::SafeTensorError| Error::CorruptFile {
            file: path.display().to_string(),
            reason: error.to_string(),
        };
        let views = self.tensors.iter().map(|(name, tensor)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes.get(name).copied().unwrap_or_default());
            Ok((name.clone(), view.map_err(corrupt)?))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        write_beside(path, &safetensors::serialize(views, Some(metadata)).map_err(corrupt)?)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::CorruptFile`] or [`Error::InvalidJson`].
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let file = path.display().to_string();
        let corrupt = |reason: String| Error::CorruptFile { file: file.clone(), reason };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| corrupt(error.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let entry = |name: &str| metadata.get(name).ok_or_else(|| corrupt(format!("no \"{name}\" in its metadata")));
        let config: TrainConfig = serde_json::from_str(entry("config")?).map_err(Error::json(&file))?;
        let model = ModelConfig::from_json(entry("model")?, &file)?;
        let preprocess = serde_json::from_str(entry("preprocess")?).map_err(Error::json(&file))?;
        let tokenizer_json = entry("tokenizer")?.clone();
        let step = entry("step")?.parse().map_err(|_| corrupt("its step is no number".to_owned()))?;
        let position = metadata.get("position").map(|text| serde_json::from_str(text)).transpose();
        let position = position.map_err(Error::json(&file))?;
        let stored = SafeTensors::deserialize(&bytes).map_err(|error| corrupt(error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in stored.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(Error::UnsupportedDtype { name: name.to_owned(), dtype: format!("{:?}", view.dtype()) });
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            tensors.insert(name.to_owned(), HostTensor { shape: view.shape().to_vec(), values });
        }
        Ok(Self { config, step, position, model, preprocess, tokenizer_json, tensors, file })
    }

    /// A trainer that goes on from here.
    ///
    /// # Errors
    /// Those of [`Trainer::new`]; [`Error::MissingTensor`] and its like where the file does not fit its own settings.
    pub fn resume(self, device: &Device) -> Result<Trainer> {
        let frame = VideoTextModel::empty(&self.model, device);
        let base = TrainingBase { model: frame, preprocess: self.preprocess, tokenizer_json: self.tokenizer_json };
        let mut trainer = Trainer::new(self.config, Some(base), device)?;
        let state = TrainingState { step: self.step, tensors: self.tensors };
        state.restore(&mut trainer, device, &self.file, &LoadRules::default())?;
        Ok(trainer)
    }
}
