//! Embeddings on disk, each under the hash of all that it follows from: nothing in it can be out of date.

use super::embedded_rows;
use super::facts::ClipFacts;
use crate::error::{Error, Result};
use crate::eval::library::VideoWindows;
use crate::platform::write_beside;
use std::path::{Path, PathBuf};

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
        embedded_rows::clip(&read(&file(&self.videos, key))?)
    }

    /// Keeps a clip's embedding.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_video(&self, key: &str, embed: &[f32], facts: &ClipFacts) -> Result<()> {
        write_beside(&file(&self.videos, key), &embedded_rows::with_facts(&[embed.to_vec()], facts)?)
    }

    /// The embeddings of a video's windows and what is known of them; `None` where they are not there or damaged.
    #[must_use]
    pub fn windows(&self, key: &str) -> Option<(Vec<Vec<f32>>, VideoWindows)> {
        embedded_rows::windows(&read(&file(&self.windows, key))?)
    }

    /// Keeps the embeddings of a video's windows.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_windows(&self, key: &str, embeds: &[Vec<f32>], facts: &VideoWindows) -> Result<()> {
        // Made here: benchmarks have none.
        std::fs::create_dir_all(&self.windows).map_err(Error::io("create", &self.windows))?;
        write_beside(&file(&self.windows, key), &embedded_rows::with_facts(embeds, facts)?)
    }

    /// A batch of captions' embeddings; `None` where it is not there, damaged or of another number.
    #[must_use]
    pub fn texts(&self, key: &str, count: usize) -> Option<Vec<Vec<f32>>> {
        embedded_rows::texts(&read(&file(&self.texts, key))?, count)
    }

    /// Keeps a batch of captions' embeddings.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn keep_texts(&self, key: &str, embeds: &[Vec<f32>]) -> Result<()> {
        write_beside(&file(&self.texts, key), &embedded_rows::plain(embeds)?)
    }
}

fn file(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.safetensors"))
}

fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
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
