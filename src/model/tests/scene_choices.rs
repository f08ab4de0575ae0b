//! The alternatives of choices 5, 7 and 8 of models.md 5.7, against the same arithmetic in plain numbers.

use super::*;
use crate::config::{SceneSource, SceneTokensConfig, VisionConfig};
use crate::model::staged::StagedVideo;
use crate::model::viclip::Viclip;
use crate::model::{VideoOptions, VideoTextModel};
use burn::tensor::Distribution;

const WIDTH: usize = 8;
const DIM: usize = 6;
const TOKENS: usize = 2;

fn model(scene: SceneTokensConfig) -> Viclip {
    let mut config = ModelConfig::viclip_b16();
    config.embed_dim = DIM;
    config.vision =
        VisionConfig { image_size: 8, patch_size: 4, width: WIDTH, layers: 2, heads: 2, frames: 3, proxy_tokens: 0 };
    (config.text.vocab_size, config.text.width, config.text.layers, config.text.heads) = (20, 4, 1, 2);
    config.scene_tokens = SceneTokensConfig { variant: SceneTokensVariant::Block, tokens: TOKENS, heads: 2, ..scene };
    config.validate().unwrap();
    match VideoTextModel::init(&config, 1, &Device::flex()) {
        VideoTextModel::Viclip(model) => model,
        _ => unreachable!("a ViCLIP config"),
    }
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

fn near(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} instead of {b}");
    }
}

/// `rows` `[n, inner]` times `matrix` `[inner, columns]`.
fn product(rows: &[f64], matrix: &[f64], columns: usize) -> Vec<f64> {
    let inner = matrix.len() / columns;
    let cell = |row: &[f64], column: usize| (0..inner).map(|i| row[i] * matrix[i * columns + column]).sum();
    rows.chunks(inner).flat_map(|row| (0..columns).map(move |column| cell(row, column))).collect()
}

#[test]
fn classes_are_scored_as_the_settings_say() {
    const TEMPERATURE: f64 = 0.2;
    let (z_bar, entities, predicates) = (random([2, 3, TOKENS, WIDTH]), random([4, DIM]), random([3, DIM]));
    for class_heads in [ClassHeads::Linear, ClassHeads::Mlp] {
        for class_scores in [ClassScores::Cosine, ClassScores::Product] {
            let mut sg = model(SceneTokensConfig { class_heads, class_scores, ..Default::default() }).sg.unwrap();
            assert_eq!(sg.mlp_s.is_some(), class_heads == ClassHeads::Mlp);
            if let Some(hidden) = &mut sg.mlp_s {
                // Drawn as 0.
                hidden.bias = hidden.bias.clone().map(|bias| bias + 0.3);
            }
            let temperature = Tensor::from_data(TensorData::new(vec![TEMPERATURE as f32], [1]), &Device::flex());
            let heads = sg.heads(z_bar.clone(), unit(entities.clone()), unit(predicates.clone()), temperature);
            assert_eq!((heads.logit_s.dims(), heads.logit_p.dims()), ([2, 3, TOKENS, 5], [2, 3, TOKENS, 4]));

            let mut features = floats(z_bar.clone());
            if let Some(hidden) = &sg.mlp_s {
                let bias = floats(hidden.bias.val());
                features = product(&features, &floats(hidden.weight.val().transpose()), WIDTH);
                let biased = features.iter().zip(bias.iter().cycle()).map(|(x, bias)| (x + bias).max(0.0));
                features = biased.collect();
            }
            features = product(&features, &floats(sg.cls_s.val()), DIM);
            if class_scores == ClassScores::Cosine {
                for row in features.chunks_mut(DIM) {
                    let length = row.iter().map(|x| x * x).sum::<f64>().sqrt() * TEMPERATURE;
                    row.iter_mut().for_each(|x| *x /= length);
                }
            }
            let classes = Tensor::cat(vec![unit(entities.clone()), sg.no_entity.val().unsqueeze::<2>()], 0);
            let expected = product(&features, &floats(classes.transpose()), 5);
            near(&floats(heads.logit_s), &expected);
        }
    }
}

#[test]
fn outputs_at_the_patches_follow_those_of_the_scene_tokens() {
    let (model, pixels) = (model(SceneTokensConfig::default()), random([2, 3, 3, 8, 8]));
    let (norm, shape) = (model.vision_encoder.ln_post.clone(), |x: &Tensor<4>| x.dims());
    let model = VideoTextModel::Viclip(model);
    let options = VideoOptions { patches: true, tokens: true, ..VideoOptions::default() };
    let with = model.encode_video(pixels.clone(), &options).unwrap();
    let plain = model.encode_video(pixels.clone(), &VideoOptions::default()).unwrap();
    let (outputs, scene) = (with.scene.unwrap(), plain.scene.unwrap());
    let [batch, frames, count, width] = shape(&scene);
    let patches = shape(&outputs)[2] - count;
    assert_eq!((shape(&outputs)[..2].to_vec(), count), (vec![batch, frames], TOKENS));
    near(&floats(outputs.clone().narrow(2, 0, count)), &floats(scene));
    // The sequence ends with the patches of all frames, in their order.
    let sequence = norm.forward(with.tokens.unwrap());
    let last = sequence.clone().narrow(1, sequence.dims()[1] - frames * patches, frames * patches);
    let expected = floats(last.reshape([batch, frames, patches, width]));
    near(&floats(outputs.narrow(2, count, patches)), &expected);
    // Without SG tokens the patches' are alone; where some are hidden, none are given.
    let without = VideoOptions { patches: true, without_scene_tokens: true, ..VideoOptions::default() };
    assert_eq!(
        shape(&model.encode_video(pixels.clone(), &without).unwrap().scene.unwrap()),
        [batch, frames, patches, width]
    );
    let keep = Tensor::from_data(TensorData::new(vec![0i32, 3, 1, 2], [2, 2]), &Device::flex());
    let hidden = VideoOptions { patches: true, keep: Some(keep), ..VideoOptions::default() };
    assert_eq!(shape(&model.encode_video(pixels, &hidden).unwrap().scene.unwrap())[2], TOKENS);
}

#[test]
fn tokens_made_after_the_norm_enter_the_blocks_as_they_are() {
    let after = model(SceneTokensConfig { source: SceneSource::AfterNorm, ..Default::default() });
    let before = model(SceneTokensConfig::default());
    let pixels = random([2, 3, 3, 8, 8]);
    let prepared = |model: &Viclip, options: &VideoOptions| model.prepare(pixels.clone(), options).unwrap();
    let (x, layout) = prepared(&after, &VideoOptions::default());
    let patches = after.vision_encoder.ln_pre.forward(after.vision_encoder.patch_tokens(pixels.clone()).unwrap());
    let scene = after.sg.as_ref().unwrap().forward(patches).temporal;
    near(&floats(layout.scene_of(x.clone()).unwrap()), &floats(scene));
    // Of CLS and patches nothing changes but through the SG tokens, later.
    let (y, _) = prepared(&before, &VideoOptions::default());
    let others = |x: Tensor<3>| {
        let (first, count) = (1 + layout.scene(), x.dims()[1]);
        let rest = x.clone().narrow(1, first, count - first);
        floats(Tensor::cat(vec![x.narrow(1, 0, 1), rest], 1))
    };
    near(&others(x.clone()), &others(y.clone()));
    assert_ne!(floats(x), floats(y));
    let without = VideoOptions { without_scene_tokens: true, ..VideoOptions::default() };
    near(&floats(prepared(&after, &without).0), &floats(prepared(&before, &without).0));
}
