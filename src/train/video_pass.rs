//! The video encoder's passes block by block.
//!
//! Constraint: the graph of a whole forward pass of ViCLIP-B/16 holds gigabytes (every block's scores and hidden layers),
//! and the backward pass through one graph is a single call, in which nobody else gets a turn and no stop is obeyed.
//! Solution: a block has a graph of its own, and the gradient is handed on from the last block to the first. Where memory
//! is short, a block's input alone is kept, and its graph made when the backward pass comes to it and freed before the
//! next. Cost: a sum for each block; without kept graphs, one more forward pass.

use crate::error::Result;
use crate::event::Abort;
use crate::model::{StagedVideo, TokenLayout, VideoOptions, VideoTextModel, is_scene_key};
use crate::nn::trainable;
use crate::platform::yield_now;
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor};
use std::ops::Range;

/// A forward pass of which is kept what the backward pass needs.
#[derive(Debug)]
pub struct VideoPass {
    /// Input of the first block with its graph, where that is kept and something before the block trains.
    entry: Option<Tensor<3>>,
    /// Each block; where graphs are kept, from the first that trains.
    blocks: Vec<Kept<Tensor<3>>>,
    /// What comes after the last block.
    end: Kept<VideoOutputs>,
    layout: TokenLayout,
}

/// What is kept of a piece of the encoder.
#[derive(Debug)]
enum Kept<Y> {
    /// What went in, `[batch, tokens, width]`, without a graph.
    Input(Tensor<3>),
    /// The same as a leaf, and what came out.
    Graph(Tensor<3>, Y),
}

impl<Y> Kept<Y> {
    /// The input as a leaf and what comes out of it; made again where its graph was not kept.
    fn with_graph(self, piece: impl FnOnce(Tensor<3>) -> Y) -> (Tensor<3>, Y) {
        match self {
            Self::Input(x) => {
                let x = Tensor::from_inner(x).require_grad();
                (x.clone(), piece(x))
            }
            Self::Graph(x, y) => (x, y),
        }
    }
}

/// What a forward pass gives: the embedding `[batch, embed_dim]` and z_bar `[batch, frames, S, width]`.
pub type VideoOutputs = (Tensor<2>, Option<Tensor<4>>);

/// Gradients of [`VideoOutputs`], in their shapes.
#[derive(Debug, Clone)]
pub struct OutputGradients {
    /// Of the embedding.
    pub embed: Tensor<2>,
    /// Of z_bar, where a loss read it.
    pub scene: Option<Tensor<4>>,
}

impl OutputGradients {
    /// Those of some clips of the batch.
    #[must_use]
    pub fn of_clips(&self, clips: &Range<usize>) -> Self {
        Self {
            embed: self.embed.clone().narrow(0, clips.start, clips.len()),
            scene: self.scene.as_ref().map(|scene| scene.clone().narrow(0, clips.start, clips.len())),
        }
    }

    /// A number whose gradient in the encoder's parameters is the loss's: `sum(output * gradient of output)`.
    #[must_use]
    pub fn surrogate(self, embed: Tensor<2>, scene: Option<Tensor<4>>) -> Tensor<1> {
        let sum = (embed * Tensor::from_inner(self.embed)).sum();
        match (scene, self.scene) {
            (Some(scene), Some(gradient)) => sum + (scene * Tensor::from_inner(gradient)).sum(),
            _ => sum,
        }
    }
}

impl VideoPass {
    /// Forward without a graph; `plain` is of the model without gradients ([`Module::valid`](burn::module::Module::valid)).
    ///
    /// # Errors
    /// Those of [`StagedVideo::prepare`]; [`Error::Aborted`](crate::Error::Aborted).
    pub async fn forward(
        plain: &dyn StagedVideo,
        pixels: Tensor<5>,
        options: &VideoOptions,
        abort: &Abort,
    ) -> Result<(Self, VideoOutputs)> {
        let (mut x, layout) = plain.prepare(pixels, options)?;
        let mut blocks = Vec::new();
        for at in 0..plain.blocks() {
            blocks.push(Kept::Input(x.clone()));
            x = plain.block(at, x);
            give_way(abort).await?;
        }
        let outputs = plain.finish(x.clone(), layout);
        Ok((Self { entry: None, blocks, end: Kept::Input(x), layout }, outputs))
    }

    /// Forward with every graph kept from the first piece that trains; `encoder` is that of `model`, the one with gradients.
    ///
    /// # Errors
    /// Those of [`VideoPass::forward`].
    pub async fn with_graphs(
        model: &VideoTextModel,
        encoder: &dyn StagedVideo,
        pixels: Tensor<5>,
        options: &VideoOptions,
        abort: &Abort,
    ) -> Result<(Self, VideoOutputs)> {
        let first = FirstTrained::of(model, encoder);
        let (entry, layout) = encoder.prepare(pixels, options)?;
        let mut x = entry.clone().inner();
        let mut blocks = Vec::new();
        for at in 0..encoder.blocks() {
            let input = Tensor::from_inner(x);
            let flows = first < FirstTrained::Block(at);
            let input = if flows { input.require_grad() } else { input };
            let output = encoder.block(at, input.clone());
            x = output.clone().inner();
            if first <= FirstTrained::Block(at) {
                blocks.push(Kept::Graph(input, output));
            }
            give_way(abort).await?;
        }
        let input = Tensor::from_inner(x).require_grad();
        let (embed, scene) = encoder.finish(input.clone(), layout);
        let outputs = (embed.clone().inner(), scene.clone().map(Tensor::inner));
        let entry = (first == FirstTrained::Entry).then_some(entry);
        Ok((Self { entry, blocks, end: Kept::Graph(input, (embed, scene)), layout }, outputs))
    }

    /// Backward: hands the gradients of each part's parameters to `sink` as they come. `model` is the one with gradients;
    /// pixels and options are those of the forward pass, on its device.
    ///
    /// # Errors
    /// Those of [`StagedVideo::prepare`]; [`Error::Aborted`](crate::Error::Aborted).
    pub async fn backward(
        self,
        model: &VideoTextModel,
        pixels: impl FnOnce() -> Tensor<5>,
        options: &VideoOptions,
        gradients: OutputGradients,
        abort: &Abort,
        mut sink: impl FnMut(GradientsParams),
    ) -> Result<()> {
        let Some(encoder) = model.staged() else { return Ok(()) };
        let Self { entry, mut blocks, end, layout } = self;
        let first = FirstTrained::of(model, encoder);
        let (x, (embed, scene)) = end.with_graph(|x| encoder.finish(x, layout));
        let mut of = gradients.surrogate(embed, scene).backward();
        let mut flowing = x.grad_remove(&mut of);
        sink(GradientsParams::from_module(&mut of, model));
        give_way(abort).await?;
        for at in (0..encoder.blocks()).rev() {
            if first > FirstTrained::Block(at) {
                return Ok(());
            }
            let (Some(gradient), Some(kept)) = (flowing.take(), blocks.pop()) else { return Ok(()) };
            let (x, output) = kept.with_graph(|x| encoder.block(at, x));
            let mut of = pull(output, gradient);
            flowing = x.grad_remove(&mut of);
            sink(GradientsParams::from_module(&mut of, model));
            give_way(abort).await?;
        }
        if let (Some(gradient), FirstTrained::Entry) = (flowing, first) {
            let x = match entry {
                Some(x) => x,
                None => encoder.prepare(pixels(), options)?.0,
            };
            let mut of = pull(x, gradient);
            sink(GradientsParams::from_module(&mut of, model));
        }
        Ok(())
    }
}

/// Lets others have a turn, then obeys a stop that was asked for.
///
/// # Errors
/// [`Error::Aborted`](crate::Error::Aborted).
pub(super) async fn give_way(abort: &Abort) -> Result<()> {
    yield_now().await;
    abort.check()
}

/// Gradients of everything below `output` whose own gradient is `gradient`.
fn pull(output: Tensor<3>, gradient: Tensor<3>) -> Gradients {
    (output * Tensor::from_inner(gradient)).sum().backward()
}

/// The lowest part of the encoder that has something to train: below it no gradient is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FirstTrained {
    /// Before the first block: patches, positions, SG tokens.
    Entry,
    /// This block.
    Block(usize),
    /// After the last block, or nothing.
    End,
}

impl FirstTrained {
    fn of(model: &VideoTextModel, encoder: &dyn StagedVideo) -> Self {
        let block = |key: &str| -> Option<usize> {
            let rest = key.strip_prefix(encoder.stack())?.strip_prefix('.')?;
            rest.split('.').next()?.parse().ok()
        };
        let part = |(key, _): &(String, Vec<usize>)| match block(key) {
            Some(at) => Self::Block(at),
            None if is_scene_key(key) => Self::Entry,
            None if key.starts_with("vision_") && !encoder.is_after_blocks(key) => Self::Entry,
            None => Self::End,
        };
        trainable(model).iter().map(part).min().unwrap_or(Self::End)
    }
}
