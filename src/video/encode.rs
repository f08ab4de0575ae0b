//! Frames into a video file, through the `ffmpeg` program.

use super::program::{self, Program};
use crate::error::{Error, Result};
use crate::event::Abort;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Bytes per piece of the (empty) output.
const PIECE: usize = 4096;

/// What a video file is coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// VP9 in WebM: small, and every Chromium plays it.
    Vp9,
    /// VP8 in WebM.
    Vp8,
    /// H.264 in MP4, if the ffmpeg here has libx264; sides must be even.
    H264,
    /// FFV1 in Matroska: every pixel as it was.
    Ffv1,
}

impl Codec {
    /// The codec of a file name: `.webm` VP9, `.mp4` H.264, `.mkv` FFV1 (lossless).
    ///
    /// # Errors
    /// [`Error::UnknownName`] for any other extension.
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "webm" => Ok(Self::Vp9),
            "mp4" => Ok(Self::H264),
            "mkv" => Ok(Self::Ffv1),
            _ => Err(Error::UnknownName {
                kind: "video file extension",
                name: extension,
                known: "webm, mp4, mkv".to_owned(),
            }),
        }
    }

    /// ffmpeg's options, the container last.
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Vp9 => {
                &["-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", "5", "-crf", "20", "-b:v", "0", "-f", "webm"]
            }
            Self::Vp8 => {
                &["-c:v", "libvpx", "-deadline", "good", "-cpu-used", "5", "-crf", "8", "-b:v", "4M", "-f", "webm"]
            }
            Self::H264 => &["-c:v", "libx264", "-crf", "18", "-movflags", "+faststart", "-f", "mp4"],
            Self::Ffv1 => &["-c:v", "ffv1", "-level", "3", "-f", "matroska"],
        }
    }

    /// Pixel format, and the colours it is tagged with so that no player has to guess.
    fn colors(self, width: usize, height: usize) -> Vec<String> {
        if self == Self::Ffv1 {
            return vec!["-pix_fmt".to_owned(), "bgr0".to_owned()];
        }
        // VP8 knows BT.601 alone; for the others the matrix that players guess for the size, should they miss the tag.
        let (matrix, tag) = if self == Self::Vp8 || height < 720 { ("bt601", "smpte170m") } else { ("bt709", "bt709") };
        let flags = "accurate_rnd+full_chroma_int+bitexact";
        let scale =
            format!("scale={width}:{height}:flags={flags}:out_color_matrix={matrix}:out_range=tv,format=yuv420p");
        let tags = ["-colorspace", tag, "-color_primaries", tag, "-color_trc", tag, "-color_range", "tv"];
        ["-vf", &scale].into_iter().chain(tags).map(str::to_owned).collect()
    }
}

/// Writes a clip: `frames` are `[height, width, 3]` RGB each, `fps` a second. The same frames give the same bytes. The
/// file appears under its name when it is complete; one that was there before is replaced then.
///
/// # Errors
/// [`Error::InvalidInput`] for a bad rate, size or frame, [`Error::NoFrames`] for none, [`Error::MissingProgram`],
/// [`Error::NotBuilt`] where this ffmpeg lacks the encoder, [`Error::Io`], [`Error::Aborted`].
pub fn write<F: AsRef<[u8]>>(
    path: &Path,
    codec: Codec,
    (width, height): (usize, usize),
    fps: f64,
    frames: impl IntoIterator<Item = F>,
    abort: &Abort,
) -> Result<()> {
    check(codec, width, height, fps)?;
    let partial = Partial(beside(path));
    let mut command = Command::new("ffmpeg");
    command.stdin(Stdio::piped()).args(["-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
    command.args(["-s", &format!("{width}x{height}"), "-r", &fps.to_string(), "-i", "pipe:0", "-threads", "1"]);
    command.args(["-fflags", "+bitexact", "-flags:v", "+bitexact"]);
    command.args(codec.colors(width, height)).args(codec.options()).arg(address(&partial.0));
    let mut program = Program::start("ffmpeg", &mut command, PIECE, abort)?;
    let count = feed_all(&mut program, frames, width * height * 3, abort)?;
    let outcome = program.finish()?;
    if count == 0 {
        return Err(Error::NoFrames { clip: path.display().to_string(), reason: "there is none to write".to_owned() });
    }
    if !outcome.success {
        return Err(failure(path, &outcome));
    }
    fs::rename(&partial.0, path).map_err(Error::io("write", path))
}

/// Hands every frame to ffmpeg and closes its input; the number of frames.
fn feed_all<F: AsRef<[u8]>>(
    program: &mut Program,
    frames: impl IntoIterator<Item = F>,
    size: usize,
    abort: &Abort,
) -> Result<usize> {
    let Some(mut input) = program.input() else { return Ok(0) };
    let mut count = 0;
    for frame in frames {
        abort.check()?;
        let frame = frame.as_ref();
        if frame.len() != size {
            let reason = format!("{} bytes, but a frame of this clip has {size}", frame.len());
            return Err(Error::InvalidInput { what: format!("frame {count}"), reason });
        }
        count += 1;
        if !program::feed(&mut input, frame)? {
            break;
        }
    }
    Ok(count)
}

fn check(codec: Codec, width: usize, height: usize, fps: f64) -> Result<()> {
    let invalid = |what: &str, reason: String| Err(Error::InvalidInput { what: what.to_owned(), reason });
    if !fps.is_finite() || fps <= 0.0 {
        return invalid("fps", format!("{fps}; needed is a number above 0"));
    }
    if width == 0 || height == 0 || width > 16_384 || height > 16_384 {
        return invalid("video size", format!("{width} x {height}; sides go from 1 to 16384 pixels"));
    }
    if codec == Codec::H264 && (width % 2 == 1 || height % 2 == 1) {
        return invalid("video size", format!("{width} x {height}; H.264 needs even sides, .webm and .mkv do not"));
    }
    Ok(())
}

fn failure(path: &Path, outcome: &program::Outcome) -> Error {
    if outcome.messages.contains("Unknown encoder") {
        let advice = "this ffmpeg lacks the encoder; write .webm or .mkv, or install a full ffmpeg".to_owned();
        return Error::NotBuilt { what: format!("writing {}", path.display()), advice };
    }
    Error::Io { action: "write", path: path.to_owned(), source: std::io::Error::other(outcome.reason()) }
}

/// A hidden name in the same folder, so that the rename stays on one file system.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(format!(".{}.", std::process::id()));
    name.push(path.file_name().unwrap_or_default());
    name.push(".partial");
    path.with_file_name(name)
}

fn address(path: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(path);
    address
}

/// Removes the unfinished file when the writer gives up; after the rename there is none.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests;
