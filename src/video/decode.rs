//! Clips out of files: any video that ffmpeg reads, an image or a folder of them, a safetensors file of frames. What a path is
//! shows in its bytes, not in its name.

mod image_folder;
mod tensor_file;
mod video_file;

use super::{FrameSource, VideoInfo, program};
use crate::error::{Error, Result};
use crate::event::Abort;
use std::fs;
use std::io::Read;
use std::path::Path;

pub use image_folder::ImageFolder;
pub use tensor_file::{FRAMES, TensorClip};
pub use video_file::VideoFile;

/// A clip that may move to another thread.
pub type Clip = Box<dyn FrameSource + Send>;

/// Opens what lies at `path`: a folder of images, an image or a video gives one clip, a safetensors file one per batch item of
/// its tensor [`FRAMES`]. `abort` also stops later reads.
///
/// # Errors
/// [`Error::Io`] where it cannot be read, [`Error::CorruptFile`] where it is empty, cut short or of no known type,
/// [`Error::NoFrames`] where it has no picture, [`Error::InvalidInput`] for images or tensors of a wrong size,
/// [`Error::MissingProgram`] without ffmpeg, [`Error::Aborted`].
pub fn open(path: &Path, abort: &Abort) -> Result<Vec<Clip>> {
    abort.check()?;
    let kind = fs::metadata(path).map_err(Error::io("read", path))?;
    if kind.is_dir() {
        return Ok(vec![Box::new(ImageFolder::open(path, abort)?)]);
    }
    if !kind.is_file() {
        let reason = "it is neither a file nor a folder".to_owned();
        return Err(Error::InvalidInput { what: path.display().to_string(), reason });
    }
    if kind.len() == 0 {
        return Err(Error::CorruptFile { file: path.display().to_string(), reason: "it is empty".to_owned() });
    }
    if is_safetensors(path, kind.len())? {
        return Ok(TensorClip::open(path, abort)?.into_iter().map(|clip| Box::new(clip) as Clip).collect());
    }
    if image_folder::is_image(path)? {
        return Ok(vec![Box::new(ImageFolder::of_image(path, abort)?)]);
    }
    Ok(vec![Box::new(VideoFile::open(path, abort)?)])
}

/// As [`open`], of a path that holds one clip.
///
/// # Errors
/// Those of [`open`], and [`Error::InvalidInput`] where it holds several.
pub fn open_one(path: &Path, abort: &Abort) -> Result<Clip> {
    let mut clips = open(path, abort)?;
    match (clips.pop(), clips.len()) {
        (Some(clip), 0) => Ok(clip),
        (_, others) => {
            let reason = format!("it holds {} clips; needed is a video, which is one", others + 1);
            Err(Error::InvalidInput { what: path.display().to_string(), reason })
        }
    }
}

/// As [`open_one`], of a clip that was open before: a video's frames, whose counting takes a decoding of them all, are not
/// counted again.
///
/// # Errors
/// Those of [`open_one`]; a video that has changed since fails when it is read.
pub fn open_again(path: &Path, info: VideoInfo, abort: &Abort) -> Result<Clip> {
    let about = fs::metadata(path).map_err(Error::io("read", path))?;
    if about.is_file() && !is_safetensors(path, about.len())? {
        return Ok(Box::new(VideoFile::again(path, info, abort)));
    }
    open_one(path, abort)
}

/// Whether the file begins as safetensors do: the length of a JSON object, then that object. A file that is cut short
/// inside of it still counts, by its name.
fn is_safetensors(path: &Path, size: u64) -> Result<bool> {
    let mut head = Vec::new();
    let file = fs::File::open(path).map_err(Error::io("read", path))?;
    file.take(9).read_to_end(&mut head).map_err(Error::io("read", path))?;
    let named = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"));
    let [a, b, c, d, e, f, g, h, b'{'] = head[..] else { return Ok(named) };
    let length = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    Ok(named || length <= size - 8)
}

#[cfg(test)]
mod tests;
