//! Captions matched with a clip by looking at both together (InternVideo2; models.md 2.3). Published retrieval results re-rank
//! the best candidates so. It costs more than comparing embeddings, for every caption is read again with every clip.

use super::encode::CAPTION_BATCH;
use super::{ClipOptions, Session};
use crate::error::Result;
use crate::event::Abort;
use crate::model::VideoOptions;
use crate::text::TokenIds;
use crate::video::FrameSource;
use burn::tensor::{Int, Tensor, TensorData};

/// A clip and how well captions match it.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchedClip {
    /// Its embedding `[dim]`, not normalised.
    pub embed: Vec<f32>,
    /// One number a caption, more is better; only those of one model compare.
    pub scores: Vec<f32>,
}

impl Session {
    /// Samples, decodes and encodes one clip, and matches captions with it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for a model without matching,
    /// [`Error::MissingFile`](crate::Error::MissingFile) without a tokenizer; what is wrong with the clip;
    /// [`Error::Aborted`](crate::Error::Aborted), device errors.
    pub async fn match_video(
        &self,
        source: &mut dyn FrameSource,
        options: &ClipOptions,
        captions: &[String],
        abort: &Abort,
    ) -> Result<MatchedClip> {
        self.model().check_matching()?;
        let tokens = self.tokenizer()?.encode(captions)?;
        let (frames, config) = self.sampled(source, options)?;
        let wanted = VideoOptions { tokens: true, ..VideoOptions::default() };
        let encoding = self.forward_frames(&frames, &config, &wanted)?;
        let embed = self.read(encoding.embed, "video embedding").await?;
        let scores = self.match_rows(encoding.tokens, &tokens, abort).await?;
        Ok(MatchedClip { embed, scores })
    }

    /// Matches rows of token ids with one clip, `pixels` `[frames, 3, side, side]`: a score a row.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for a model without matching;
    /// [`Error::Aborted`](crate::Error::Aborted); those of the model and of the device.
    pub async fn match_pixels(
        &self,
        pixels: Vec<f32>,
        frames: usize,
        tokens: &TokenIds,
        abort: &Abort,
    ) -> Result<Vec<f32>> {
        self.model().check_matching()?;
        let wanted = VideoOptions { tokens: true, ..VideoOptions::default() };
        let encoding = self.model().encode_video(self.pixel_tensor(pixels, frames), &wanted)?;
        self.match_rows(encoding.tokens, tokens, abort).await
    }

    /// Scores of rows with the encoder's tokens of one clip; none where it gave none.
    async fn match_rows(&self, video: Option<Tensor<3>>, tokens: &TokenIds, abort: &Abort) -> Result<Vec<f32>> {
        let mut scores = Vec::with_capacity(tokens.rows);
        let Some(video) = video else { return Ok(scores) };
        let tokens = tokens.trimmed();
        for rows in tokens.ids.chunks(CAPTION_BATCH * tokens.context) {
            abort.check()?;
            let ids = TensorData::new(rows.to_vec(), [rows.len() / tokens.context, tokens.context]);
            let ids = Tensor::<2, Int>::from_data(ids, self.device().device());
            scores.extend(self.read(self.model().match_captions(&video, ids)?, "matching score").await?);
        }
        Ok(scores)
    }
}
