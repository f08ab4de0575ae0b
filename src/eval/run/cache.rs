//! Embeddings on disk, each under the hash of all that it follows from: nothing in it can be out of date.

use super::clips::ClipFacts;
use crate::error::{Error, Result};
use crate::eval::library::VideoWindows;
use crate::platform::write_beside;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The tensor's name in a file.
const EMBEDS: &str = "embeds";
/// The metadata's key of a clip's facts.
const FACTS: &str = "clip";

/// A folder of embeddings: `videos/KEY.safetensors`, `texts/KEY.safetensors`, `windows/KEY.safetensors`.
#[derive(Debug, Clone)]
pub struct EmbeddingCache {
    videos: PathBuf,
    texts: PathBuf,
    windows: PathBuf,
}

impl EmbeddingCache {
    /// Opens or makes the folder.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(folder: &Path) -> Result<Self> {
        let [videos, texts, windows] = ["videos", "texts", "windows"].map(|name| folder.join(name));
        let cache = Self { videos, texts, windows };
        for folder in [&cache.videos, &cache.texts] {
            std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        }
        Ok(cache)
    }

    /// A clip's embedding `[dim]` and what is known of the clip; `None` where it is not there or damaged.
    #[must_use]
    pub fn video(&self, key: &str) -> Option<(Vec<f32>, ClipFacts)> {
        let (rows, facts) = rows_and_facts(&file(&self.videos, key))?;
        let [row] = &rows[..] else { return None };
        Some((row.clone(), facts))
    }

    /// Keeps a clip's embedding.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_video(&self, key: &str, embed: &[f32], facts: &ClipFacts) -> Result<()> {
        write_with_facts(&file(&self.videos, key), &[embed.to_vec()], facts)
    }

    /// The embeddings of a video's windows and what is known of them; `None` where they are not there or damaged.
    #[must_use]
    pub fn windows(&self, key: &str) -> Option<(Vec<Vec<f32>>, VideoWindows)> {
        let (rows, facts): (Vec<_>, VideoWindows) = rows_and_facts(&file(&self.windows, key))?;
        (rows.len() == facts.windows.len()).then_some((rows, facts))
    }

    /// Keeps the embeddings of a video's windows.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_windows(&self, key: &str, embeds: &[Vec<f32>], facts: &VideoWindows) -> Result<()> {
        // Made here: benchmarks have none.
        std::fs::create_dir_all(&self.windows).map_err(Error::io("create", &self.windows))?;
        write_with_facts(&file(&self.windows, key), embeds, facts)
    }

    /// A batch of captions' embeddings; `None` where it is not there, damaged or of another number.
    #[must_use]
    pub fn texts(&self, key: &str, count: usize) -> Option<Vec<Vec<f32>>> {
        let bytes = std::fs::read(file(&self.texts, key)).ok()?;
        rows(&bytes).filter(|rows| rows.len() == count)
    }

    /// Keeps a batch of captions' embeddings.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_texts(&self, key: &str, embeds: &[Vec<f32>]) -> Result<()> {
        write(&file(&self.texts, key), embeds, None)
    }
}

fn file(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.safetensors"))
}

/// The rows of the tensor, if it is one of finite f32.
fn rows(bytes: &[u8]) -> Option<Vec<Vec<f32>>> {
    let file = SafeTensors::deserialize(bytes).ok()?;
    let tensor = file.tensor(EMBEDS).ok()?;
    let [_, dim] = *tensor.shape() else { return None };
    if tensor.dtype() != Dtype::F32 || dim == 0 {
        return None;
    }
    let numbers: Vec<f32> =
        tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    numbers.iter().all(|x| x.is_finite()).then(|| numbers.chunks_exact(dim).map(<[f32]>::to_vec).collect())
}

/// The rows, and what is said of them.
fn rows_and_facts<F: DeserializeOwned>(path: &Path) -> Option<(Vec<Vec<f32>>, F)> {
    let bytes = std::fs::read(path).ok()?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).ok()?;
    let facts = serde_json::from_str(metadata.metadata().as_ref()?.get(FACTS)?).ok()?;
    Some((rows(&bytes)?, facts))
}

fn write_with_facts(path: &Path, rows: &[Vec<f32>], facts: &impl Serialize) -> Result<()> {
    let facts = serde_json::to_string(facts).map_err(Error::json(path.display().to_string()))?;
    write(path, rows, Some(HashMap::from([(FACTS.to_owned(), facts)])))
}

fn write(path: &Path, rows: &[Vec<f32>], metadata: Option<HashMap<String, String>>) -> Result<()> {
    let invalid = |reason: String| Error::InvalidInput { what: path.display().to_string(), reason };
    let shape = vec![rows.len(), rows.first().map_or(0, Vec::len)];
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape, &bytes).map_err(|error| invalid(error.to_string()))?;
    let file = safetensors::serialize([(EMBEDS, view)], metadata).map_err(|error| invalid(error.to_string()))?;
    write_beside(path, &file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_is_damaged_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EmbeddingCache::open(folder.path()).unwrap();
        let facts = ClipFacts { sha256: "00".to_owned(), frame_count: 5, frames: vec![0, 2] };
        let embed = [0.1, -2.5, f32::MIN_POSITIVE];
        assert!(cache.video("k").is_none());
        cache.keep_video("k", &embed, &facts).unwrap();
        assert_eq!(cache.video("k").unwrap(), (embed.to_vec(), facts));
        let rows = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
        cache.keep_texts("t", &rows).unwrap();
        assert_eq!(cache.texts("t", 2).unwrap(), rows);
        assert!(cache.texts("t", 3).is_none());
        let (sha256, frame_count, fps) = (String::new(), 9, Some(25.0));
        let facts = VideoWindows { sha256, frame_count, fps, scenes: 1, windows: vec![0..5, 4..9] };
        cache.keep_windows("w", &rows, &facts).unwrap();
        assert_eq!(cache.windows("w").unwrap(), (rows.clone(), facts.clone()));
        cache.keep_windows("w", &rows[..1], &facts).unwrap();
        assert!(cache.windows("w").is_none());
        let path = folder.path().join("videos/k.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(cache.video("k").is_none());
    }
}
