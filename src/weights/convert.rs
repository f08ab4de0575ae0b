//! From a published checkpoint to a model folder (native only).

use super::checkpoint::Checkpoint;
use super::element::StoredType;
use super::folder::{CONFIG_FILE, PREPROCESS_FILE, TOKENIZER_FILE, preprocess_of};
use super::infer::infer_config;
use super::layout::{check_tensors, tensors_of};
use super::tensor::{HostTensor, TensorInfo, TensorSource, missing};
use super::write::{ModelWriter, SHARD_BYTES, WriteReport, check_place};
use crate::config::{ModelConfig, ModelType, PreprocessConfig};
use crate::error::{Error, Result};
use crate::event::{Abort, Event, Events};
use crate::model::is_matching_key;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// CLIP's merges as published, plain or gzipped.
const MERGES_FILES: &[&str] = &["bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt"];

/// BERT's vocabulary as published, which InternVideo2 uses.
const VOCABULARY_FILE: &str = "vocab.txt";

/// Merges unpack to 3.2 MB; far more is no merges file.
const MERGES_LIMIT: u64 = 64 << 20;

/// What to convert, and how.
#[derive(Debug, Clone)]
pub struct ConvertOptions {
    /// The checkpoint: `.safetensors`, `.pth`, `.pt` or `.bin`.
    pub checkpoint: PathBuf,
    /// Its config; `None` to infer it from the tensors (see [`find_config`]).
    pub config: Option<PathBuf>,
    /// Preprocessing; `None` for the file beside the checkpoint, or the model type's as published.
    pub preprocess: Option<PreprocessConfig>,
    /// Text of a `tokenizer.json` (see [`find_tokenizer`]); without it the model can score token ids only.
    pub tokenizer_json: Option<String>,
    /// Files with tensors that the checkpoint lacks: scene-graph parameters (`sg.*`), CLIP's token embedding for ViFi-CLIP.
    pub parts: Vec<PathBuf>,
    /// The folder to write.
    pub output: PathBuf,
    /// Element type to write.
    pub stored_type: StoredType,
    /// Largest shard in bytes.
    pub shard_bytes: u64,
    /// Whether a model folder at `output` may be replaced.
    pub overwrite: bool,
}

impl ConvertOptions {
    /// Converts `checkpoint` to `output` as f32, config and preprocessing as found.
    #[must_use]
    pub fn new(checkpoint: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            checkpoint: checkpoint.into(),
            config: None,
            preprocess: None,
            tokenizer_json: None,
            parts: Vec::new(),
            output: output.into(),
            stored_type: StoredType::F32,
            shard_bytes: SHARD_BYTES,
            overwrite: false,
        }
    }
}

/// What a conversion did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConvertReport {
    /// What was written.
    #[serde(flatten)]
    pub written: WriteReport,
    /// The config, as read or inferred.
    pub config: ModelConfig,
    /// Where the config came from: a path, or "the tensors' shapes".
    pub config_source: String,
    /// Tensors of the input files that are no part of the model.
    pub left_out: Vec<String>,
}

/// Converts a checkpoint. Names, shapes and configs are checked before anything is written; `finish` may add files to the
/// folder (its place until then is the argument) before it appears at its place.
///
/// # Errors
/// Those of `finish`, [`Checkpoint::open`], [`check_tensors`], [`infer_config`], the config readers and [`ModelWriter::write`];
/// [`Error::InvalidInput`] where the checkpoint lies in the folder that would be replaced.
pub fn convert(
    options: &ConvertOptions,
    events: &mut impl Events,
    abort: &Abort,
    finish: impl FnOnce(&Path) -> Result<()>,
) -> Result<ConvertReport> {
    refuse_checkpoint_in(&options.checkpoint, &options.output)?;
    let mut source = Merged::open(options)?;
    let (config, text, config_source) = match &options.config {
        Some(path) => {
            let text = read_text(path)?;
            (ModelConfig::from_json(&text, &path.display().to_string())?, text, path.display().to_string())
        }
        None => (infer_config(&source.tensors, &source.name)?, "{}".to_owned(), "the tensors' shapes".to_owned()),
    };
    source.keep_known(&config);
    check_tensors(&config, &source.tensors, &source.name)?;
    let preprocess = match &options.preprocess {
        Some(preprocess) => preprocess.clone(),
        None => find_preprocess(options, &config, &text)?,
    };
    preprocess.validate()?;
    if options.tokenizer_json.is_none() {
        let message = "no tokenizer was given or found; this model can score token ids only".to_owned();
        events.emit(Event::Notice { code: "no-tokenizer", message });
    }
    let writer = ModelWriter {
        config: &config,
        preprocess: &preprocess,
        tokenizer_json: options.tokenizer_json.as_deref(),
        stored_type: options.stored_type,
        shard_bytes: options.shard_bytes,
        overwrite: options.overwrite,
    };
    let written = writer.write_then(&options.output, &source, events, abort, finish)?;
    Ok(ConvertReport { written, config, config_source, left_out: source.left_out })
}

/// The config beside a checkpoint, if there is one.
#[must_use]
pub fn find_config(checkpoint: &Path) -> Option<PathBuf> {
    Some(checkpoint.with_file_name(CONFIG_FILE)).filter(|path| path.is_file())
}

/// A tokenizer's file, as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenizerFile {
    /// The text of a `tokenizer.json`.
    Json(String),
    /// A list of words: CLIP's merges, unpacked, or BERT's vocabulary.
    Words(Vec<u8>),
}

/// Reads the tokenizer at `given`, or the one beside the checkpoint: `tokenizer.json`, `bpe_simple_vocab_16e6.txt[.gz]`,
/// `vocab.txt`.
/// `None` where nothing was given and nothing lies there.
///
/// # Errors
/// [`Error::Io`]; [`Error::CorruptFile`] for a gzip file that does not unpack.
pub fn find_tokenizer(checkpoint: &Path, given: Option<&Path>) -> Result<Option<TokenizerFile>> {
    let beside = || {
        let names = [TOKENIZER_FILE].into_iter().chain(MERGES_FILES.iter().copied()).chain([VOCABULARY_FILE]);
        names.map(|name| checkpoint.with_file_name(name)).find(|path| path.is_file())
    };
    let Some(path) = given.map(Path::to_owned).or_else(beside) else { return Ok(None) };
    if path.extension().is_some_and(|extension| extension == "json") {
        return Ok(Some(TokenizerFile::Json(read_text(&path)?)));
    }
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Some(TokenizerFile::Words(bytes)));
    }
    let mut merges = Vec::new();
    let unpacked = flate2::read::GzDecoder::new(bytes.as_slice()).take(MERGES_LIMIT).read_to_end(&mut merges);
    match unpacked {
        Ok(count) if (count as u64) < MERGES_LIMIT => Ok(Some(TokenizerFile::Words(merges))),
        Ok(_) => Err(corrupt(&path, "it unpacks to far more than merges are".to_owned())),
        Err(error) => Err(corrupt(&path, format!("it does not unpack: {error}"))),
    }
}

fn find_preprocess(options: &ConvertOptions, config: &ModelConfig, config_text: &str) -> Result<PreprocessConfig> {
    let path = options.checkpoint.with_file_name(PREPROCESS_FILE);
    let text = if path.is_file() { Some(read_text(&path)?) } else { None };
    let name = path.display().to_string();
    preprocess_of(config, config_text, text.as_deref().map(|text| (text, name.as_str())))
}

fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    String::from_utf8(bytes).map_err(|error| corrupt(path, format!("it is no UTF-8 text: {error}")))
}

fn corrupt(path: &Path, reason: String) -> Error {
    Error::CorruptFile { file: path.display().to_string(), reason }
}

/// Refuses, before any work is done, an output that could not be written in the end.
///
/// # Errors
/// [`Error::InvalidInput`] for one that is not empty, unless it is a model folder that may be replaced and the checkpoint
/// does not lie in it; [`Error::Io`].
pub fn check_output(checkpoint: &Path, output: &Path, overwrite: bool) -> Result<()> {
    refuse_checkpoint_in(checkpoint, output)?;
    check_place(output, overwrite)
}

/// Replacing a folder deletes what it held.
fn refuse_checkpoint_in(checkpoint: &Path, output: &Path) -> Result<()> {
    let folder = checkpoint.parent().and_then(|parent| parent.canonicalize().ok());
    if folder.is_some() && folder == output.canonicalize().ok() {
        let reason = "the checkpoint lies in it; name another folder".to_owned();
        return Err(Error::InvalidInput { what: format!("output {}", output.display()), reason });
    }
    Ok(())
}

/// A checkpoint, and for the tensors it lacks further files.
struct Merged {
    name: String,
    files: Vec<Checkpoint>,
    /// Index into `files`.
    origin: BTreeMap<String, usize>,
    tensors: BTreeMap<String, TensorInfo>,
    left_out: Vec<String>,
}

impl Merged {
    fn open(options: &ConvertOptions) -> Result<Self> {
        let mut files = vec![Checkpoint::open(&options.checkpoint)?];
        for part in &options.parts {
            // A part may be another model's checkpoint (wrapped names) or loose tensors.
            files.push(Checkpoint::open(part).or_else(|_| Checkpoint::open_part(part))?);
        }
        let name = files.iter().map(TensorSource::name).collect::<Vec<_>>().join(" + ");
        let left_out = files.iter().flat_map(|file| file.left_out().to_vec()).collect();
        let mut merged = Self { name, files, origin: BTreeMap::new(), tensors: BTreeMap::new(), left_out };
        for (at, file) in merged.files.iter().enumerate() {
            for (name, info) in file.tensors() {
                if let std::collections::btree_map::Entry::Vacant(vacant) = merged.origin.entry(name.clone()) {
                    vacant.insert(at);
                    merged.tensors.insert(name.clone(), info.clone());
                }
            }
        }
        Ok(merged)
    }

    /// Drops what parts hold beyond the model, and matching where the config has none; what else the checkpoint itself holds
    /// beyond the model stays, to be refused.
    fn keep_known(&mut self, config: &ModelConfig) {
        let expected = tensors_of(config);
        let is_matching =
            |name: &str| config.model_type == ModelType::Internvideo2 && is_matching_key(name, config.text.layers);
        let foreign = |name: &String, at: &usize| (*at > 0 || is_matching(name)) && !expected.contains_key(name);
        let drop: Vec<_> = self.origin.iter().filter(|(name, at)| foreign(name, at)).map(|(n, _)| n.clone()).collect();
        for name in drop {
            self.origin.remove(&name);
            self.tensors.remove(&name);
            self.left_out.push(name);
        }
    }
}

impl TensorSource for Merged {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn tensors(&self) -> &BTreeMap<String, TensorInfo> {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<HostTensor> {
        match self.origin.get(name) {
            Some(at) => self.files[*at].read(name),
            None => Err(missing(name, &[], &self.name, self.tensors.keys())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Silent;
    use crate::source::DiskFolder;
    use crate::weights::ModelFolder;
    use pollster::block_on;

    fn fixture(path: &str) -> PathBuf {
        Path::new("tests/fixtures").join(path)
    }

    fn run(options: &ConvertOptions) -> Result<ConvertReport> {
        convert(options, &mut Silent, &Abort::default(), |_| Ok(()))
    }

    fn read(folder: &Path) -> BTreeMap<String, HostTensor> {
        let mut tensors = BTreeMap::new();
        let take = |name, tensor| {
            tensors.insert(name, tensor);
            Ok(())
        };
        let model = block_on(ModelFolder::open(DiskFolder::open(folder).unwrap())).unwrap();
        block_on(model.read(&mut Silent, &Abort::default(), take)).unwrap();
        tensors
    }

    #[test]
    fn published_layouts_become_folders_with_the_same_numbers() {
        let left_out = ["clipmodel.vision_model.embeddings.position_ids"];
        for (name, left_out) in [
            ("viclip_tiny/checkpoint.pth", &[][..]),
            ("clip_tiny/checkpoint.pt", &[]),
            ("clip_tiny/checkpoint.safetensors", &[]),
            ("clip_vip_tiny/checkpoint.pt", &left_out),
        ] {
            let parent = tempfile::tempdir().unwrap();
            let mut options = ConvertOptions::new(fixture(name), parent.path().join("m"));
            options.config = find_config(&options.checkpoint);
            options.tokenizer_json = Some("{}".to_owned());
            let report = run(&options).unwrap();
            assert_eq!(report.left_out, left_out);
            let source = Checkpoint::open(&options.checkpoint).unwrap();
            let written = read(&options.output);
            assert_eq!(written.len(), source.tensors().len());
            for (tensor, value) in written {
                assert_eq!(value, source.read(&tensor).unwrap(), "{tensor}");
            }
        }
    }

    #[test]
    fn a_torchscript_archive_converts_like_its_state_dict() {
        let parent = tempfile::tempdir().unwrap();
        let converted = |name: &str| {
            let checkpoint = fixture("clip_torchscript").join(name);
            let mut options = ConvertOptions::new(&checkpoint, parent.path().join(name));
            options.config = find_config(&checkpoint);
            let report = run(&options).unwrap();
            assert_eq!(report.left_out, ["context_length", "visual.input_resolution", "vocab_size"]);
            read(&options.output)
        };
        assert_eq!(converted("traced_f16.pt"), converted("state_dict_f16.safetensors"));
        assert_eq!(converted("scripted_f32.pt"), converted("state_dict_f32.safetensors"));
    }

    #[test]
    fn scene_graph_parameters_come_from_a_part() {
        for name in ["sgcr_literal", "sgcr_block"] {
            let parent = tempfile::tempdir().unwrap();
            let checkpoint = fixture(name).join("backbone.safetensors");
            let mut options = ConvertOptions::new(&checkpoint, parent.path().join("m"));
            options.config = find_config(&checkpoint);
            assert_eq!(run(&options).unwrap_err().code(), "missing-tensor");
            options.parts = vec![fixture(name).join("sg_params.safetensors")];
            let report = run(&options).unwrap();
            assert!(!report.left_out.is_empty() && report.left_out.iter().all(|name| name.starts_with("lora.")));
            let part = Checkpoint::open_part(&options.parts[0]).unwrap();
            assert_eq!(read(&options.output)["sg.tokens"], part.read("sg.tokens").unwrap());
        }
    }

    #[test]
    fn matching_comes_along_unless_the_config_has_none() {
        let parent = tempfile::tempdir().unwrap();
        let mut options =
            ConvertOptions::new(fixture("internvideo2_tiny/checkpoint_module.pt"), parent.path().join("whole"));
        options.config = find_config(&options.checkpoint);
        let report = run(&options).unwrap();
        assert!(report.left_out.contains(&"module.text_encoder.cls.predictions.bias".to_owned()));
        let whole = read(&options.output);
        assert!(whole.contains_key("itm_head.bias"));
        assert_eq!(whole["text_encoder.bert.encoder.layer.3.crossattention.self.key.weight"].shape, [48, 64]);

        let mut config = report.config;
        config.internvideo2.as_mut().unwrap().matching_layers = 0;
        let path = parent.path().join("config.json");
        std::fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
        (options.config, options.output) = (Some(path), parent.path().join("embeds"));
        let report = run(&options).unwrap();
        let embeds = read(&options.output);
        assert!(whole.keys().filter(|name| !embeds.contains_key(*name)).all(|name| report.left_out.contains(name)));
        // The head, and a block of two attentions and an MLP.
        assert_eq!(whole.len() - embeds.len(), 2 + 10 + 10 + 6);
    }

    #[test]
    fn without_a_config_it_is_inferred_or_asked_for() {
        let parent = tempfile::tempdir().unwrap();
        // clip_tiny's vision width is one head, its text width is not.
        let options = ConvertOptions::new(fixture("clip_tiny/checkpoint.pt"), parent.path().join("m"));
        let error = run(&options).unwrap_err();
        assert!(matches!(error, Error::InvalidConfig { field: "text.heads", .. }), "{error}");
    }

    #[test]
    fn the_wrong_config_writes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let mut options = ConvertOptions::new(fixture("viclip_tiny/checkpoint.pth"), parent.path().join("m"));
        options.config = Some(fixture("viclip_tiny_ids/config.json"));
        assert!(["shape-mismatch", "missing-tensor"].contains(&run(&options).unwrap_err().code()));
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_checkpoint_s_own_folder_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["config.json", "checkpoint.pth"] {
            std::fs::copy(fixture("viclip_tiny_ids").join(file), folder.path().join(file)).unwrap();
        }
        let mut options = ConvertOptions::new(folder.path().join("checkpoint.pth"), folder.path());
        options.overwrite = true;
        assert_eq!(run(&options).unwrap_err().code(), "invalid-input");
        assert!(folder.path().join("checkpoint.pth").exists());
    }

    #[test]
    fn tokenizers_are_found_and_unpacked() {
        let merges = fixture("clip_tokenizer/bpe_simple_vocab_16e6.txt.gz");
        let beside = find_tokenizer(&fixture("clip_tokenizer/model.pth"), None).unwrap().unwrap();
        assert_eq!(find_tokenizer(Path::new("nowhere/x.pth"), Some(&merges)).unwrap().unwrap(), beside);
        let TokenizerFile::Words(bytes) = beside else { panic!("{beside:?}") };
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 262_145);
        assert_eq!(find_tokenizer(&fixture("viclip_tiny/checkpoint.pth"), None).unwrap(), None);
        let bert = find_tokenizer(&fixture("internvideo2_tiny/checkpoint_module.pt"), None).unwrap().unwrap();
        assert!(matches!(bert, TokenizerFile::Words(words) if words.starts_with(b"[PAD]\n")));
        let folder = tempfile::tempdir().unwrap();
        let damaged = folder.path().join("merges.txt.gz");
        std::fs::write(&damaged, &std::fs::read(&merges).unwrap()[..5000]).unwrap();
        assert_eq!(find_tokenizer(&merges, Some(&damaged)).unwrap_err().code(), "corrupt-file");
    }
}
