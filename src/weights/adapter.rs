//! Adapters (LoRA) as folders that PEFT writes and reads: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! Beside low-rank pairs a folder may hold parameters that were trained whole: scene-graph tokens (PEFT's
//! `modules_to_save` with module `sg`), the temperature, biases, norms. Which base model the adapter belongs to
//! ([`fingerprint`](super::fingerprint())) and the settings of its scene-graph tokens are in the metadata of the safetensors
//! file, keys `sgcr.base_sha256` and `sgcr.scene_tokens`: PEFT passes over metadata, while it warns of fields that it does
//! not know in `adapter_config.json` (and refused them before version 0.14).

mod config;
mod files;
mod keys;
mod mix;

pub use mix::mix;

use super::safetensors_file::Header;
use super::stream::ShardStream;
use super::tensor::{HostTensor, HostTensors, TensorSource as _, missing};
use crate::config::SceneTokensConfig;
use crate::error::{Error, Result};
use crate::model::{VideoTextModel, is_adapter_key, is_scene_key};
use crate::source::Folder;
use config::PeftConfig;
use keys::{Factor, PeftKey};
use std::collections::BTreeMap;

/// The settings of an adapter folder.
pub const ADAPTER_CONFIG_FILE: &str = "adapter_config.json";
/// The tensors of an adapter folder.
pub const ADAPTER_MODEL_FILE: &str = "adapter_model.safetensors";
/// What older versions of PEFT write.
const PICKLED_FILE: &str = "adapter_model.bin";

/// Metadata: [`AdapterBase::sha256`].
const BASE_SHA256: &str = "sgcr.base_sha256";
/// Metadata: [`Adapter::scene_tokens`] as JSON.
const SCENE_TOKENS: &str = "sgcr.scene_tokens";

type Pairs = BTreeMap<String, LowRank>;
type Parameters = BTreeMap<String, HostTensor>;

/// An adapter in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// How it is named in messages: the folder.
    pub name: String,
    /// Low-rank pairs by the path of their linear map, e.g. `vision_encoder.transformer.resblocks.0.attn.in_proj`.
    pub pairs: BTreeMap<String, LowRank>,
    /// Parameters that take the place of the base's, by their checkpoint key.
    pub parameters: BTreeMap<String, HostTensor>,
    /// What its scene-graph parameters (`sg.*`) are for, where it has any.
    pub scene_tokens: Option<SceneTokensConfig>,
    /// Share of inputs that was dropped in training.
    pub dropout: f64,
    /// The model it belongs to.
    pub base: AdapterBase,
    /// PEFT's `peft_version` of the folder it was read from.
    pub peft_version: Option<String>,
}

/// The model an adapter was trained on, as far as its folder tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AdapterBase {
    /// PEFT's `base_model_name_or_path`.
    pub name: Option<String>,
    /// The base's [`fingerprint`](super::fingerprint()).
    pub sha256: Option<String>,
}

/// What is added to the weight of a linear map: `scale B A`.
#[derive(Debug, Clone, PartialEq)]
pub struct LowRank {
    /// A: `[rank, in]`.
    pub a: HostTensor,
    /// B: `[out, rank]`.
    pub b: HostTensor,
    /// alpha / rank, or alpha / sqrt(rank) for PEFT's `use_rslora`.
    pub scale: f64,
}

impl LowRank {
    /// Rows of A.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.a.shape[0]
    }

    /// Extents of what is added: `[out, in]`.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        [self.b.shape[0], self.a.shape[1]]
    }

    /// The alpha that gives the scale as alpha / rank.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        let alpha = self.scale * self.rank() as f64;
        // 16 / 3 * 3 need not be 16.
        let whole = alpha.round();
        if (alpha - whole).abs() <= 1e-12 * alpha.abs() { whole } else { alpha }
    }

    /// Whether both factors are zero, as PEFT's files need it for the projection of an attention that has no adapter. (Of
    /// a trained pair A is never zero.)
    fn is_nothing(&self) -> bool {
        self.a.values.iter().chain(&self.b.values).all(|value| *value == 0.0)
    }
}

impl Adapter {
    /// What `model` was trained to: its adapters, and the parameters whose key `whole` names (scene-graph tokens, the
    /// temperature).
    ///
    /// # Errors
    /// [`Error::Compute`] where the device fails, [`Error::NonFinite`] where training diverged.
    pub async fn of(
        model: &VideoTextModel,
        name: impl Into<String>,
        base: AdapterBase,
        whole: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let tensors = HostTensors::of_some(model, |key| is_adapter_key(key) || whole(key)).await?;
        let (mut pairs, mut dropout) = (Pairs::new(), 0.0);
        for (path, lora) in model.adapters() {
            let module = keys::lora_module(&path);
            let factor = |name: &str| tensors.read(&format!("{module}.{name}"));
            pairs.insert(path, LowRank { a: factor("a")?, b: factor("b")?, scale: lora.scale() });
            dropout = lora.dropout();
        }
        let mut parameters = Parameters::new();
        for key in tensors.tensors().keys().filter(|key| !is_adapter_key(key)) {
            parameters.insert(key.clone(), tensors.read(key)?);
        }
        let has_scene = parameters.keys().any(|key| is_scene_key(key));
        let scene_tokens = has_scene.then(|| model.config().scene_tokens.clone());
        Ok(Self { name: name.into(), pairs, parameters, scene_tokens, dropout, base, peft_version: None })
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// [`Error::MissingFile`]; [`Error::InvalidJson`]; [`Error::InvalidInput`] for what PEFT can do and is not supported
    /// here (`DoRA`, …), by name; [`Error::MissingTensor`] for half a pair; [`Error::ShapeMismatch`], [`Error::NonFinite`],
    /// [`Error::CorruptFile`]; those of [`Folder`].
    pub async fn read<F: Folder>(folder: &F) -> Result<Self> {
        let missing_file = |file: &str, advice: &str| Error::MissingFile {
            folder: folder.name(),
            file: file.to_owned(),
            advice: advice.to_owned(),
        };
        if !folder.has(ADAPTER_CONFIG_FILE).await? {
            let advice = "an adapter is a folder with adapter_config.json and adapter_model.safetensors, as PEFT's \
                          save_pretrained writes it";
            return Err(missing_file(ADAPTER_CONFIG_FILE, advice));
        }
        let text = folder.text(ADAPTER_CONFIG_FILE).await?;
        let config = PeftConfig::from_json(&text, &format!("{}/{ADAPTER_CONFIG_FILE}", folder.name()))?;
        if !folder.has(ADAPTER_MODEL_FILE).await? {
            let pickled = folder.has(PICKLED_FILE).await?;
            let advice = if pickled { "save it again with safe_serialization=True" } else { "the copy is incomplete" };
            return Err(missing_file(ADAPTER_MODEL_FILE, advice));
        }
        let mut stream = ShardStream::open(folder, ADAPTER_MODEL_FILE, None).await?;
        let Header { tensors, metadata, .. } = stream.header().await?;
        let file = format!("{}/{ADAPTER_MODEL_FILE}", folder.name());
        let mut halves = Halves::new(&config, &file);
        for (key, info, _) in &tensors {
            // By the name in the file, so that an error names what is there.
            let tensor = stream.tensor(key, info).await?;
            halves.take(key, tensor)?;
        }
        let (pairs, parameters) = halves.finish()?;
        let scene_tokens =
            metadata.get(SCENE_TOKENS).map(|json| serde_json::from_str(json).map_err(Error::json(&*file)));
        let scene_tokens: Option<SceneTokensConfig> = scene_tokens.transpose()?;
        let base = AdapterBase { name: config.base_model, sha256: metadata.get(BASE_SHA256).cloned() };
        let PeftConfig { dropout, peft_version, .. } = config;
        Ok(Self { name: folder.name(), pairs, parameters, scene_tokens, dropout, base, peft_version })
    }

    /// Holds the base's fingerprint against the one that the folder names; false where it names none.
    ///
    /// # Errors
    /// [`Error::WrongBase`].
    pub fn check_base(&self, sha256: &str) -> Result<bool> {
        match &self.base.sha256 {
            None => Ok(false),
            Some(expected) if expected.eq_ignore_ascii_case(sha256) => Ok(true),
            Some(expected) => Err(Error::WrongBase {
                adapter: self.name.clone(),
                base: self.base.name.clone().unwrap_or_else(|| "a model without a name".to_owned()),
                expected: expected.clone(),
                got: sha256.to_owned(),
            }),
        }
    }

    /// The version of PEFT that saved it, where that is newer than those this program was held against and the numbers
    /// may depend on it.
    #[must_use]
    pub fn unchecked_version(&self) -> Option<&str> {
        let depends = self.pairs.keys().any(|path| path.ends_with(".attn.out_proj"));
        self.peft_version.as_deref().filter(|version| depends && keys::is_newer(version))
    }

    /// Numbers in all its tensors.
    #[must_use]
    pub fn count(&self) -> usize {
        let pairs = self.pairs.values().map(|pair| pair.a.values.len() + pair.b.values.len());
        pairs.chain(self.parameters.values().map(|tensor| tensor.values.len())).sum()
    }

    /// Whether it has scene-graph parameters.
    #[must_use]
    pub fn has_scene_tokens(&self) -> bool {
        self.parameters.keys().any(|key| is_scene_key(key))
    }
}

/// The tensors of a folder while they come in, factor by factor.
struct Halves<'a> {
    config: &'a PeftConfig,
    file: &'a str,
    pairs: BTreeMap<String, Half>,
    parameters: Parameters,
}

/// A pair that may lack a factor.
struct Half {
    a: Option<HostTensor>,
    b: Option<HostTensor>,
    alpha: f64,
}

impl<'a> Halves<'a> {
    fn new(config: &'a PeftConfig, file: &'a str) -> Self {
        Self { config, file, pairs: BTreeMap::new(), parameters: Parameters::new() }
    }

    fn take(&mut self, key: &str, tensor: HostTensor) -> Result<()> {
        let twice = match PeftKey::parse(key, self.file)? {
            PeftKey::Parameter(name) => self.parameters.insert(name, tensor).is_some(),
            PeftKey::Factor { path, module, factor, output } => {
                if tensor.shape.len() != 2 || tensor.values.is_empty() {
                    let reason = format!("\"{key}\" has shape {:?}; a factor is a matrix", tensor.shape);
                    return Err(self.corrupt(reason));
                }
                let mut tensor = tensor;
                if output && factor == Factor::B {
                    let times = keys::output_times(self.config.peft_version.as_deref());
                    tensor.values.iter_mut().for_each(|value| *value *= times);
                }
                let alpha = self.config.alpha_of(&module, self.file)?;
                let half = self.pairs.entry(path).or_insert(Half { a: None, b: None, alpha });
                let place = if factor == Factor::A { &mut half.a } else { &mut half.b };
                place.replace(tensor).is_some()
            }
        };
        if twice {
            return Err(self.corrupt(format!("\"{key}\" and another of its tensors stand for the same matrix")));
        }
        Ok(())
    }

    fn finish(self) -> Result<(Pairs, Parameters)> {
        let known: Vec<String> = self.pairs.keys().cloned().collect();
        let mut pairs = Pairs::new();
        for (path, Half { a, b, alpha }) in self.pairs {
            let lacks = |factor: &str| missing(&format!("{factor} of {path}"), &[], self.file, known.iter());
            let (a, b) = (a.ok_or_else(|| lacks("lora_A"))?, b.ok_or_else(|| lacks("lora_B"))?);
            let (rank, expected) = (a.shape[0], vec![b.shape[0], a.shape[0]]);
            if b.shape != expected {
                return Err(Error::ShapeMismatch { name: format!("lora_B of {path}"), expected, got: b.shape });
            }
            let pair = LowRank { a, b, scale: self.config.scale(alpha, rank) };
            if !pair.is_nothing() {
                pairs.insert(path, pair);
            }
        }
        Ok((pairs, self.parameters))
    }

    fn corrupt(&self, reason: String) -> Error {
        Error::CorruptFile { file: self.file.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests;
