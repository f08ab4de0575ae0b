//! From a published checkpoint to a model folder that carries everything: tokenizer and reference outputs too.

use super::Session;
use crate::config::{Dtype, ModelConfig};
use crate::error::{Error, Result};
use crate::event::{Abort, Events, Silent};
use crate::model::VideoOptions;
use crate::platform::{ComputeDevice, block_on, write_beside};
use crate::source::DiskFolder;
use crate::text::Tokenizer;
use crate::weights::{
    ConvertOptions, ConvertReport, HostTensor, REFERENCE_FILE, Reference, TokenizerFile, Verification, convert,
    find_tokenizer,
};
use burn::tensor::{Int, Tensor, TensorData};
use std::path::Path;

/// Converts a checkpoint with the tokenizer at `tokenizer` (`tokenizer.json`, CLIP's merges or BERT's `vocab.txt`), or the one that lies
/// beside it; then, unless `skip_reference`, runs the new folder once on the CPU and stores what it answered, for
/// `inspect --verify`.
///
/// # Errors
/// Whatever is wrong with the input, or [`Error::Aborted`]; no folder is left behind then.
pub fn convert_checkpoint(
    mut options: ConvertOptions,
    tokenizer: Option<&Path>,
    skip_reference: bool,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<ConvertReport> {
    options.tokenizer_json = match find_tokenizer(&options.checkpoint, tokenizer)? {
        Some(TokenizerFile::Json(json)) => Some(json),
        Some(TokenizerFile::Words(words)) if Tokenizer::is_bert_vocabulary(&words) => {
            Some(Tokenizer::bert_from_vocabulary(&words)?)
        }
        Some(TokenizerFile::Words(merges)) => Some(Tokenizer::clip_from_merges(&merges)?),
        None => None,
    };
    convert(&options, events, abort, |folder| if skip_reference { Ok(()) } else { store_reference(folder, abort) })
}

/// Runs the model of a folder once on the CPU and stores what it answered.
///
/// # Errors
/// Those of [`Session::open`]; [`Error::Io`].
pub(super) fn store_reference(folder: &Path, abort: &Abort) -> Result<()> {
    let reference = block_on(async {
        let folder = DiskFolder::open(folder)?;
        let session = Session::open(folder, ComputeDevice::cpu(), Dtype::F32, &mut Silent, abort).await?;
        make_reference(&session).await
    })?;
    write_beside(&folder.join(REFERENCE_FILE), &reference.to_bytes()?)
}

/// Compares a loaded model with the reference outputs its folder holds. `None` where it holds none.
///
/// # Errors
/// A damaged reference file; device errors.
pub fn verify_folder(session: &Session, folder: &Path) -> Result<Option<Verification>> {
    let path = folder.join(REFERENCE_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let reference = Reference::from_bytes(&bytes, &path.display().to_string())?;
    let video = async |pixels: &HostTensor| embed_video(session, pixels).await;
    let text = async |ids: &HostTensor| embed_text(session, ids).await;
    block_on(reference.verify(video, text)).map(Some)
}

/// One patterned clip and two rows of ids through the model.
async fn make_reference(session: &Session) -> Result<Reference> {
    let config = session.config();
    let joint = config.embed_dim;
    let (pixels, token_ids) = (reference_pixels(config), reference_ids(config));
    let video_embed = HostTensor { shape: vec![1, joint], values: embed_video(session, &pixels).await? };
    let text_embed = HostTensor { shape: vec![token_ids.shape[0], joint], values: embed_text(session, &token_ids).await? };
    Ok(Reference { pixels, token_ids, video_embed, text_embed })
}

fn reference_pixels(config: &ModelConfig) -> HostTensor {
    let (frames, size) = (config.vision.frames, config.vision.image_size);
    let values = (0..frames * 3 * size * size).map(|i| (i * 37 % 1001) as f32 / 500.0 - 1.0).collect();
    HostTensor { shape: vec![1, frames, 3, size, size], values }
}

/// The last id of the vocabulary ends a text in every tokenizer here that ends one.
fn reference_ids(config: &ModelConfig) -> HostTensor {
    let (context, vocab) = (config.text.context_length, config.text.vocab_size);
    let mut values = vec![0.0; 2 * context];
    for (row, ids) in values.chunks_mut(context).enumerate() {
        let words = (context - 1).min(3 + 4 * row);
        for (i, id) in ids.iter_mut().take(words).enumerate() {
            *id = ((i * 7919 + 13 * (row + 1)) % (vocab - 1)) as f32;
        }
        ids[words] = (vocab - 1) as f32;
    }
    HostTensor { shape: vec![2, context], values }
}

async fn embed_video(session: &Session, pixels: &HostTensor) -> Result<Vec<f32>> {
    let data = TensorData::new(pixels.values.clone(), pixels.shape.clone());
    let pixels = Tensor::<5>::from_data(data, session.device().device());
    let embed = session.model().encode_video(pixels.cast(session.float_type()), &VideoOptions::default())?.embed;
    session.read(embed, "video embedding").await
}

async fn embed_text(session: &Session, ids: &HostTensor) -> Result<Vec<f32>> {
    let values: Vec<i32> = ids.values.iter().map(|id| *id as i32).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(values, ids.shape.clone()), session.device().device());
    session.read(session.model().encode_text(ids)?, "caption embedding").await
}
