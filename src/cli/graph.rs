//! `sgcr graph`: what annotated videos hold, and the texts that training makes of them.

use super::attributes::{AttributeArgs, tell_skipped};
use super::{Context, output};
use crate::data::annotation::Annotation;
use crate::data::{
    AnnotationFolder, GraphSample, GraphStats, LabelTexts, MergeSegments, Negatives, ReadOptions, ReadReport,
    SampleRules, find_video_near, page, sample_seed,
};
use crate::graph::Spans;
use crate::platform::{block_on, write_beside};
use crate::source::DiskFolder;
use crate::video::decode;
use crate::video::picture::jpeg_address;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Width of a frame on a page, in pixels.
const PICTURE_WIDTH: u32 = 640;

/// Scene graphs of annotated videos (VidVRD, VidOR, the generated world).
#[derive(Debug, clap::Args)]
pub struct GraphArgs {
    #[command(subcommand)]
    verb: GraphVerb,
}

#[derive(Debug, clap::Subcommand)]
enum GraphVerb {
    Stats(StatsArgs),
    Show(ShowArgs),
    Export(ExportArgs),
    Labels(LabelsArgs),
}

/// The folder and how it is read.
#[derive(Debug, clap::Args)]
struct FolderArgs {
    /// Folder of annotation files (one .json a video), with those in folders within
    annotations: PathBuf,
    /// Whose relations in pieces are joined: off, train (VidVRD's training split), always
    #[arg(long, default_value = "train", value_parser = parse_merge)]
    merge_segments: MergeSegments,
    /// A bad file or caption is an error, instead of being reported and skipped
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    attributes: AttributeArgs,
}

/// Counts: videos, graphs, triplets a frame, labels, what was unusual, which files are bad.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr graph stats vidor-dataset/annotation
  sgcr graph stats vidvrd-dataset --merge-segments off --json
  sgcr graph stats clips --estimate-attributes clips")]
struct StatsArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Print JSON, with the histograms of labels
    #[arg(long)]
    json: bool,
}

/// Writes the texts of training as JSON lines: frames, positive and negative texts of each video.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr graph export vidor-dataset/annotation --output texts.jsonl
  sgcr graph export clips --samples 3 --seed 7 --spans contains --output texts.jsonl
  sgcr graph export vidor-dataset/annotation --captions regions.jsonl --output texts.jsonl")]
struct ExportArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// File to write
    #[arg(long, short)]
    output: PathBuf,
    /// Samples a video
    #[arg(long, default_value_t = 1)]
    samples: u64,
    #[command(flatten)]
    rules: RuleArgs,
}

/// How samples are drawn.
#[derive(Debug, clap::Args)]
struct RuleArgs {
    /// Frames a sample
    #[arg(long, default_value_t = 8)]
    frames: usize,
    /// What "O spans F and B" means: overlaps, contains, contains-else-overlaps
    #[arg(long, default_value = "overlaps", value_parser = parse_spans)]
    spans: Spans,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Table of negatives to use in place of the built-in one
    #[arg(long)]
    negatives: Option<PathBuf>,
    /// Table of labels in words (JSON), to change what the built-in rule makes of them
    #[arg(long)]
    labels: Option<PathBuf>,
}

/// Writes an HTML page of one video: its timeline, the frames a training step would see with their boxes, the texts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr graph show vidor-dataset/annotation/validation --file 1025/5159741010.json --output video.html
  sgcr graph show clips --file world_7.json --video clips/world_7.webm --output video.html

The video is looked for among the annotations and in folders `video` and `videos` beside them. The page is one file.")]
struct ShowArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// The video's annotation file, within the folder
    #[arg(long)]
    file: String,
    /// Its video: a file, or a folder of images [default: looked for]
    #[arg(long)]
    video: Option<PathBuf>,
    /// Page to write
    #[arg(long, short)]
    output: PathBuf,
    #[command(flatten)]
    rules: RuleArgs,
}

/// Prints a table to start one's own from: negatives, or labels in words.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sgcr graph labels negatives > negatives.json
  sgcr graph labels words > labels.json")]
struct LabelsArgs {
    /// negatives or words
    #[arg(value_parser = ["negatives", "words"])]
    table: String,
}

fn parse_merge(name: &str) -> Result<MergeSegments, crate::Error> {
    MergeSegments::named(name)
}

fn parse_spans(name: &str) -> Result<Spans, crate::Error> {
    Spans::named(name)
}

/// Runs the verb.
///
/// # Errors
/// A folder or table that cannot be read, a file that cannot be written, [`Error::Aborted`](crate::Error::Aborted).
pub fn run(args: &GraphArgs, context: &Context) -> anyhow::Result<()> {
    match &args.verb {
        GraphVerb::Stats(args) => stats(args, context),
        GraphVerb::Show(args) => show(args, context),
        GraphVerb::Export(args) => export(args, context),
        GraphVerb::Labels(args) if args.table == "words" => output::print_json(&LabelTexts::default().table()),
        GraphVerb::Labels(_) => output::print_json(Negatives::built_in()),
    }
}

impl FolderArgs {
    /// `table` has the attribute words that captions are searched for.
    fn open(&self, table: &Negatives, context: &Context) -> crate::Result<AnnotationFolder<DiskFolder>> {
        let options = ReadOptions { merge_segments: self.merge_segments, strict: self.strict };
        let folder = block_on(AnnotationFolder::open(DiskFolder::open(&self.annotations)?, options))?;
        Ok(match self.attributes.open(table, self.strict, context)? {
            Some(source) => folder.with_attributes(source),
            None => folder,
        })
    }
}

fn stats(args: &StatsArgs, context: &Context) -> anyhow::Result<()> {
    let mut sets: BTreeMap<&'static str, GraphStats> = BTreeMap::new();
    let folder = args.folder.open(Negatives::built_in(), context)?;
    let report = block_on(folder.scan(&mut context.bars(), |_, annotation| {
        context.abort.check()?;
        sets.entry(annotation.dataset.name()).or_default().add(&annotation);
        Ok(())
    }))?;
    if args.json {
        return output::print_json(&serde_json::json!({ "data_sets": sets, "report": report }));
    }
    for (name, stats) in &sets {
        output::print(&told(name, stats))?;
    }
    tell_report(&report);
    let traps = serde_json::to_value(report.traps)?;
    for (trap, count) in traps.as_object().into_iter().flatten().filter(|(_, count)| **count != 0) {
        output::print(&format!("{:<28}{count}", trap.replace('_', " ")))?;
    }
    Ok(())
}

fn told(name: &str, stats: &GraphStats) -> String {
    let most = |counts: &BTreeMap<String, u64>| {
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|(label, count)| (std::cmp::Reverse(**count), *label));
        counts.iter().take(8).map(|(label, count)| format!("{label} {count}")).collect::<Vec<_>>().join(", ")
    };
    let times: Vec<String> = stats.time_relations.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let rows = [
        ("videos", stats.videos.to_string()),
        ("frames", stats.frames.to_string()),
        ("relations", stats.relations.to_string()),
        ("clip-level graphs", stats.clip_graphs.to_string()),
        ("triplets a frame", format!("{:.1} (over frames that have any)", stats.triplets_per_frame())),
        ("pairs of graphs", times.join(", ")),
        ("videos, O contains F, B", stats.spans.contained.to_string()),
        ("videos, O only overlaps", stats.spans.overlapped_only.to_string()),
        ("videos without F, B, O", stats.spans.without.to_string()),
        ("entity classes", format!("{}: {}", stats.entities.len(), most(&stats.entities))),
        ("predicates", format!("{}: {}", stats.predicates.len(), most(&stats.predicates))),
        ("attribute words", format!("{}: {}", stats.attributes.len(), most(&stats.attributes))),
    ];
    let rows: Vec<String> = rows.into_iter().map(|(what, value)| format!("{what:<28}{value}")).collect();
    format!("{name}\n{}", rows.join("\n"))
}

/// What was refused, on standard error.
fn tell_report(report: &ReadReport) {
    tell_skipped(&report.skipped, report.videos(), "files");
    for misfit in &report.skipped_captions {
        output::note(&format!("left out {}, line {}: {}", misfit.file, misfit.line, misfit.reason));
    }
}

fn read_table(path: &Path) -> crate::Result<String> {
    std::fs::read_to_string(path).map_err(crate::Error::io("read", path))
}

impl RuleArgs {
    fn read(&self) -> crate::Result<SampleRules> {
        let mut rules = SampleRules::new(self.frames);
        rules.spans = self.spans;
        if let Some(path) = &self.negatives {
            rules.negatives = Negatives::from_json(&read_table(path)?, &path.display().to_string())?;
        }
        if let Some(path) = &self.labels {
            rules.texts = LabelTexts::from_json(&read_table(path)?, &path.display().to_string())?;
        }
        Ok(rules)
    }
}

fn show(args: &ShowArgs, context: &Context) -> anyhow::Result<()> {
    let rules = args.rules.read()?;
    let folder = args.folder.open(&rules.negatives, context)?;
    let Annotation { graph, traps, .. } = block_on(folder.read(&args.file))?;
    if traps.misplaced_captions > 0 {
        output::note(&format!("{} captions fit no box of the video; \"stats\" tells which", traps.misplaced_captions));
    }
    let sample = GraphSample::draw(&graph, &rules, args.rules.seed);
    let pictures = match (&sample, &args.video) {
        (Some(sample), Some(video)) => pictures(video, sample, context)?,
        (Some(sample), None) => found_pictures(folder.folder(), args, sample, context)?,
        (None, _) => Vec::new(),
    };
    write_beside(&args.output, page(&graph, sample.as_ref(), &pictures, &rules.texts).as_bytes())?;
    if sample.is_none() {
        output::note("the video gives no (F, B, O): the page has no sample");
    }
    output::print(&args.output.display().to_string())
}

/// As [`pictures`], of the video that lies where data sets keep theirs. The page is of use without, so that it says what is
/// wrong and goes on.
fn found_pictures(
    annotations: &DiskFolder,
    args: &ShowArgs,
    sample: &GraphSample,
    context: &Context,
) -> crate::Result<Vec<String>> {
    let Some(video) = find_video_near(annotations, &args.file) else {
        output::note("no video of that name was found: the page has boxes without their picture; give it by --video");
        return Ok(Vec::new());
    };
    match pictures(&video, sample, context) {
        Err(crate::Error::Aborted) => Err(crate::Error::Aborted),
        Err(error) => {
            output::note(&format!("the page has boxes without their picture: {error}"));
            Ok(Vec::new())
        }
        pictures => pictures,
    }
}

/// The frames of a sample as addresses of pictures.
fn pictures(video: &Path, sample: &GraphSample, context: &Context) -> crate::Result<Vec<String>> {
    let indices: Vec<usize> = sample.frames.iter().map(|frame| *frame as usize).collect();
    let frames = decode::open_one(video, &context.abort)?.read(&indices)?;
    (0..frames.count()).map(|at| jpeg_address(&frames, at, PICTURE_WIDTH)).collect()
}

fn export(args: &ExportArgs, context: &Context) -> anyhow::Result<()> {
    let rules = args.rules.read()?;
    let folder = args.folder.open(&rules.negatives, context)?;
    // Beside its place and renamed: nothing half written stays.
    let beside = args.output.with_extension("part");
    let file = std::fs::File::create(&beside).map_err(crate::Error::io("create", &beside))?;
    let mut out = std::io::BufWriter::new(file);
    let (mut videos, mut lines, mut without) = (0_u64, 0_u64, 0_u64);
    let read = block_on(folder.scan(&mut context.bars(), |file, annotation| {
        context.abort.check()?;
        videos += 1;
        for draw in 0..args.samples {
            let seed = sample_seed(args.rules.seed, draw, videos);
            let Some(sample) = GraphSample::draw(&annotation.graph, &rules, seed) else {
                without += 1;
                break;
            };
            let line = serde_json::json!({
                "file": file, "video_id": sample.video_id, "frames": sample.frames, "texts": sample.texts,
            });
            writeln!(out, "{line}").map_err(crate::Error::io("write", &beside))?;
            lines += 1;
        }
        Ok(())
    }));
    let written = read.and_then(|report| {
        out.flush().map_err(crate::Error::io("write", &beside))?;
        std::fs::rename(&beside, &args.output).map_err(crate::Error::io("write", &args.output))?;
        Ok(report)
    });
    let report = written.inspect_err(|_| drop(std::fs::remove_file(&beside)))?;
    tell_report(&report);
    output::print(&format!("{}: {lines} samples; {without} videos give no (F, B, O)", args.output.display()))
}
