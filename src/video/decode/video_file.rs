//! A video file through the `ffmpeg` program: frames are counted by decoding, chosen inside ffmpeg by their number, and
//! come through a pipe as RGB.

use super::program::Program;
use crate::error::{Error, Result};
use crate::event::Abort;
use crate::video::memory::check_indices;
use crate::video::{FrameSource, Frames, VideoInfo};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Pieces in which texts are read.
const TEXT: usize = 64 << 10;
/// Runs of frames that ffmpeg is asked to choose: Linux takes 128 KiB for one argument. Of more runs than this, all frames come
/// and ours are chosen here.
const MAX_RUNS: usize = 2500;

/// A video file. Nothing is decoded but to count the frames; each [`read`](FrameSource::read) runs ffmpeg once.
#[derive(Debug)]
pub struct VideoFile {
    path: PathBuf,
    info: VideoInfo,
    abort: Abort,
}

#[derive(Deserialize)]
struct Probe {
    #[serde(default)]
    streams: Vec<Stream>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    format_name: String,
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default)]
    width: usize,
    #[serde(default)]
    height: usize,
    #[serde(default)]
    avg_frame_rate: String,
    #[serde(default)]
    r_frame_rate: String,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

impl VideoFile {
    /// Looks at the file and counts its frames by decoding them once.
    ///
    /// # Errors
    /// [`Error::MissingProgram`], [`Error::CorruptFile`] where ffmpeg cannot read it or where it is cut short,
    /// [`Error::NoFrames`] where it has no video stream or no frame decodes, [`Error::Aborted`].
    pub fn open(path: &Path, abort: &Abort) -> Result<Self> {
        let stream = probe(path, abort)?;
        let frame_count = count_frames(path, abort)?;
        let quarter_turned = stream
            .side_data_list
            .iter()
            .find_map(|data| data.rotation)
            .is_some_and(|degrees| (degrees.abs() % 180.0 - 90.0).abs() < 45.0);
        // ffmpeg turns the picture upright before our filters see it.
        let (width, height) =
            if quarter_turned { (stream.height, stream.width) } else { (stream.width, stream.height) };
        let fps = rate(&stream.avg_frame_rate).or_else(|| rate(&stream.r_frame_rate));
        let info = VideoInfo { frame_count, fps, width, height };
        Ok(Self { path: path.to_owned(), info, abort: abort.clone() })
    }

    /// A file that was open before, which is not looked at.
    pub(super) fn again(path: &Path, info: VideoInfo, abort: &Abort) -> Self {
        Self { path: path.to_owned(), info, abort: abort.clone() }
    }

    /// ffmpeg as it writes the first `count` frames that `chosen` names (all, without), RGB, one after another.
    fn command(&self, chosen: Option<&str>, count: usize) -> Command {
        let VideoInfo { width, height, .. } = self.info;
        let select = chosen.map(|chosen| format!("select='{chosen}',")).unwrap_or_default();
        // Each pixel with the chroma sample it shares, accurately rounded: what the page does too (pkg/src/yuv.ts). `auto` is the file's matrix, and BT.601 where it
        // tells none: as decord and OpenCV have it, with which the published models were trained and tested.
        let flags = "neighbor+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact";
        let filter = format!("{select}scale={width}:{height}:flags={flags}:in_color_matrix=auto,format=rgb24");
        let mut command = decoder(&self.path);
        command.args(["-vf", &filter, "-frames:v", &count.to_string()]);
        command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
        command
    }
}

impl FrameSource for VideoFile {
    fn info(&self) -> VideoInfo {
        self.info
    }

    fn read(&mut self, indices: &[usize]) -> Result<Frames> {
        check_indices(indices, self.info.frame_count, &self.path.display().to_string())?;
        let mut wanted = indices.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let size = self.info.width * self.info.height * 3;
        let mut data = vec![0; indices.len() * size];
        let mut numbers = wanted.iter();
        self.visit(&wanted, &mut |frame| {
            let number = numbers.next();
            for (index, place) in indices.iter().zip(data.chunks_exact_mut(size)) {
                if Some(index) == number {
                    place.copy_from_slice(frame);
                }
            }
            Ok(())
        })?;
        Frames::new(self.info.width, self.info.height, data)
    }

    fn visit(&mut self, indices: &[usize], see: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let file = self.path.display().to_string();
        check_indices(indices, self.info.frame_count, &file)?;
        let runs = runs(indices);
        let all_come = runs.len() > MAX_RUNS;
        let last = indices.last().copied().unwrap_or(0);
        let (chosen, count) = if all_come { (None, last + 1) } else { (Some(selection(&runs)), indices.len()) };
        let size = self.info.width * self.info.height * 3;
        let mut command = self.command(chosen.as_deref(), count);
        let mut program = Program::start("ffmpeg", &mut command, size, &self.abort)?;
        let (mut came, mut seen) = (0, 0);
        while let Some(frame) = program.next_piece()?.filter(|frame| frame.len() == size) {
            if indices.get(seen).is_some_and(|wanted| !all_come || *wanted == came) {
                see(&frame)?;
                seen += 1;
            }
            came += 1;
        }
        let outcome = program.finish()?;
        if seen < indices.len() {
            let reason =
                format!("{seen} of {} frames came ({}); did the file change?", indices.len(), outcome.reason());
            return Err(Error::Decode { file, reason });
        }
        Ok(())
    }
}

/// First and last of each run of frame numbers (ascending) that follow one another.
fn runs(numbers: &[usize]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

/// An ffmpeg expression that is true for the frames of these runs, in halves: ffmpeg refuses sums of more than a hundred terms.
fn selection(runs: &[(usize, usize)]) -> String {
    match runs {
        [] => "0".to_owned(),
        [(first, last)] if first == last => format!("eq(n,{first})"),
        [(first, last)] => format!("between(n,{first},{last})"),
        _ => {
            let (early, late) = runs.split_at(runs.len() / 2);
            format!("if(lt(n,{}),{},{})", late[0].0, selection(early), selection(late))
        }
    }
}

/// `file:` keeps ffmpeg from taking a name for an option or an address.
fn address(path: &Path) -> OsString {
    let mut address = OsString::from("file:");
    address.push(path);
    address
}

/// ffmpeg on the file's video stream (cover pictures of songs are none): every frame as it is coded, none dropped or
/// doubled for the clock's sake, and numbered on through a change of size.
fn decoder(path: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.stdin(Stdio::null());
    // Playlists must not make it fetch from the network.
    command.args(["-v", "error", "-nostdin", "-protocol_whitelist", "file", "-reinit_filter", "0", "-i"]);
    command.arg(address(path)).args(["-map", "0:V:0", "-fps_mode", "passthrough"]);
    command
}

fn probe(path: &Path, abort: &Abort) -> Result<Stream> {
    let file = path.display().to_string();
    let entries = "stream=width,height,avg_frame_rate,r_frame_rate:stream_side_data=rotation:format=format_name";
    let mut command = Command::new("ffprobe");
    command.stdin(Stdio::null()).args(["-v", "error", "-protocol_whitelist", "file", "-select_streams", "V:0"]);
    command.args(["-show_entries", entries, "-of", "json"]).arg(address(path));
    let mut program = Program::start("ffprobe", &mut command, TEXT, abort)?;
    let text = program.rest()?;
    let outcome = program.finish()?;
    if !outcome.success {
        return Err(Error::CorruptFile { file, reason: format!("ffmpeg cannot read it: {}", outcome.reason()) });
    }
    let probe: Probe = serde_json::from_slice(&text).map_err(Error::json("the output of ffprobe"))?;
    // ffmpeg also "plays" plain text, as pictures of letters.
    if probe.format.is_some_and(|format| format.format_name == "tty") {
        return Err(Error::CorruptFile { file, reason: "it is a text, not a video".to_owned() });
    }
    let no_frames = |reason: &str| Error::NoFrames { clip: file.clone(), reason: reason.to_owned() };
    let stream = probe.streams.into_iter().next().ok_or_else(|| no_frames("it has no video stream"))?;
    if stream.width == 0 || stream.height == 0 {
        return Err(no_frames("its video stream has no size"));
    }
    Ok(stream)
}

/// Decodes everything and counts: the lengths that containers state are often wrong or absent.
fn count_frames(path: &Path, abort: &Abort) -> Result<usize> {
    let file = path.display().to_string();
    let mut command = decoder(path);
    command.args(["-f", "null", "-progress", "pipe:1", "-"]);
    let mut program = Program::start("ffmpeg", &mut command, TEXT, abort)?;
    let report = program.rest()?;
    let outcome = program.finish()?;
    let report = String::from_utf8_lossy(&report);
    let count = report.lines().rev().find_map(|line| line.strip_prefix("frame=")?.trim().parse().ok()).unwrap_or(0);
    if ["File ended prematurely", "partial file"].iter().any(|sign| outcome.messages.contains(sign)) {
        return Err(Error::CorruptFile { file, reason: format!("it is cut short after {count} frames; get it again") });
    }
    if count == 0 {
        return Err(Error::NoFrames { clip: file, reason: format!("ffmpeg decodes none: {}", outcome.reason()) });
    }
    Ok(count)
}

/// "30000/1001" as a number; `None` for "0/0".
fn rate(text: &str) -> Option<f64> {
    let (numerator, denominator) = text.split_once('/')?;
    let rate = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_frames_become_one_term() {
        let expected = "if(lt(n,7),between(n,0,2),if(lt(n,9),eq(n,7),between(n,9,10)))";
        assert_eq!(selection(&runs(&[0, 1, 2, 7, 9, 10])), expected);
        assert!(runs(&[]).is_empty());
    }

    #[test]
    fn rates_without_a_clock_are_none() {
        assert_eq!(rate("30000/1001"), Some(30000.0 / 1001.0));
        assert_eq!((rate("0/0"), rate("1/0"), rate("0/1"), rate("")), (None, None, None, None));
    }
}
