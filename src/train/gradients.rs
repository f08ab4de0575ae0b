//! The gradients of one step, in one piece or by micro-batches.
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
use crate::train::recompute::{OutputGradients, VideoOutputs, VideoPass};
use crate::train::text_rows::TextRows;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use std::ops::Range;

/// How a step's gradients are computed. What comes out is the same to rounding.
#[derive(Debug, Clone)]
pub struct GradientPlan<'a> {
    /// What is minimised.
    pub objective: &'a ObjectiveConfig,
    /// Clips that are in memory with their graph at once; 0 for all, in one graph.
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
    if plan.micro_batch == 0 && !plan.recompute {
        whole(model, inputs, plan).await
    } else {
        cut_up(model, inputs, plan).await
    }
}

/// Everything in one graph.
async fn whole(
    model: &VideoTextModel,
    inputs: &StepInputs,
    plan: &GradientPlan<'_>,
) -> Result<(Objective, GradientsParams)> {
    let device = model.temperature().device();
    let clips = 0..inputs.clips();
    let masked = plan.masked(model, "video/0");
    let encoding = masked.encode_video(inputs.pixels(&clips, &device), &options(inputs, &clips, &device))?;
    let texts = TextRows::new(&inputs.texts, usize::MAX);
    let embeds = Embeds {
        videos: encoding.embed,
        scene: encoding.scene,
        texts: texts.encode(&masked, &device)?,
        temperature: model.temperature(),
    };
    let objective =
        objective(&embeds, &inputs.rounds, inputs.scenes.as_ref(), model.scene_tokens(), plan.objective).await?;
    let gradients = GradientsParams::from_grads(objective.total.backward(), model);
    Ok((objective, gradients))
}

async fn cut_up(
    model: &VideoTextModel,
    inputs: &StepInputs,
    plan: &GradientPlan<'_>,
) -> Result<(Objective, GradientsParams)> {
    let device = model.temperature().device();
    let step = CutUp { model, inputs, plan, plain: device.clone().inner(), device };
    let chunks = step.chunks();
    let (kept, videos, scene) = step.embed_videos(&chunks).await?;
    let rows = TextRows::new(&inputs.texts, TEXTS_AT_ONCE);
    let texts = step.embed_texts(&rows)?;
    let text_trains = trainable(model).iter().any(|(key, _)| is_text_key(key));

    let leaf = |x: Tensor<2>| Tensor::from_inner(x).require_grad();
    let embeds = Embeds {
        videos: leaf(videos),
        scene: scene.map(|scene| Tensor::from_inner(scene).require_grad()),
        texts: if text_trains { leaf(texts) } else { Tensor::from_inner(texts) },
        temperature: model.temperature(),
    };
    let objective =
        objective(&embeds, &inputs.rounds, inputs.scenes.as_ref(), model.scene_tokens(), plan.objective).await?;
    let mut of = objective.total.backward();
    let of_videos = embeds.videos.grad_remove(&mut of);
    let of_scene = embeds.scene.as_ref().and_then(|scene| scene.grad_remove(&mut of));
    let of_texts = embeds.texts.grad_remove(&mut of);
    let mut sum = GradientsAccumulator::new();
    sum.accumulate(model, GradientsParams::from_grads(of, model));
    if let Some(of_videos) = of_videos {
        step.pull_videos(&chunks, kept, &of_videos, of_scene.as_ref(), &mut sum).await?;
    }
    if let Some(of_texts) = of_texts {
        step.pull_texts(&rows, &of_texts, &mut sum).await?;
    }
    Ok((objective, sum.grads()))
}

struct CutUp<'a> {
    model: &'a VideoTextModel,
    inputs: &'a StepInputs,
    plan: &'a GradientPlan<'a>,
    device: Device,
    /// The same without gradients.
    plain: Device,
}

impl CutUp<'_> {
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
        let options = options(self.inputs, clips, &self.plain);
        if let (Some(encoder), true) = (plain.staged(), self.plan.recompute) {
            let (pass, outputs) = VideoPass::forward(encoder, pixels, &options, self.plan.abort).await?;
            return Ok((Some(pass), outputs));
        }
        let encoding = plain.encode_video(pixels, &options)?;
        Ok((None, (encoding.embed, encoding.scene)))
    }

    async fn pull_videos(
        &self,
        chunks: &[Range<usize>],
        mut kept: Option<VideoPass>,
        of_videos: &Tensor<2>,
        of_scene: Option<&Tensor<4>>,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<()> {
        if !trainable(self.model).iter().any(|(key, _)| !is_text_key(key)) {
            return Ok(());
        }
        for (at, clips) in chunks.iter().enumerate() {
            self.plan.abort.check()?;
            let gradients = OutputGradients {
                embed: of_videos.clone().narrow(0, clips.start, clips.len()),
                scene: of_scene.map(|scene| scene.clone().narrow(0, clips.start, clips.len())),
            };
            let masked = self.plan.masked(self.model, &video_mask(at));
            let pixels = self.inputs.pixels(clips, &self.device);
            let options = options(self.inputs, clips, &self.device);
            let pass = match kept.take() {
                Some(pass) => Some(pass),
                None if self.plan.recompute => self.forward(&masked.valid(), clips).await?.0,
                None => None,
            };
            if let Some(pass) = pass {
                let sink = |gradients| sum.accumulate(self.model, gradients);
                pass.backward(&masked, pixels, &options, gradients, self.plan.abort, sink).await?;
            } else {
                let encoding = masked.encode_video(pixels, &options)?;
                let of = gradients.surrogate(encoding.embed, encoding.scene).backward();
                sum.accumulate(self.model, GradientsParams::from_grads(of, self.model));
            }
        }
        Ok(())
    }

    fn embed_texts(&self, rows: &TextRows) -> Result<Tensor<2>> {
        let group = |at: usize| {
            let plain = self.plan.masked(self.model, &text_mask(at)).valid();
            rows.encode_group(at, &plain, &self.plain)
        };
        Ok(rows.join((0..rows.groups()).map(group).collect::<Result<_>>()?))
    }

    async fn pull_texts(
        &self,
        rows: &TextRows,
        of_texts: &Tensor<2>,
        sum: &mut GradientsAccumulator<VideoTextModel>,
    ) -> Result<()> {
        for at in 0..rows.groups() {
            self.plan.abort.check()?;
            let embed = rows.encode_group(at, &self.plan.masked(self.model, &text_mask(at)), &self.device)?;
            let gradient = Tensor::from_inner(rows.of_group(at, of_texts.clone()));
            let of = (embed * gradient).sum().backward();
            sum.accumulate(self.model, GradientsParams::from_grads(of, self.model));
            crate::platform::yield_now().await;
        }
        Ok(())
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

fn video_mask(chunk: usize) -> String {
    format!("video/{chunk}")
}

fn text_mask(group: usize) -> String {
    format!("text/{group}")
}

fn options(inputs: &StepInputs, clips: &Range<usize>, device: &Device) -> VideoOptions {
    VideoOptions { keep: inputs.keep(clips, device), ..VideoOptions::default() }
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
