//! A folder of images as a clip: its JPEG, PNG and WebP files in natural order ("2.png" before "10.png").

use crate::error::{Error, Result};
use crate::event::Abort;
use crate::video::memory::check_indices;
use crate::video::{FrameSource, Frames, VideoInfo};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use std::cmp::Ordering;
use std::fs;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

/// File name extensions that count as images; what is inside decides how a file is decoded.
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// A folder of images of one size, or one image; has no clock.
#[derive(Debug)]
pub struct ImageFolder {
    path: PathBuf,
    files: Vec<PathBuf>,
    width: usize,
    height: usize,
    abort: Abort,
}

impl ImageFolder {
    /// Lists the images and reads the size of each from its header. Other files and hidden ones are passed over.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoFrames`] for a folder without images, [`Error::CorruptFile`] for one that is none,
    /// [`Error::InvalidInput`] where two sizes meet, [`Error::Aborted`].
    pub fn open(path: &Path, abort: &Abort) -> Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(path).map_err(Error::io("read", path))? {
            let file = entry.map_err(Error::io("read", path))?.path();
            if is_image_name(&file) && file.is_file() {
                files.push(file);
            }
        }
        files.sort_by(|a, b| natural_order(&name(a), &name(b)));
        let Some(first) = files.first() else {
            let reason =
                format!("the folder holds no {} file; a video is given by its own path", EXTENSIONS.join(", "));
            return Err(Error::NoFrames { clip: path.display().to_string(), reason });
        };
        let (width, height) = upright_size(first)?;
        for file in &files {
            abort.check()?;
            let (w, h) = upright_size(file)?;
            if (w, h) != (width, height) {
                let reason =
                    format!("{w} x {h} pixels, but {} has {width} x {height}; a clip has one size", name(first));
                return Err(Error::InvalidInput { what: file.display().to_string(), reason });
            }
        }
        Ok(Self { path: path.to_owned(), files, width, height, abort: abort.clone() })
    }

    /// One image as a clip of one frame.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::CorruptFile`].
    pub fn of_image(file: &Path, abort: &Abort) -> Result<Self> {
        let (width, height) = upright_size(file)?;
        Ok(Self { path: file.to_owned(), files: vec![file.to_owned()], width, height, abort: abort.clone() })
    }
}

/// Whether a file begins as a JPEG, PNG or WebP image does.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn is_image(path: &Path) -> Result<bool> {
    let mut head = Vec::new();
    let file = fs::File::open(path).map_err(Error::io("read", path))?;
    file.take(16).read_to_end(&mut head).map_err(Error::io("read", path))?;
    let known = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];
    Ok(image::guess_format(&head).is_ok_and(|format| known.contains(&format)))
}

impl FrameSource for ImageFolder {
    fn info(&self) -> VideoInfo {
        VideoInfo { frame_count: self.files.len(), fps: None, width: self.width, height: self.height }
    }

    fn read(&mut self, indices: &[usize]) -> Result<Frames> {
        check_indices(indices, self.files.len(), &self.path.display().to_string())?;
        let mut data = Vec::with_capacity(indices.len() * self.width * self.height * 3);
        for &index in indices {
            self.abort.check()?;
            let file = &self.files[index];
            let (decoder, orientation) = decoder(file)?;
            let mut image = DynamicImage::from_decoder(decoder).map_err(corrupt(file))?;
            image.apply_orientation(orientation);
            let image = image.into_rgb8();
            if image.width() as usize != self.width || image.height() as usize != self.height {
                let reason = "its size changed while the folder was in use".to_owned();
                return Err(Error::InvalidInput { what: file.display().to_string(), reason });
            }
            data.extend(image.into_raw());
        }
        Frames::new(self.width, self.height, data)
    }
}

fn corrupt(file: &Path) -> impl Fn(image::ImageError) -> Error {
    move |error| Error::CorruptFile { file: file.display().to_string(), reason: error.to_string() }
}

/// The file's decoder, by its first bytes, and how the camera was held (EXIF): browsers turn images upright, so do we.
fn decoder(file: &Path) -> Result<(impl ImageDecoder, Orientation)> {
    let bytes = BufReader::new(fs::File::open(file).map_err(Error::io("read", file))?);
    let reader = ImageReader::new(bytes).with_guessed_format().map_err(Error::io("read", file))?;
    let mut decoder = reader.into_decoder().map_err(corrupt(file))?;
    let orientation = decoder.orientation().map_err(corrupt(file))?;
    Ok((decoder, orientation))
}

fn upright_size(file: &Path) -> Result<(usize, usize)> {
    let (decoder, orientation) = decoder(file)?;
    let (width, height) = decoder.dimensions();
    let turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let size = if turned { (height, width) } else { (width, height) };
    Ok((size.0 as usize, size.1 as usize))
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_image_name(file: &Path) -> bool {
    let known = |extension: &std::ffi::OsStr| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    file.extension().is_some_and(known) && !name(file).starts_with('.')
}

/// Runs of digits compare as numbers, all else as text.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let (number_a, number_b) = (digits(rest_a), digits(rest_b));
        if !number_a.is_empty() && !number_b.is_empty() {
            let (value_a, value_b) = (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
            let order = value_a.len().cmp(&value_b.len()).then_with(|| value_a.cmp(value_b));
            if order != Ordering::Equal {
                return order;
            }
            (rest_a, rest_b) = (&rest_a[number_a.len()..], &rest_b[number_b.len()..]);
            continue;
        }
        let (mut letters_a, mut letters_b) = (rest_a.chars(), rest_b.chars());
        match (letters_a.next(), letters_b.next()) {
            // "01" and "1" are equal as numbers: the whole name decides.
            (None, None) => return a.cmp(b),
            (letter_a, letter_b) if letter_a != letter_b => return letter_a.cmp(&letter_b),
            _ => (rest_a, rest_b) = (letters_a.as_str(), letters_b.as_str()),
        }
    }
}

fn digits(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["f10.png", "f9.png", "f2a.png", "f02.png", "f2.png", "e99999999999999999999999.png", "f.png"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            ["e99999999999999999999999.png", "f.png", "f02.png", "f2.png", "f2a.png", "f9.png", "f10.png"]
        );
    }
}
