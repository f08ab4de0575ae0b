//! A safetensors file of frames: the tensor `frames_rgb_u8`, one clip or a batch of clips. Only the frames asked for are
//! read from disk.

use crate::error::{Error, Result};
use crate::event::Abort;
use crate::video::memory::check_indices;
use crate::video::{FrameSource, Frames, VideoInfo};
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Name of the tensor: u8 RGB, `[frames, height, width, 3]` or `[batch, frames, height, width, 3]`.
pub const FRAMES: &str = "frames_rgb_u8";
/// Longest header that is believed, as in the format's own reader.
const LONGEST_HEADER: u64 = 100_000_000;

/// One clip of such a file.
#[derive(Debug)]
pub struct TensorClip {
    path: PathBuf,
    /// Byte at which its first frame begins.
    begin: u64,
    info: VideoInfo,
    abort: Abort,
}

impl TensorClip {
    /// Reads the header and gives one clip per batch item. The file's metadata may state the frame rate under `fps`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::CorruptFile`] for a broken header or missing bytes, [`Error::InvalidInput`] where the
    /// tensor is missing or has another type or shape, [`Error::NoFrames`] where it is empty.
    pub fn open(path: &Path, abort: &Abort) -> Result<Vec<Self>> {
        let (header, data) = header(path)?;
        let [batch, frame_count, height, width] = clip_shape(path, &header)?;
        let fps = stated_rate(path, &header)?;
        let info = VideoInfo { frame_count, fps, width, height };
        let tensor = header.info(FRAMES).map_or(0, |tensor| tensor.data_offsets.0);
        let clip_size = frame_count * height * width * 3;
        let clip = |item: usize| Self {
            path: path.to_owned(),
            begin: data + (tensor + item * clip_size) as u64,
            info,
            abort: abort.clone(),
        };
        Ok((0..batch).map(clip).collect())
    }
}

impl FrameSource for TensorClip {
    fn info(&self) -> VideoInfo {
        self.info
    }

    fn read(&mut self, indices: &[usize]) -> Result<Frames> {
        let VideoInfo { frame_count, width, height, .. } = self.info;
        check_indices(indices, frame_count, &self.path.display().to_string())?;
        let size = width * height * 3;
        let mut file = File::open(&self.path).map_err(Error::io("read", &self.path))?;
        let mut data = vec![0; indices.len() * size];
        for (&index, frame) in indices.iter().zip(data.chunks_exact_mut(size)) {
            self.abort.check()?;
            let position = SeekFrom::Start(self.begin + (index * size) as u64);
            file.seek(position).and_then(|_| file.read_exact(frame)).map_err(Error::io("read", &self.path))?;
        }
        Frames::new(width, height, data)
    }
}

/// The header and the byte at which the tensors begin; the file is as long as the header says.
fn header(path: &Path) -> Result<(Metadata, u64)> {
    let corrupt = |reason: String| Error::CorruptFile { file: path.display().to_string(), reason };
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let size = file.metadata().map_err(Error::io("read", path))?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| corrupt(format!("{size} bytes are no safetensors file")))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length + 8 > size {
        return Err(corrupt(format!("its header should have {length} bytes, the file has {size}")));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).map_err(Error::io("read", path))?;
    let header: Metadata =
        serde_json::from_slice(&text).map_err(|error| corrupt(format!("its header does not parse: {error}")))?;
    let needed = length + 8 + header.data_len() as u64;
    if size != needed {
        return Err(corrupt(format!("it has {size} bytes, its header says {needed}")));
    }
    Ok((header, length + 8))
}

/// `[batch, frames, height, width]`.
fn clip_shape(path: &Path, header: &Metadata) -> Result<[usize; 4]> {
    let file = path.display().to_string();
    let wanted = format!("u8 [frames, height, width, 3] or [batch, frames, height, width, 3] as \"{FRAMES}\"");
    let invalid =
        |found: String| Error::InvalidInput { what: file.clone(), reason: format!("{found}; needed is {wanted}") };
    let Some(tensor) = header.info(FRAMES) else {
        let mut names = header.offset_keys();
        names.truncate(8);
        let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        return Err(invalid(format!("it holds {names}")));
    };
    if tensor.dtype != Dtype::U8 {
        return Err(invalid(format!("its \"{FRAMES}\" has element type {:?}", tensor.dtype)));
    }
    let shape = match tensor.shape[..] {
        [frames, height, width, 3] => [1, frames, height, width],
        [batch, frames, height, width, 3] => [batch, frames, height, width],
        _ => return Err(invalid(format!("its \"{FRAMES}\" has shape {:?}", tensor.shape))),
    };
    if shape.contains(&0) {
        return Err(Error::NoFrames { clip: file, reason: format!("\"{FRAMES}\" has shape {:?}", tensor.shape) });
    }
    Ok(shape)
}

fn stated_rate(path: &Path, header: &Metadata) -> Result<Option<f64>> {
    let Some(text) = header.metadata().as_ref().and_then(|metadata| metadata.get("fps")) else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(fps) if fps.is_finite() && fps > 0.0 => Ok(Some(fps)),
        _ => {
            let reason = format!("its metadata says fps = \"{text}\"; needed is a number above 0, or none");
            Err(Error::InvalidInput { what: path.display().to_string(), reason })
        }
    }
}
