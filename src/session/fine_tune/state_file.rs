//! A run's state as a file: a safetensors container of what trains, the rest in its metadata.

use super::{FineTuneOptions, Standing};
use crate::error::{Error, Result};
use crate::session::memory_plan::MemoryPlan;
use crate::train::TrainingState;
use crate::weights::{AdapterBase, HostTensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

const METADATA: &str = "sgcr.fine_tune";
const FILE: &str = "the run's checkpoint";
const NOW: &str = "now/";
const BEST: &str = "best/";

/// What a run goes on from, beside its samples.
pub(super) struct StateFile {
    pub options: FineTuneOptions,
    pub standing: Standing,
    pub base: AdapterBase,
    pub plan_then: MemoryPlan,
    pub now: TrainingState,
    pub best: Option<TrainingState>,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    options: FineTuneOptions,
    standing: Standing,
    base: AdapterBase,
    plan: MemoryPlan,
    step: usize,
    best_step: Option<usize>,
}

pub(super) fn write_state(state: &StateFile) -> Result<Vec<u8>> {
    let metadata = Metadata {
        options: state.options.clone(),
        standing: state.standing,
        base: state.base.clone(),
        plan: state.plan_then.clone(),
        step: state.now.step,
        best_step: state.best.as_ref().map(|best| best.step),
    };
    let metadata = serde_json::to_string(&metadata).map_err(Error::json(FILE))?;
    let named = |prefix: &'static str, state: &TrainingState| -> Vec<(String, HostTensor)> {
        state.tensors.iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone())).collect()
    };
    let mut tensors = named(NOW, &state.now);
    tensors.extend(state.best.iter().flat_map(|best| named(BEST, best)));
    let refused =
        |error: safetensors::SafeTensorError| Error::InvalidInput { what: FILE.to_owned(), reason: error.to_string() };
    let views = tensors.iter().map(|(name, tensor)| {
        let bytes: &[u8] = bytemuck::cast_slice(&tensor.values);
        Ok((name.as_str(), TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(refused)?))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize(views, Some(HashMap::from([(METADATA.to_owned(), metadata)]))).map_err(refused)
}

pub(super) fn read_state(bytes: &[u8]) -> Result<StateFile> {
    let corrupt = |reason: String| Error::CorruptFile { file: FILE.to_owned(), reason };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| corrupt(error.to_string()))?;
    let metadata = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA));
    let metadata = metadata.ok_or_else(|| corrupt(format!("no \"{METADATA}\" in its metadata")))?;
    let Metadata { options, standing, base, plan, step, best_step } =
        serde_json::from_str(metadata).map_err(Error::json(FILE))?;
    let stored = SafeTensors::deserialize(bytes).map_err(|error| corrupt(error.to_string()))?;
    let (mut now, mut best) = (BTreeMap::new(), BTreeMap::new());
    for (name, view) in stored.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(Error::UnsupportedDtype { name: name.to_owned(), dtype: format!("{:?}", view.dtype()) });
        }
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let tensor = HostTensor { shape: view.shape().to_vec(), values };
        if let Some(name) = name.strip_prefix(NOW) {
            now.insert(name.to_owned(), tensor);
        } else if let Some(name) = name.strip_prefix(BEST) {
            best.insert(name.to_owned(), tensor);
        }
    }
    Ok(StateFile {
        options,
        standing,
        base,
        plan_then: plan,
        now: TrainingState { step, tensors: now },
        best: best_step.map(|step| TrainingState { step, tensors: best }),
    })
}
