//! What a run goes on from, in host memory: parameters, the optimizer's moments, the number of steps done. The command
//! line's checkpoints hold all parameters, those of the page what trains.

use crate::error::{Error, Result};
use crate::train::Trainer;
use crate::weights::module::{LoadRules, apply};
use crate::weights::{DeviceTensor, HostTensor, HostTensors, TensorSource as _};
use burn::optim::{AdamWState, AdaptiveMomentumState};
use burn::tensor::{Device, Tensor};
use std::collections::BTreeMap;

const PARAMETER: &str = "parameter/";
const FIRST_MOMENT: &str = "first-moment/";
const SECOND_MOMENT: &str = "second-moment/";
const TIME: &str = "time/";

/// Parameters and moments at a step.
#[derive(Debug, Clone)]
pub struct TrainingState {
    /// Steps done.
    pub step: usize,
    /// By what they are and their checkpoint key: `parameter/KEY`, `first-moment/KEY`, `second-moment/KEY`, `time/KEY`.
    pub tensors: BTreeMap<String, HostTensor>,
}

impl TrainingState {
    /// The parameters whose key is `wanted`, and all moments, read back from the device.
    ///
    /// # Errors
    /// [`Error::Compute`] where the device fails; [`Error::NonFinite`] where training diverged.
    pub async fn of(trainer: &Trainer, wanted: impl Fn(&str) -> bool) -> Result<Self> {
        let mut tensors = BTreeMap::new();
        let parameters = HostTensors::of_some(&trainer.model()?, wanted).await?;
        for name in parameters.tensors().keys() {
            tensors.insert(format!("{PARAMETER}{name}"), parameters.read(name)?);
        }
        for (name, state) in trainer.optimizer().state() {
            let moments = [(FIRST_MOMENT, &state.momentum.moment_1), (SECOND_MOMENT, &state.momentum.moment_2)];
            for (kind, moment) in moments {
                let data = moment.clone().into_data_async().await;
                let data = data.map_err(|error| Error::Compute { reason: error.to_string() })?;
                let values: Vec<f32> = data.iter::<f32>().collect();
                tensors.insert(format!("{kind}{name}"), HostTensor { shape: vec![values.len()], values });
            }
            // Steps that were skipped did not count for the moments.
            let values = vec![state.momentum.time as f32];
            tensors.insert(format!("{TIME}{name}"), HostTensor { shape: vec![1], values });
        }
        Ok(Self { step: trainer.steps_done(), tensors })
    }

    /// The parameters alone, by checkpoint key.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &HostTensor)> {
        self.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(PARAMETER)?, tensor)))
    }

    /// Puts a trainer made with the same settings where the run was. `rules` say which parameters may be missing (they
    /// stay as they are); `file` names the state in errors.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] and its like where the state is another model's.
    pub fn restore(self, trainer: &mut Trainer, device: &Device, file: &str, rules: &LoadRules) -> Result<()> {
        let mut parameters: BTreeMap<String, DeviceTensor> = BTreeMap::new();
        let mut moments: BTreeMap<String, [Option<Tensor<1>>; 2]> = BTreeMap::new();
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (name, tensor) in self.tensors {
            if let Some(name) = name.strip_prefix(PARAMETER) {
                parameters.insert(name.to_owned(), tracked(tensor.upload(device)));
            } else if let Some(name) = name.strip_prefix(FIRST_MOMENT) {
                moments.entry(name.to_owned()).or_default()[0] = Some(tensor.upload(device).values);
            } else if let Some(name) = name.strip_prefix(SECOND_MOMENT) {
                moments.entry(name.to_owned()).or_default()[1] = Some(tensor.upload(device).values);
            } else if let Some(name) = name.strip_prefix(TIME) {
                times.insert(name.to_owned(), tensor.values.first().map_or(0, |time| *time as usize));
            }
        }
        let mut state = BTreeMap::new();
        for (name, pair) in moments {
            if let ([Some(moment_1), Some(moment_2)], Some(&time)) = (pair, times.get(&name)) {
                let momentum = AdaptiveMomentumState { time, moment_1, moment_2, max_moment_2: None };
                state.insert(name, AdamWState { momentum });
            }
        }
        trainer.restore(|model| apply(model, parameters, file, rules), state, self.step)
    }
}

/// A parameter for a module that keeps gradients.
fn tracked(tensor: DeviceTensor) -> DeviceTensor {
    DeviceTensor { shape: tensor.shape, values: Tensor::from_inner(tensor.values) }
}
