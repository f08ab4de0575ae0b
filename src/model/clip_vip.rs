//! CLIP-ViP (models.md 3): CLIP whose frames see one another through a few tokens that they share. One sequence holds CLS, the
//! proxy tokens and all frames' patches; the first two attend to everything, the patches to them and to their own frame;
//! CLS is the video. Checked against a dense mask over the whole sequence (tests/fixtures/clip_vip_tiny).

use crate::config::ModelConfig;
use crate::model::clip::VisualEncoder;
use crate::nn::{lazy, linear_weights};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// What CLIP-ViP has beside CLIP's image encoder.
#[derive(Module, Debug)]
pub struct Proxies {
    /// The proxy tokens, `[proxies, width]`; their position is CLS's.
    pub added_cls: Param<Tensor<2>>,
    /// Added to all patches of a frame, `[1, frames, width]`.
    pub temporal_embedding: Param<Tensor<3>>,
}

impl Proxies {
    /// Not yet filled parameters; `None` for a model without proxy tokens.
    #[must_use]
    pub fn empty(config: &ModelConfig, device: &Device) -> Option<Self> {
        let vision = &config.vision;
        (vision.proxy_tokens > 0).then(|| Self {
            added_cls: lazy([vision.proxy_tokens, vision.width], device),
            temporal_embedding: lazy([1, vision.frames, vision.width], device),
        })
    }

    /// Tokens that all frames share: CLS and the proxies.
    #[must_use]
    pub fn shared(&self) -> usize {
        1 + self.added_cls.lazy_shape()[0]
    }

    /// The embedding of `frames` frames, `[frames, width]`; of another number than the table's it is interpolated.
    #[must_use]
    pub fn temporal(&self, frames: usize) -> Tensor<2> {
        let table = self.temporal_embedding.val().squeeze_dim::<2>(0);
        let rows = table.dims()[0];
        if frames == rows {
            return table;
        }
        linear_weights(frames, rows, &table.device()).cast(table.dtype()).matmul(table)
    }
}

impl VisualEncoder {
    /// `pixels` `[batch, frames, 3, side, side]` to `[batch, embed_dim]`, not normalised; on request also the attention of
    /// CLS, `[batch, layers, heads, tokens]`. Any number of frames.
    #[must_use]
    pub fn forward_video(
        &self,
        proxies: &Proxies,
        pixels: Tensor<5>,
        rows_wanted: bool,
    ) -> (Tensor<2>, Option<Tensor<4>>) {
        let frames = pixels.dims()[1];
        let mut x = self.prepare_video(proxies, pixels);
        let mut rows = Vec::new();
        for block in &self.transformer.resblocks {
            let (next, row) = block.forward_by_frame(x, proxies.shared(), frames, rows_wanted);
            rows.extend(row);
            x = next;
        }
        (self.finish(x), rows_wanted.then(|| Tensor::stack::<4>(rows, 1)))
    }

    /// Everything before the first block: `[batch, 1 + proxies + frames * patches, width]` after `ln_pre`.
    #[must_use]
    pub fn prepare_video(&self, proxies: &Proxies, pixels: Tensor<5>) -> Tensor<3> {
        let [batch, frames, channels, height, side] = pixels.dims();
        let patches = self.conv1.forward(pixels.reshape([batch * frames, channels, height, side]));
        let [_, count, width] = patches.dims();
        let positions = self.positional_embedding.val();
        let (first, rest) = (positions.clone().narrow(0, 0, 1), positions.narrow(0, 1, count));
        let patches = patches.reshape([batch, frames, count, width])
            + proxies.temporal(frames).reshape([1, frames, 1, width])
            + rest.reshape([1, 1, count, width]);
        let cls = self.class_embedding.val().reshape([1, width]);
        let shared = Tensor::cat(vec![cls, proxies.added_cls.val()], 0) + first;
        let shared = shared.unsqueeze::<3>().expand([batch, proxies.shared(), width]);
        self.ln_pre.forward(Tensor::cat(vec![shared, patches.reshape([batch, frames * count, width])], 1))
    }
}
