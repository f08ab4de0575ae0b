//! A model folder: config, preprocessing, tokenizer and weights, from disk, memory, HTTP or Blobs.

use super::checkpoint::open_pickled;
use super::index::{INDEX_FILE, WeightsIndex};
use super::layout::{check_partly, check_tensors};
use super::module::DeviceTensor;
use super::names::NameMap;
use super::stream::ShardStream;
use super::tensor::{HostTensor, TensorInfo, TensorSource};
use crate::config::{ModelConfig, ModelType, PreprocessConfig};
use crate::error::{Error, Result};
use crate::event::{Abort, Event, Events};
use crate::source::Folder;
use burn::tensor::Device;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The files of a model folder.
pub(crate) const CONFIG_FILE: &str = "config.json";
pub(crate) const PREPROCESS_FILE: &str = "preprocessor_config.json";
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
pub(crate) const SINGLE_FILE: &str = "model.safetensors";

/// Weights in one file, under the names that publishers use; the first that exists is read.
const SINGLE_FILES: &[&str] = &[SINGLE_FILE, "checkpoint.safetensors"];
const PICKLED_FILES: &[&str] = &["checkpoint.pth", "checkpoint.pt", "pytorch_model.bin", "model.pth", "model.pt"];

/// The progress stage of loading, in bytes.
const STAGE: &str = "weights";

enum Weights {
    Shards(WeightsIndex),
    Single(&'static str),
    /// Native only; read by path.
    Pickled(PathBuf),
}

/// An opened model folder. Small files are read, the weights are not yet.
pub struct ModelFolder<F> {
    folder: F,
    config: ModelConfig,
    preprocess: PreprocessConfig,
    weights: Weights,
}

impl<F: Folder> ModelFolder<F> {
    /// Reads `config.json` (any layout of [`ModelConfig::from_json`]) and `preprocessor_config.json`, and finds the
    /// weights: shards with an index, `model.safetensors`, or a published checkpoint beside a config.
    ///
    /// # Errors
    /// [`Error::MissingFile`] without config or weights; those of the config readers; [`Error::InvalidConfig`] where the
    /// two configs contradict each other; those of [`Folder`].
    pub async fn open(folder: F) -> Result<Self> {
        if !folder.has(CONFIG_FILE).await? {
            let advice = "a model folder has config.json, preprocessor_config.json, tokenizer.json and \
                          model.safetensors; make one from a checkpoint with `sgcr convert`";
            return Err(missing_file(&folder, CONFIG_FILE, advice));
        }
        let text = folder.text(CONFIG_FILE).await?;
        let config = ModelConfig::from_json(&text, &path(&folder, CONFIG_FILE))?;
        let preprocess = read_preprocess(&folder, &config, &text).await?;
        let weights = find_weights(&folder).await?;
        Ok(Self { folder, config, preprocess, weights })
    }

    /// How the folder is named in messages.
    pub fn name(&self) -> String {
        self.folder.name()
    }

    /// Its files.
    pub fn files(&self) -> &F {
        &self.folder
    }

    /// Architecture.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Preprocessing: the folder's, or its model type's as published where the folder has none.
    pub fn preprocess(&self) -> &PreprocessConfig {
        &self.preprocess
    }

    /// The index of the shards, where there is one.
    pub fn index(&self) -> Option<&WeightsIndex> {
        match &self.weights {
            Weights::Shards(index) => Some(index),
            _ => None,
        }
    }

    /// The text of `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::MissingFile`]; those of [`Folder`].
    pub async fn tokenizer_json(&self) -> Result<String> {
        if !self.folder.has(TOKENIZER_FILE).await? {
            let advice = "give CLIP's merges (bpe_simple_vocab_16e6.txt.gz), BERT's vocab.txt or a tokenizer.json to `sgcr convert`";
            return Err(missing_file(&self.folder, TOKENIZER_FILE, advice));
        }
        self.folder.text(TOKENIZER_FILE).await
    }

    /// Reads every tensor onto `device`, one after another.
    ///
    /// # Errors
    /// Those of [`ModelFolder::read`].
    pub async fn load(
        &self,
        device: &Device,
        events: &mut impl Events,
        abort: &Abort,
    ) -> Result<BTreeMap<String, DeviceTensor>> {
        let mut tensors = BTreeMap::new();
        let upload = |name, tensor: HostTensor| {
            tensors.insert(name, tensor.upload(device));
            Ok(())
        };
        self.read(events, abort, upload).await?;
        Ok(tensors)
    }

    /// Hands every tensor of the model to `sink`, under our names, and holds one at a time. Names are checked before
    /// anything is read, shapes before their tensor is, hashes shard by shard. Emits [`Event::Progress`] of stage
    /// `weights` in bytes.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::UnexpectedTensor`], [`Error::ShapeMismatch`], [`Error::NonFinite`],
    /// [`Error::HashMismatch`], [`Error::CorruptFile`], [`Error::UnsafePickle`], [`Error::Aborted`]; those of [`Folder`]
    /// and of `sink`.
    pub async fn read(
        &self,
        events: &mut impl Events,
        abort: &Abort,
        sink: impl FnMut(String, HostTensor) -> Result<()>,
    ) -> Result<()> {
        let total = match &self.weights {
            Weights::Shards(index) => index.metadata.total_size,
            Weights::Single(file) => self.folder.size(file).await?,
            Weights::Pickled(_) => 0,
        };
        let mut reading = Reading { config: &self.config, events, abort, sink, done: 0, total };
        match &self.weights {
            Weights::Shards(index) => self.read_shards(index, &mut reading).await,
            Weights::Single(file) => self.read_single(file, &mut reading).await,
            Weights::Pickled(path) => reading.source(open_pickled(path)?.as_ref()),
        }
    }

    async fn read_shards<E: Events, S: Sink>(
        &self,
        index: &WeightsIndex,
        reading: &mut Reading<'_, E, S>,
    ) -> Result<()> {
        let file = path(&self.folder, INDEX_FILE);
        let map = NameMap::of(index.weight_map.keys().map(String::as_str), &file)?;
        refuse_assembled(&map, &file)?;
        check_partly(&self.config, map.names.keys(), &BTreeMap::new(), &file)?;
        let stored: BTreeMap<_, _> = map.names.iter().map(|(ours, theirs)| (theirs.as_str(), ours.as_str())).collect();
        for shard in index.shards() {
            let sha256 = index.metadata.sha256.get(shard).map(String::as_str);
            let mut stream = ShardStream::open(&self.folder, shard, sha256).await?;
            let here = |name: &str| index.weight_map.get(name).is_some_and(|at| at == shard);
            let mut wanted: BTreeMap<&str, &str> =
                stored.iter().filter(|(name, _)| here(name)).map(|(theirs, ours)| (*theirs, *ours)).collect();
            let read = self.read_shard(&mut stream, &map, &mut wanted, reading).await;
            // Damage shows as an error of any kind; the hash, if there is one, says that it is damage.
            if !matches!(read, Err(Error::Aborted)) {
                stream.finish().await?;
            }
            read?;
            if let Some((theirs, ours)) = wanted.first_key_value() {
                let shape = super::layout::tensors_of(&self.config).remove(*ours).unwrap_or_default();
                return Err(super::tensor::missing(theirs, &shape, &path(&self.folder, shard), std::iter::empty()));
            }
        }
        Ok(())
    }

    /// Reads the tensors of `wanted` (the file's name to ours) and takes them out of it.
    async fn read_shard<E: Events, S: Sink>(
        &self,
        stream: &mut ShardStream<'_, F>,
        map: &NameMap,
        wanted: &mut BTreeMap<&str, &str>,
        reading: &mut Reading<'_, E, S>,
    ) -> Result<()> {
        let header = stream.header().await?;
        let mut shapes: BTreeMap<&str, &[usize]> = BTreeMap::new();
        for (theirs, info, _) in &header.tensors {
            if let Some(ours) = wanted.get(theirs.as_str()) {
                shapes.insert(ours, &info.shape);
            }
        }
        check_partly(&self.config, map.names.keys(), &shapes, stream.file())?;
        reading.tensors(stream, &header.tensors, |name| wanted.remove(name)).await
    }

    async fn read_single<E: Events, S: Sink>(&self, file: &str, reading: &mut Reading<'_, E, S>) -> Result<()> {
        let shown = path(&self.folder, file);
        let mut stream = ShardStream::open(&self.folder, file, None).await?;
        let header = stream.header().await?;
        let map = NameMap::of(header.tensors.iter().map(|(name, ..)| name.as_str()), &shown)?;
        refuse_assembled(&map, &shown)?;
        let infos: BTreeMap<&str, &TensorInfo> = header.tensors.iter().map(|(n, info, _)| (n.as_str(), info)).collect();
        let found = map.names.iter().map(|(ours, theirs)| (ours.clone(), infos[theirs.as_str()].clone())).collect();
        check_tensors(&self.config, &found, &shown)?;
        let stored: BTreeMap<_, _> = map.names.iter().map(|(ours, theirs)| (theirs.as_str(), ours.as_str())).collect();
        reading.tensors(&mut stream, &header.tensors, |name| stored.get(name).copied()).await
    }
}

/// A file is read from front to back, each tensor as it comes: what is made of several cannot be.
fn refuse_assembled(map: &NameMap, file: &str) -> Result<()> {
    if map.assembled.is_empty() {
        return Ok(());
    }
    let reason = "it has CLIP-ViP's published names; `sgcr convert --checkpoint` makes a model folder of it".to_owned();
    Err(Error::CorruptFile { file: file.to_owned(), reason })
}

/// Takes tensors one by one.
trait Sink: FnMut(String, HostTensor) -> Result<()> {}
impl<S: FnMut(String, HostTensor) -> Result<()>> Sink for S {}

/// One load: where tensors go and what is reported.
struct Reading<'a, E, S> {
    config: &'a ModelConfig,
    events: &'a mut E,
    abort: &'a Abort,
    sink: S,
    done: u64,
    total: u64,
}

impl<E: Events, S: Sink> Reading<'_, E, S> {
    /// The tensors of a file, in its order; `ours` gives our name for a stored one.
    async fn tensors<'n, F: Folder>(
        &mut self,
        stream: &mut ShardStream<'_, F>,
        tensors: &[(String, TensorInfo, u64)],
        mut ours: impl FnMut(&str) -> Option<&'n str>,
    ) -> Result<()> {
        for (stored, info, _) in tensors {
            self.abort.check()?;
            match ours(stored) {
                Some(name) => {
                    let tensor = stream.tensor(stored, info).await?;
                    (self.sink)(name.to_owned(), tensor)?;
                }
                None => stream.skip(info.bytes()).await?,
            }
            self.progress(info.bytes());
        }
        Ok(())
    }

    /// A source that is read at random.
    fn source(&mut self, source: &dyn TensorSource) -> Result<()> {
        check_tensors(self.config, source.tensors(), &source.name())?;
        self.total = source.tensors().values().map(TensorInfo::bytes).sum();
        for (name, info) in source.tensors() {
            self.abort.check()?;
            (self.sink)(name.clone(), source.read(name)?)?;
            self.progress(info.bytes());
        }
        Ok(())
    }

    fn progress(&mut self, bytes: u64) {
        self.done += bytes;
        self.events.emit(Event::Progress { stage: STAGE, done: self.done, total: self.total.max(self.done) });
    }
}

async fn find_weights<F: Folder>(folder: &F) -> Result<Weights> {
    if folder.has(INDEX_FILE).await? {
        let text = folder.text(INDEX_FILE).await?;
        return Ok(Weights::Shards(WeightsIndex::from_json(&text, &path(folder, INDEX_FILE))?));
    }
    for file in SINGLE_FILES {
        if folder.has(file).await? {
            return Ok(Weights::Single(file));
        }
    }
    for file in PICKLED_FILES {
        if let Some(path) = folder.local_path(file)
            && folder.has(file).await?
        {
            return Ok(Weights::Pickled(path));
        }
    }
    Err(missing_file(folder, SINGLE_FILE, "there are no weights beside its config.json; `sgcr convert` writes them"))
}

/// The compact configs of reference scripts carry the pixels' statistics.
#[derive(serde::Deserialize)]
struct PixelStatistics {
    pixel_mean: Option<[f32; 3]>,
    pixel_std: Option<[f32; 3]>,
}

async fn read_preprocess<F: Folder>(folder: &F, config: &ModelConfig, config_text: &str) -> Result<PreprocessConfig> {
    let text = if folder.has(PREPROCESS_FILE).await? { Some(folder.text(PREPROCESS_FILE).await?) } else { None };
    let file = path(folder, PREPROCESS_FILE);
    preprocess_of(config, config_text, text.as_deref().map(|text| (text, file.as_str())))
}

/// The preprocessing file's content, or the model type's as published; statistics in the config must agree with the
/// former and replace the latter.
pub(crate) fn preprocess_of(
    config: &ModelConfig,
    config_text: &str,
    file: Option<(&str, &str)>,
) -> Result<PreprocessConfig> {
    let stated: PixelStatistics =
        serde_json::from_str(config_text.trim_start_matches('\u{feff}')).map_err(Error::json(CONFIG_FILE))?;
    let (size, frames) = (config.vision.image_size, config.vision.frames);
    let mut preprocess = match (file, config.model_type) {
        (Some((text, name)), _) => PreprocessConfig::from_json(text, name)?,
        (None, ModelType::Viclip | ModelType::Internvideo2) => PreprocessConfig::viclip(size, frames),
        (None, ModelType::Clip) => PreprocessConfig::clip(size, frames),
        (None, ModelType::ClipVip) => PreprocessConfig::clip_vip(size, frames),
    };
    let differ = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-6);
    for (field, stated, value) in
        [("pixel_mean", stated.pixel_mean, &mut preprocess.mean), ("pixel_std", stated.pixel_std, &mut preprocess.std)]
    {
        let Some(stated) = stated else { continue };
        if file.is_some() && differ(stated, *value) {
            let expected = format!("the {value:?} of {PREPROCESS_FILE}; one of the two files is of another model");
            return Err(Error::InvalidConfig { field, value: format!("{stated:?}"), expected });
        }
        *value = stated;
    }
    if preprocess.image_size != size {
        let expected = format!("vision.image_size = {size} of {CONFIG_FILE}");
        return Err(Error::InvalidConfig { field: "image_size", value: preprocess.image_size.to_string(), expected });
    }
    preprocess.validate()?;
    Ok(preprocess)
}

fn path<F: Folder>(folder: &F, file: &str) -> String {
    format!("{}/{file}", folder.name())
}

fn missing_file<F: Folder>(folder: &F, file: &str, advice: &str) -> Error {
    Error::MissingFile { folder: folder.name(), file: file.to_owned(), advice: advice.to_owned() }
}

#[cfg(test)]
mod tests;
