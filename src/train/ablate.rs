//! The ablation of SGCR-Vid on the generated world (native only): the contrastive loss alone, with the text branch, with
//! the visual branch, with both, each over several seeds, from one base model.
//!
//! Constraint: a dozen runs take hours on two cores and will be interrupted. Solution: every run is a cell with a folder
//! of its own; a finished one has left `cell.json`, an unfinished one its checkpoint; whoever starts the ablation again
//! goes on from there. Cost: models of all cells stay on disk until the report is written.
//!
//! All cells of a seed see the same pairs in the same order. The visual branch needs SG tokens, so that only cells with it
//! have them; the text branch needs annotated clips, so that the baseline has none, as in the paper's comparison.

use crate::config::{SceneTokensConfig, SceneTokensVariant};
use crate::error::{Error, Result};
use crate::eval::ablation::{About, AblationReport, Attention, Cell, Grounding, LossPoint, Retrieval, Sweep, Variant};
use crate::eval::{MIN_OVERLAP, WorldEvaluation};
use crate::event::{Abort, Event, Events};
use crate::platform::{block_on, write_beside};
use crate::text::Tokenizer;
use crate::loss::{ObjectiveConfig, Reduction, SceneLossConfig};
use crate::train::{GroupRates, RunOptions, TrainConfig, TrainingBase, run};
use crate::world::Split;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is ablated, and how it is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AblateConfig {
    /// Settings of SGCR-Vid's cell: the others are this one with parts switched off.
    pub train: TrainConfig,
    /// First seed; the others follow.
    pub seed: u64,
    /// Seeds of each variant: intervals need 2, the paper's claim 3.
    pub seeds: usize,
    /// Further weights of the visual branch, of SGCR-Vid's cell with the first seed (the paper's Figure 6).
    pub alphas: Vec<f64>,
    /// Further numbers of SG tokens, likewise (Figure 7).
    pub scene_tokens: Vec<usize>,
    /// Clips of each split for retrieval.
    pub retrieval_clips: u64,
    /// Clips of each split for grounding and attention.
    pub grounding_clips: u64,
}

/// Fine-tuning of the model of preset "world": twelve cells take an hour on one core. What it took for L_VSG to be
/// learnt at all (one run each, seed 1): position vectors that are not drowned by the patches (`model::init`), a level of the
/// world with few and large things, a base that knows kinds, classes told with their colours that teach the text encoder too, SG tokens of the
/// "block" kind ("literal" ones were slower), a temperature that stays: L_VSG drives it up, and then no text is told from
/// another.
impl Default for AblateConfig {
    fn default() -> Self {
        let scene_tokens =
            SceneTokensConfig { variant: SceneTokensVariant::Block, tokens: 8, heads: 4, ..SceneTokensConfig::default() };
        let objective = ObjectiveConfig {
            reduction: Reduction::Mean,
            alpha: 1.0,
            labels_learn: true,
            scene: SceneLossConfig { class_weight: 1.0, ..SceneLossConfig::default() },
            ..ObjectiveConfig::default()
        };
        let rates = GroupRates { scene: 2.0, ..GroupRates::default() };
        let train = TrainConfig {
            batch: 8,
            scenes: 10,
            shared_casts: true,
            colored_classes: true,
            steps: 400,
            learning_rate: 1e-3,
            near_misses: 0,
            mask_ratio: 0.0,
            unmasked: 1.0,
            train_temperature: false,
            checkpoint_every: 100,
            eval_clips: 500,
            objective,
            rates,
            scene_tokens,
            ..TrainConfig::default()
        };
        Self {
            train,
            seed: 1,
            seeds: 3,
            alphas: Vec::new(),
            scene_tokens: Vec::new(),
            retrieval_clips: 300,
            grounding_clips: 100,
        }
    }
}

/// One run of the ablation.
#[derive(Debug, Clone, PartialEq)]
pub struct CellPlan {
    /// Its branches.
    pub variant: Variant,
    /// The sweep that it is a point of.
    pub sweep: Option<Sweep>,
    /// Its settings.
    pub config: TrainConfig,
}

impl AblateConfig {
    /// Every run, seed by seed, so that an ablation that is stopped early has whole comparisons.
    #[must_use]
    pub fn cells(&self) -> Vec<CellPlan> {
        let of_seed = |seed: u64| Variant::ALL.map(|variant| self.cell(variant, seed));
        let mut cells: Vec<CellPlan> = (0..self.seeds as u64).flat_map(|i| of_seed(self.seed + i)).collect();
        let swept = |sweep, change: &dyn Fn(&mut TrainConfig)| {
            let mut cell = CellPlan { sweep: Some(sweep), ..self.cell(Variant::Both, self.seed) };
            change(&mut cell.config);
            cell
        };
        cells.extend(self.alphas.iter().map(|alpha| swept(Sweep::Alpha, &|config| config.objective.alpha = *alpha)));
        let tokens = self.scene_tokens.iter();
        cells.extend(tokens.map(|count| swept(Sweep::SceneTokens, &|config| config.scene_tokens.tokens = *count)));
        cells
    }

    fn cell(&self, variant: Variant, seed: u64) -> CellPlan {
        let mut config = TrainConfig { seed, ..self.train.clone() };
        config.objective.text_branch = matches!(variant, Variant::Tsg | Variant::Both);
        config.objective.visual_branch = matches!(variant, Variant::Vsg | Variant::Both);
        if !config.objective.visual_branch {
            config.scene_tokens.variant = SceneTokensVariant::None;
        }
        if variant == Variant::Baseline {
            config.scenes = 0;
        }
        CellPlan { variant, sweep: None, config }
    }
}

impl CellPlan {
    /// Name of its folder.
    #[must_use]
    pub fn name(&self) -> String {
        let variant = match self.variant {
            Variant::Baseline => "baseline",
            Variant::Tsg => "tsg",
            Variant::Vsg => "vsg",
            Variant::Both => "both",
        };
        let seed = self.config.seed;
        match self.sweep {
            None => format!("{variant}-{seed}"),
            Some(Sweep::Alpha) => format!("{variant}-{seed}-alpha-{}", self.config.objective.alpha),
            Some(Sweep::SceneTokens) => format!("{variant}-{seed}-tokens-{}", self.config.scene_tokens.tokens),
        }
    }
}

/// The folders of an ablation.
#[derive(Debug, Clone)]
pub struct AblateOptions<'a> {
    /// The settings.
    pub config: &'a AblateConfig,
    /// Folder of the model that every cell starts from.
    pub base: &'a Path,
    /// Folder to write: `cells/` and the report.
    pub output: &'a Path,
}

const CELL_FILE: &str = "cell.json";
const SETTINGS_FILE: &str = "ablation.json";

/// Runs every cell that is not finished yet and writes the report after each. Emits [`Event::Progress`] of stage `cells`
/// beside those of the runs.
///
/// # Errors
/// [`Error::InvalidInput`] where `output` holds an ablation with other settings; what the runs and the report say;
/// [`Error::Aborted`] (what is done is kept).
pub fn ablate(
    options: &AblateOptions<'_>,
    device: &Device,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<AblationReport> {
    let plans = options.config.cells();
    prepare(options)?;
    let mut cells = Vec::new();
    for (done, plan) in plans.iter().enumerate() {
        events.emit(Event::Progress { stage: "cells", done: done as u64, total: plans.len() as u64 });
        cells.push(cell(plan, options, device, events, abort)?);
        report(options, &cells, plans.len())?.write(options.output)?;
    }
    events.emit(Event::Progress { stage: "cells", done: plans.len() as u64, total: plans.len() as u64 });
    report(options, &cells, plans.len())
}

/// Notes the settings, or refuses other ones.
fn prepare(options: &AblateOptions<'_>) -> Result<()> {
    let path = options.output.join(SETTINGS_FILE);
    std::fs::create_dir_all(options.output).map_err(Error::io("create", options.output))?;
    // More seeds or sweeps may be added to finished cells; what a cell is may not change.
    let settings = serde_json::to_vec_pretty(&options.config.train).map_err(Error::json(SETTINGS_FILE))?;
    match std::fs::read(&path) {
        Ok(found) if found == settings => Ok(()),
        Ok(_) => Err(Error::InvalidInput {
            what: format!("output {}", options.output.display()),
            reason: format!("its {SETTINGS_FILE} is of an ablation with other settings; name another folder"),
        }),
        Err(_) => write_beside(&path, &settings),
    }
}

fn report(options: &AblateOptions<'_>, cells: &[Cell], planned: usize) -> Result<AblationReport> {
    let config = &options.config;
    let facts = [
        ("Base model", options.base.display().to_string()),
        ("Level of the world", format!("{:?}, pairs of a step from shared casts: {}", config.train.level, config.train.shared_casts)),
        ("Cells", format!("{} of {planned}", cells.len())),
        ("Pairs and annotated clips a step", format!("{} and {}", config.train.batch, config.train.scenes)),
        ("Clips a split for near misses, retrieval, grounding", {
            format!("{}, {}, {}", config.train.eval_clips, config.retrieval_clips, config.grounding_clips)
        }),
    ];
    let facts = facts.map(|(name, value)| (name.to_owned(), value)).to_vec();
    AblationReport::of(cells, &About { title: "SGCR-Vid on the generated world".to_owned(), facts })
}

/// A finished cell as it was measured, or a run of it now.
fn cell(
    plan: &CellPlan,
    options: &AblateOptions<'_>,
    device: &Device,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<Cell> {
    let folder = options.output.join("cells").join(plan.name());
    let file = folder.join(CELL_FILE);
    let hash = config_hash(&plan.config)?;
    if let Ok(text) = std::fs::read_to_string(&file) {
        let found: Cell = serde_json::from_str(&text).map_err(Error::json(file.display().to_string()))?;
        if found.config_hash == hash {
            return Ok(found);
        }
    }
    let started = Instant::now();
    let model = folder.join("model");
    let resume = model.join("training.safetensors").exists();
    if !resume && model.exists() {
        // A run that was killed before its first checkpoint, or after its last but before it was measured.
        std::fs::remove_dir_all(&model).map_err(Error::io("remove", &model))?;
    }
    let run_options = RunOptions { config: &plan.config, base: Some(options.base), output: &model, resume };
    let finished = run(&run_options, device, events, abort)?;
    let mut cell = Cell {
        name: plan.variant,
        seed: plan.config.seed,
        sweep: plan.sweep,
        alpha: plan.config.objective.alpha,
        scene_tokens: plan.config.scene_tokens.tokens,
        steps: plan.config.steps,
        hours: 0.0,
        config_hash: hash,
        kinds: Vec::new(),
        retrieval: Vec::new(),
        grounding: None,
        losses: losses(&model)?,
        attention: None,
    };
    finished.tables.iter().for_each(|(split, table)| cell.add_kinds(*split, table));
    let testing = Instant::now();
    measure(&mut cell, &model, options.config, device, events, abort)?;
    // A run that was taken up again has the seconds of its earlier parts in its log; testing is timed here.
    let seconds = finished.seconds.max(started.elapsed().as_secs_f64() - testing.elapsed().as_secs_f64());
    cell.hours = (seconds + testing.elapsed().as_secs_f64()) / 3600.0;
    let json = serde_json::to_vec_pretty(&cell).map_err(Error::json(CELL_FILE))?;
    write_beside(&file, &json)?;
    Ok(cell)
}

/// Retrieval, grounding and attention of a finished cell's model.
fn measure(
    cell: &mut Cell,
    folder: &Path,
    config: &AblateConfig,
    device: &Device,
    events: &mut impl Events,
    abort: &Abort,
) -> Result<()> {
    let base = TrainingBase::open(folder, device, events, abort)?;
    let tokenizer = Tokenizer::of_model(&base.tokenizer_json, "tokenizer.json", &base.model.config().text)?;
    let (model, preprocess, level) = (&base.model, &base.preprocess, config.train.level);
    let evaluation = WorldEvaluation { model, tokenizer: &tokenizer, preprocess, device, level };
    for split in [Split::Test, Split::Compositional] {
        let found = block_on(evaluation.retrieval(split, 0..config.retrieval_clips, events, abort))?;
        let first = |direction: &crate::eval::RetrievalDirection| direction.pessimistic.at_1.accuracy();
        cell.retrieval.push(Retrieval {
            split: split.name().to_owned(),
            text_to_video: first(&found.ranks.text_to_video),
            video_to_text: first(&found.ranks.video_to_text),
            n: found.clips,
        });
    }
    if base.model.scene_tokens().is_some() {
        let found = block_on(evaluation.grounding(Split::Test, 0..config.grounding_clips, config.train.colored_classes, events, abort))?;
        let triplets = found.grounding.triplets;
        cell.grounding =
            Some(Grounding { found: triplets.correct, triplets: triplets.total, iou: f64::from(MIN_OVERLAP) });
        let found = block_on(evaluation.attention(Split::Test, 0..config.grounding_clips, events, abort))?;
        cell.attention = Some(Attention::of(&found));
    }
    Ok(())
}

/// The losses of a run's log.
fn losses(folder: &Path) -> Result<Vec<LossPoint>> {
    #[derive(Deserialize)]
    struct Line {
        step: usize,
        contrastive: Option<f64>,
        triplets: Option<f64>,
        order: Option<f64>,
        scene: Option<f64>,
    }
    let path: PathBuf = folder.join("log.jsonl");
    let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let mut points = Vec::new();
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).map_err(Error::json(path.display().to_string()))?;
        let Some(con) = line.contrastive else { continue };
        let tsg = line.triplets.zip(line.order).map(|(triplets, order)| triplets + order);
        points.push(LossPoint { step: line.step, con, tsg, vsg: line.scene });
    }
    Ok(points)
}

fn config_hash(config: &TrainConfig) -> Result<String> {
    let json = serde_json::to_vec(config).map_err(Error::json("settings"))?;
    let hash = Sha256::digest(&json);
    Ok(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
#[path = "tests/ablate.rs"]
mod tests;
