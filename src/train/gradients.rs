//! The gradients of one step, of all clips at once or by micro-batches; a stop is obeyed between the encoders' pieces.
//!
//! Constraint: L_con compares every clip of a step with every caption, so a batch cannot simply be cut up and summed.
//! Solution (GradCache, Gao et al. 2021): all embeddings are made without a graph, the loss and its gradients in the
//! embeddings follow from them exactly, and then each micro-batch is encoded again with a graph and pulled by its part of
//! those gradients. Cost: one more forward pass; memory is that of one micro-batch, whatever the batch.

use crate::error::Result;
use crate::event::Abort;
use crate::loss::{Embeds, Objective, ObjectiveConfig, objective};
use crate::model::{VideoOptions, VideoTextModel};
use crate::nn::{ParamPath, mix, trainable};
use crate::train::inputs::StepInputs;
use crate::train::text_rows::TextRows;
use crate::train::video_pass::{OutputGradients, VideoOutputs, VideoPass, give_way};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use std::ops::Range;

/// How a step's gradients are computed. What comes out is the same to rounding.
#[derive(Debug, Clone)]
pub struct GradientPlan<'a> {
    /// What is minimised.
    pub objective: &'a ObjectiveConfig,
    /// Clips that are in memory with their graph at once; 0 for all, which are then encoded once.
    pub micro_batch: usize,
    /// Whether the video encoder keeps only its blocks' inputs and computes each block again in the backward pass.
    pub recompute: bool,
    /// What the adapters' dropout masks follow from; without it nothing is dropped.
    pub mask_seed: Option<u64>,
    /// Asks for a stop between blocks.
    pub abort: &'a Abort,
}

/// Texts in memory with their graph at once, where a step is cut up.
const TEXTS_AT_ONCE: usize = 32;

/// The objective of a step and its gradients in the model's parameters. `model` is one that keeps gradients; it is not
/// changed.
///
/// # Errors
/// Those of [`objective()`] and of the encoders; [`Error::Aborted`](crate::Error::Aborted).
pub async fn gradients(
    model: &VideoTextModel,
    inputs: &StepInputs,
    plan: &GradientPlan<'_>,
) -> Result<(Objective, GradientsParams)> {
    let device = model.temperature().device();
    let step = Step { model, inputs, plan, plain: device.clone().inner(), device };
    if plan.micro_batch == 0 && !plan.recompute { step.keeping_graphs().await } else { step.cut_up().await }
}

struct Step<'a> {
    model: &'a VideoTextModel,
    inputs: &'a StepInputs,
    plan: &'a GradientPlan<'a>,
    device: Device,
    /// The same without gradients.
    plain: Device,
}

/// The gradients of the loss in what the encoders gave, in its shapes; none for what trains nothing.
struct OfOutputs {
    videos: Option<OutputGradients>,
    texts: Option<Tensor<2>>,
}

/// A forward pass of the video encoder with its graphs.
enum VideoGraphs {
    InPieces(Box<VideoPass>),
    /// Of an encoder that has none.
    Whole(Box<VideoOutputs>),
}

impl Step<'_> {
    /// Every graph kept: nothing is computed twice.
    async fn keeping_graphs(&self) -> Result<(Objective, GradientsParams)> {
        let masked = self.plan.masked(self.model, &video_mask(0));
        let (graphs, outputs) = self.video_graphs(&masked).await?;
        let rows = TextRows::new(&self.inputs.texts, usize::MAX);
        let mut texts = Vec::new();
        for at in 0..rows.groups() {
            texts.push(rows.encode_group(at, &self.plan.masked(self.model, &text_mask(at)), &self.device)?);
            give_way(self.plan.abort).await?;
        }
        let joined = rows.join(texts.iter().map(|group| group.clone().inner()).collect());

        let mut sum = GradientsAccumulator::new();
        let (objective, of) = self.pull_outputs(outputs, joined, &mut sum).await?;
        if let Some(of_videos) = of.videos {
            self.pull_graphs(graphs, &masked, of_videos, &mut sum).await?;
        }
        if let Some(of_texts) = of.texts {
            for (at, embed) in texts.into_iter().enumerate() {
                self.pull_group(&rows, at, embed, &of_texts, &mut sum).await?;
            }
        }
        Ok((objective, sum.grads()))
    }

    async fn video_graphs(&self, masked: &VideoTextModel) -> Result<(VideoGraphs, VideoOutputs)> {
        let clips = 0..self.inputs.clips();
        let (pixels, options) = (self.inputs.pixels(&clips, &self.device), self.options(&clips, &self.device));
        if let Some(encoder) = masked.staged() {
            let (pass, outputs) = VideoPass::with_graphs(masked, encoder, pixels, &options, self.plan.abort).await?;
            return Ok((VideoGraphs::InPieces(Box::new(pass)), outputs));
        }
        let encoding = masked.encode_video(pixels, &options)?;
        give_way(self.plan.abort).await?;
        let outputs = (encoding.embed.clone().inner(), encoding.scene.clone().map(Tensor::inner));
        Ok((VideoGraphs::Whole(Box::new((encoding.embed, encoding.scene))), outputs))
    }

    async fn pull_graphs(
        &self,
        graphs: VideoGraphs,
        masked: &VideoTextModel,
        gradients: OutputGradients,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<()> {
        match graphs {
            VideoGraphs::InPieces(pass) => {
                self.pull_pass(*pass, masked, &(0..self.inputs.clips()), gradients, sum).await
            }
            VideoGraphs::Whole(outputs) => {
                let (embed, scene) = *outputs;
                let of = gradients.surrogate(embed, scene).backward();
                sum.accumulate(self.model, GradientsParams::from_grads(of, self.model));
                give_way(self.plan.abort).await
            }
        }
    }

    async fn cut_up(&self) -> Result<(Objective, GradientsParams)> {
        let chunks = self.chunks();
        let (kept, videos, scene) = self.embed_videos(&chunks).await?;
        let rows = TextRows::new(&self.inputs.texts, TEXTS_AT_ONCE);
        let texts = self.embed_texts(&rows).await?;
        let mut sum = GradientsAccumulator::new();
        let (objective, of) = self.pull_outputs((videos, scene), texts, &mut sum).await?;
        if let Some(of_videos) = of.videos {
            self.pull_videos(&chunks, kept, &of_videos, &mut sum).await?;
        }
        if let Some(of_texts) = of.texts {
            self.pull_texts(&rows, &of_texts, &mut sum).await?;
        }
        Ok((objective, sum.grads()))
    }

    /// The objective of what the encoders gave (without graphs), and its gradients; those of the parameters that it reads
    /// itself go into `sum`.
    async fn pull_outputs(
        &self,
        (videos, scene): VideoOutputs,
        texts: Tensor<2>,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<(Objective, OfOutputs)> {
        let keys = trainable(self.model);
        let video_trains = keys.iter().any(|(key, _)| !is_text_key(key));
        let text_trains = keys.iter().any(|(key, _)| is_text_key(key));
        let embeds = Embeds {
            videos: leaf(videos, video_trains),
            scene: scene.map(|scene| leaf(scene, video_trains)),
            texts: leaf(texts, text_trains),
            projection: self.model.patch_projection(),
            temperature: self.model.temperature(),
        };
        let (inputs, tokens) = (self.inputs, self.model.scene_tokens());
        let objective = objective(&embeds, &inputs.rounds, inputs.scenes.as_ref(), tokens, self.plan.objective).await?;
        let mut of = objective.total.backward();
        let scene = embeds.scene.as_ref().and_then(|scene| scene.grad_remove(&mut of));
        let embed = embeds.videos.grad_remove(&mut of);
        // L_VSG and regions alone read z_bar and no embedding.
        let none = || embeds.videos.clone().inner().zeros_like();
        let videos =
            (embed.is_some() || scene.is_some()).then(|| OutputGradients { embed: embed.unwrap_or_else(none), scene });
        let texts = embeds.texts.grad_remove(&mut of);
        sum.accumulate(self.model, GradientsParams::from_grads(of, self.model));
        give_way(self.plan.abort).await?;
        Ok((objective, OfOutputs { videos, texts }))
    }

    fn chunks(&self) -> Vec<Range<usize>> {
        let clips = self.inputs.clips();
        let size = if self.plan.micro_batch == 0 { clips.max(1) } else { self.plan.micro_batch };
        (0..clips).step_by(size).map(|start| start..clips.min(start + size)).collect()
    }

    /// Embeddings and z_bar of every clip without a graph. The blocks' inputs are kept where there is but one chunk.
    async fn embed_videos(&self, chunks: &[Range<usize>]) -> Result<(Option<VideoPass>, Tensor<2>, Option<Tensor<4>>)> {
        let (mut kept, mut embeds, mut scenes) = (None, Vec::new(), Vec::new());
        for (at, clips) in chunks.iter().enumerate() {
            let plain = self.plan.masked(self.model, &video_mask(at)).valid();
            let (pass, (embed, scene)) = self.forward(&plain, clips).await?;
            kept = pass.filter(|_| chunks.len() == 1);
            embeds.push(embed);
            scenes.extend(scene);
        }
        let scene = (!scenes.is_empty()).then(|| Tensor::cat(scenes, 0));
        Ok((kept, Tensor::cat(embeds, 0), scene))
    }

    async fn forward(&self, plain: &VideoTextModel, clips: &Range<usize>) -> Result<(Option<VideoPass>, VideoOutputs)> {
        let pixels = self.inputs.pixels(clips, &self.plain);
        let options = self.options(clips, &self.plain);
        if let (Some(encoder), true) = (plain.staged(), self.plan.recompute) {
            let (pass, outputs) = VideoPass::forward(encoder, pixels, &options, self.plan.abort).await?;
            return Ok((Some(pass), outputs));
        }
        let encoding = plain.encode_video(pixels, &options)?;
        give_way(self.plan.abort).await?;
        Ok((None, (encoding.embed, encoding.scene)))
    }

    async fn pull_videos(
        &self,
        chunks: &[Range<usize>],
        mut kept: Option<VideoPass>,
        of_videos: &OutputGradients,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<()> {
        for (at, clips) in chunks.iter().enumerate() {
            let gradients = of_videos.of_clips(clips);
            let masked = self.plan.masked(self.model, &video_mask(at));
            let pass = match kept.take() {
                Some(pass) => Some(pass),
                None if self.plan.recompute => self.forward(&masked.valid(), clips).await?.0,
                None => None,
            };
            if let Some(pass) = pass {
                self.pull_pass(pass, &masked, clips, gradients, sum).await?;
            } else {
                let options = self.options(clips, &self.device);
                let encoding = masked.encode_video(self.inputs.pixels(clips, &self.device), &options)?;
                let of = gradients.surrogate(encoding.embed, encoding.scene).backward();
                sum.accumulate(self.model, GradientsParams::from_grads(of, self.model));
                give_way(self.plan.abort).await?;
            }
        }
        Ok(())
    }

    async fn pull_pass(
        &self,
        pass: VideoPass,
        masked: &VideoTextModel,
        clips: &Range<usize>,
        gradients: OutputGradients,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<()> {
        let pixels = || self.inputs.pixels(clips, &self.device);
        let options = self.options(clips, &self.device);
        let sink = |gradients| sum.accumulate(self.model, gradients);
        pass.backward(masked, pixels, &options, gradients, self.plan.abort, sink).await
    }

    async fn embed_texts(&self, rows: &TextRows) -> Result<Tensor<2>> {
        let mut groups = Vec::new();
        for at in 0..rows.groups() {
            let plain = self.plan.masked(self.model, &text_mask(at)).valid();
            groups.push(rows.encode_group(at, &plain, &self.plain)?);
            give_way(self.plan.abort).await?;
        }
        Ok(rows.join(groups))
    }

    async fn pull_texts(
        &self,
        rows: &TextRows,
        of_texts: &Tensor<2>,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<()> {
        for at in 0..rows.groups() {
            let embed = rows.encode_group(at, &self.plan.masked(self.model, &text_mask(at)), &self.device)?;
            self.pull_group(rows, at, embed, of_texts, sum).await?;
        }
        Ok(())
    }

    /// Pulls one group of texts by its part of the gradients of all.
    async fn pull_group(
        &self,
        rows: &TextRows,
        at: usize,
        embed: Tensor<2>,
        of_texts: &Tensor<2>,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<()> {
        let gradient = Tensor::from_inner(rows.of_group(at, of_texts.clone()));
        let of = (embed * gradient).sum().backward();
        sum.accumulate(self.model, GradientsParams::from_grads(of, self.model));
        give_way(self.plan.abort).await
    }

    fn options(&self, clips: &Range<usize>, device: &Device) -> VideoOptions {
        let patches = self.plan.objective.region_weight > 0.0;
        VideoOptions { keep: self.inputs.keep(clips, device), patches, ..VideoOptions::default() }
    }
}

impl GradientPlan<'_> {
    /// The model with its adapters' dropout on, masks by the step and `part` (a micro-batch). It shares all tensors.
    fn masked(&self, model: &VideoTextModel, part: &str) -> VideoTextModel {
        let mut model = model.clone();
        model.set_adapter_dropout(self.mask_seed.map(|seed| mix(seed, part)));
        model
    }
}

/// A tensor without a graph as one that gradients are asked of, where it `trains`.
fn leaf<const D: usize>(x: Tensor<D>, trains: bool) -> Tensor<D> {
    let x = Tensor::from_inner(x);
    if trains { x.require_grad() } else { x }
}

fn video_mask(chunk: usize) -> String {
    format!("video/{chunk}")
}

fn text_mask(group: usize) -> String {
    format!("text/{group}")
}

/// Whether a parameter is the text encoder's (in any layout), not the video encoder's, the SG tokens' or the temperature.
fn is_text_key(key: &str) -> bool {
    let others = ["vision_encoder.", "vision_proj.", "visual.", "sg.", "temp", "logit_scale"];
    !others.iter().any(|prefix| key.starts_with(prefix))
}

/// Each parameter's gradient by key, `[numbers]`, in the module's order.
#[must_use]
pub fn gradients_by_key(model: &VideoTextModel, gradients: &GradientsParams) -> Vec<(String, Tensor<1>)> {
    let mut visitor = ByKey { path: ParamPath::default(), gradients, found: Vec::new() };
    model.visit(&mut visitor);
    visitor.found
}

struct ByKey<'a> {
    path: ParamPath,
    gradients: &'a GradientsParams,
    found: Vec<(String, Tensor<1>)>,
}

impl ModuleVisitor for ByKey<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.path.exit(container_type);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let numbers = gradient.shape().num_elements();
            self.found.push((self.path.key(), gradient.reshape([numbers])));
        }
    }
}

/// Key of the first parameter whose gradient is not finite everywhere, and where in it.
///
/// # Errors
/// [`Error::Compute`](crate::Error::Compute) when the device fails.
pub async fn first_bad_gradient(
    model: &VideoTextModel,
    gradients: &GradientsParams,
) -> Result<Option<(String, usize)>> {
    for (key, gradient) in gradients_by_key(model, gradients) {
        let data = gradient.into_data_async().await;
        let data = data.map_err(|error| crate::Error::Compute { reason: error.to_string() })?;
        if let Some(at) = data.iter::<f32>().position(|number| !number.is_finite()) {
            return Ok(Some((key, at)));
        }
    }
    Ok(None)
}
