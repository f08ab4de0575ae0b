//! `sgcr cuts`: where a video's scenes begin.

use super::{CheckFailed, Context, output};
use crate::event::{Event, Events as _};
use crate::platform::write_beside;
use crate::video::cuts::{CutRule, scenes};
use crate::video::{VideoInfo, decode};
use comfy_table::{CellAlignment, Table, presets};
use std::path::{Path, PathBuf};

/// Finds the cuts between scenes, as PySceneDetect's content detector does.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr cuts film.mp4
  sgcr cuts a.mp4 b.mkv --threshold 30 --json
  sgcr cuts film.mp4 --scores scores.csv     # each frame's score, to choose a threshold by

Exit code 3: videos could not be used; the others are printed.")]
pub struct CutsArgs {
    /// Videos, or folders of images
    #[arg(required = true, num_args = 1..)]
    videos: Vec<PathBuf>,
    #[command(flatten)]
    cuts: CutArgs,
    /// Also write a table of video, frame and score
    #[arg(long, value_name = "FILE.csv")]
    scores: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// When a change counts as a cut.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CutArgs {
    /// Mean change of hue, saturation and brightness (0 to 255) from which on a frame begins a scene
    #[arg(long, default_value_t = CutRule::default().threshold)]
    threshold: f64,
    /// Frames that a scene has at least
    #[arg(long, default_value_t = CutRule::default().min_frames, value_name = "FRAMES")]
    min_scene: usize,
}

impl CutArgs {
    /// As the detector takes them.
    pub const fn rule(&self) -> CutRule {
        CutRule { threshold: self.threshold, min_frames: self.min_scene }
    }
}

/// A video's scenes as printed by `--json`.
#[derive(serde::Serialize)]
struct VideoScenes {
    video: String,
    frame_count: usize,
    fps: Option<f64>,
    scenes: Vec<Scene>,
}

/// Frames `[first_frame, end_frame)`, and when they are seen.
#[derive(serde::Serialize)]
struct Scene {
    first_frame: usize,
    end_frame: usize,
    seconds: Option<[f64; 2]>,
}

/// Runs the verb.
///
/// # Errors
/// A rule that makes no sense, a file that cannot be written; [`CheckFailed`] where videos could not be used.
pub fn run(args: &CutsArgs, context: &Context) -> anyhow::Result<()> {
    args.cuts.rule().validate()?;
    let mut bars = context.bars();
    let (mut results, mut failures) = (Vec::new(), Vec::new());
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["video", "frame", "score"])?;
    for (done, path) in args.videos.iter().enumerate() {
        bars.emit(Event::Progress { stage: "videos", done: done as u64, total: args.videos.len() as u64 });
        match scenes_of(path, args.cuts.rule(), context) {
            Ok((scenes, scores)) => {
                for (frame, score) in scores.iter().enumerate() {
                    table.write_record([scenes.video.as_str(), &frame.to_string(), &score.to_string()])?;
                }
                results.push(scenes);
            }
            Err(crate::Error::Aborted) => return Err(crate::Error::Aborted.into()),
            Err(error) => failures.push(error.to_string()),
        }
    }
    bars.finish();
    if let Some(path) = &args.scores {
        write_beside(path, &table.into_inner()?)?;
    }
    if args.json {
        output::print_json(&results)?
    } else {
        output::print(&to_table(&results))?
    }
    if failures.is_empty() { Ok(()) } else { Err(CheckFailed(failures.join("; ")).into()) }
}

fn scenes_of(path: &Path, rule: CutRule, context: &Context) -> crate::Result<(VideoScenes, Vec<f64>)> {
    let mut clip = decode::open_one(path, &context.abort)?;
    let VideoInfo { frame_count, fps, .. } = clip.info();
    let (scenes, scores) = scenes(clip.as_mut(), rule, &context.abort)?;
    let at = |frame: usize, fps: f64| frame as f64 / fps;
    let scenes = scenes.into_iter().map(|scene| Scene {
        first_frame: scene.start,
        end_frame: scene.end,
        seconds: fps.map(|fps| [at(scene.start, fps), at(scene.end, fps)]),
    });
    Ok((VideoScenes { video: path.display().to_string(), frame_count, fps, scenes: scenes.collect() }, scores))
}

fn to_table(results: &[VideoScenes]) -> String {
    let mut text = String::new();
    for result in results {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(["scene", "first frame", "end frame", "begin", "end"]);
        for (number, scene) in result.scenes.iter().enumerate() {
            let [begin, end] = scene.seconds.map_or_else(<[String; 2]>::default, |seconds| seconds.map(clock));
            let (first, last) = (scene.first_frame.to_string(), scene.end_frame.to_string());
            table.add_row([(number + 1).to_string(), first, last, begin, end]);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        text.push_str(&format!("{}\n{table}\n", result.video));
    }
    text.truncate(text.trim_end().len());
    text
}

/// Seconds as `0:01:02.345`.
pub fn clock(seconds: f64) -> String {
    let milliseconds = (seconds * 1000.0).round() as u64;
    let (whole, rest) = (milliseconds / 1000, milliseconds % 1000);
    format!("{}:{:02}:{:02}.{rest:03}", whole / 3600, whole / 60 % 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_milliseconds() {
        assert_eq!(clock(3725.0416), "1:02:05.042");
        assert_eq!(clock(59.9996), "0:01:00.000");
    }
}
