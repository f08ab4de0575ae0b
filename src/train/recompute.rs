//! Backward through the video encoder block by block.
//!
//! Constraint: the graph of a whole forward pass of ViCLIP-B/16 holds gigabytes (every block's scores and hidden layers).
//! Solution: the forward pass keeps each block's input alone, without a graph; the backward pass goes from the last block
//! to the first, computes a block again with a graph and frees it before the next. Cost: one more forward pass.

use crate::error::Result;
use crate::event::Abort;
use crate::model::{StagedVideo, TokenLayout, VideoOptions, VideoTextModel, is_scene_key};
use crate::nn::trainable;
use crate::platform::yield_now;
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor};

/// A forward pass of which the blocks' inputs are kept.
#[derive(Debug)]
pub struct VideoPass {
    /// Input of each block and, last, the output of the last one: `[batch, tokens, width]`, without a graph.
    inputs: Vec<Tensor<3>>,
    layout: TokenLayout,
}

/// What a forward pass gives, without a graph: the embedding `[batch, embed_dim]` and z_bar `[batch, frames, S, width]`.
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
        let mut inputs = vec![x.clone()];
        for at in 0..plain.blocks() {
            x = plain.block(at, x);
            inputs.push(x.clone());
            yield_now().await;
            abort.check()?;
        }
        let outputs = plain.finish(x, layout);
        Ok((Self { inputs, layout }, outputs))
    }

    /// Backward: hands the gradients of each part's parameters to `sink` as they come. `model` is the one with gradients;
    /// pixels and options are those of the forward pass, on its device.
    ///
    /// # Errors
    /// Those of [`StagedVideo::prepare`]; [`Error::Aborted`](crate::Error::Aborted).
    pub async fn backward(
        mut self,
        model: &VideoTextModel,
        pixels: Tensor<5>,
        options: &VideoOptions,
        gradients: OutputGradients,
        abort: &Abort,
        mut sink: impl FnMut(GradientsParams),
    ) -> Result<()> {
        let Some(encoder) = model.staged() else { return Ok(()) };
        let first = FirstTrained::of(model, encoder);
        let Some(x) = self.pop() else { return Ok(()) };
        let (embed, scene) = encoder.finish(x.clone(), self.layout);
        let mut of = gradients.surrogate(embed, scene).backward();
        let mut flowing = x.grad_remove(&mut of);
        sink(GradientsParams::from_module(&mut of, model));
        for at in (0..encoder.blocks()).rev() {
            let (Some(gradient), Some(x)) = (flowing.take(), self.pop()) else { return Ok(()) };
            if first > FirstTrained::Block(at) {
                return Ok(());
            }
            let mut of = pull(encoder.block(at, x.clone()), gradient);
            flowing = x.grad_remove(&mut of);
            sink(GradientsParams::from_module(&mut of, model));
            yield_now().await;
            abort.check()?;
        }
        if let (Some(gradient), FirstTrained::Entry) = (flowing, first) {
            let (x, _) = encoder.prepare(pixels, options)?;
            let mut of = pull(x, gradient);
            sink(GradientsParams::from_module(&mut of, model));
        }
        Ok(())
    }

    /// The last input that is left, as a leaf.
    fn pop(&mut self) -> Option<Tensor<3>> {
        Some(Tensor::from_inner(self.inputs.pop()?).require_grad())
    }
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
