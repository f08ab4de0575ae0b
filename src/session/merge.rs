//! A model folder written again, with adapters merged into its weights.

use super::convert::{convert_checkpoint, store_reference};
use super::{Pairing, Session};
use crate::config::Dtype;
use crate::error::{Error, Result};
use crate::event::{Abort, Events};
use crate::platform::{ComputeDevice, block_on};
use crate::source::DiskFolder;
use crate::weights::{
    ConvertOptions, ConvertReport, HostTensors, ModelFolder, ModelWriter, SHARD_BYTES, StoredType, check_output,
};
use std::path::{Path, PathBuf};

/// Beginning of the name of a folder that is there for the time of a conversion.
const BETWEEN: &str = ".sgcr-convert-";

/// What to write again, and how.
#[derive(Debug, Clone)]
pub struct MergeOptions {
    /// The model folder.
    pub model: PathBuf,
    /// Adapter folders with their weights.
    pub adapters: Vec<(PathBuf, f64)>,
    /// Whether the adapters' base is checked.
    pub pairing: Pairing,
    /// The folder to write.
    pub output: PathBuf,
    /// Element type to write.
    pub stored_type: StoredType,
    /// Whether a model folder at `output` may be replaced.
    pub overwrite: bool,
    /// Leaves the reference outputs for `inspect --verify` out.
    pub skip_reference: bool,
}

/// Merges adapters into a copy of a model folder. The copy needs no adapters, and its scene-graph tokens are its own.
///
/// # Errors
/// Those of [`Session::open`], [`Session::load_adapter`], [`Session::set_adapter_weights`] and [`ModelWriter::write`];
/// [`Error::InvalidInput`] where the output is the model itself. No folder is left behind then.
pub fn merge_adapters(options: &MergeOptions, events: &mut impl Events, abort: &Abort) -> Result<ConvertReport> {
    let folder = DiskFolder::open(&options.model)?;
    if options.model.canonicalize().ok() == options.output.canonicalize().ok() {
        let reason = "it is the model itself; name another folder".to_owned();
        return Err(Error::InvalidInput { what: format!("output {}", options.output.display()), reason });
    }
    let (session, tokenizer_json) = block_on(async {
        let tokenizer = match ModelFolder::open(&folder).await?.tokenizer_json().await {
            Ok(json) => Some(json),
            Err(Error::MissingFile { .. }) => None,
            Err(error) => return Err(error),
        };
        let mut session = Session::open(&folder, ComputeDevice::cpu(), Dtype::F32, events, abort).await?;
        for (path, _) in &options.adapters {
            let adapter = DiskFolder::open(path)?;
            session.load_adapter(&path.display().to_string(), &adapter, options.pairing, events).await?;
        }
        Ok((session, tokenizer))
    })?;
    write(session, tokenizer_json.as_deref(), options, events, abort)
}

/// Converts a checkpoint and merges adapters into the result: `conversion` says what to read, `merge` what to write (its
/// model is the conversion's). The folder between lies beside the output and is taken away.
///
/// # Errors
/// Those of [`convert_checkpoint`] and [`merge_adapters`].
pub fn convert_with_adapters(
    conversion: ConvertOptions,
    tokenizer: Option<&Path>,
    merge: MergeOptions,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<ConvertReport> {
    check_output(&conversion.checkpoint, &merge.output, merge.overwrite)?;
    let beside = merge.output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(beside).map_err(Error::io("create", beside))?;
    let between = tempfile::Builder::new().prefix(BETWEEN).tempdir_in(beside).map_err(Error::io("create", beside))?;
    let model = between.path().join("base");
    let conversion = ConvertOptions { output: model.clone(), stored_type: StoredType::F32, ..conversion };
    let converted = convert_checkpoint(conversion, tokenizer, true, events, abort)?;
    let merged = merge_adapters(&MergeOptions { model, ..merge }, events, abort)?;
    Ok(ConvertReport { config_source: converted.config_source, left_out: converted.left_out, ..merged })
}

fn write(
    mut session: Session,
    tokenizer_json: Option<&str>,
    options: &MergeOptions,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<ConvertReport> {
    let names: Vec<String> = options.adapters.iter().map(|(path, _)| path.display().to_string()).collect();
    let weights = names.iter().map(String::as_str).zip(options.adapters.iter().map(|(_, weight)| *weight));
    session.set_adapter_weights(&weights.collect::<Vec<_>>())?;
    let mut model = session.model().clone();
    model.merge_adapters();
    model.remove_adapters();
    let source = block_on(HostTensors::of(&model))?;
    let config = model.config().clone();
    let writer = ModelWriter {
        config: &config,
        preprocess: session.preprocess(),
        tokenizer_json,
        stored_type: options.stored_type,
        shard_bytes: SHARD_BYTES,
        overwrite: options.overwrite,
    };
    let written = writer.write_then(&options.output, &source, events, abort, |folder| {
        if options.skip_reference { Ok(()) } else { store_reference(folder, abort) }
    })?;
    let config_source = options.model.display().to_string();
    Ok(ConvertReport { written, config, config_source, left_out: Vec::new() })
}
