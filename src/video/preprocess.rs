//! From RGB frames to the model's input: resize, then `(value / 255 - mean) / std` by channel.

use super::Frames;
use super::resize::Resizer;
use crate::config::PreprocessConfig;

/// The frames as the model's input, `[frames, 3, size, size]`, row-major, `size` being
/// [`PreprocessConfig::image_size`]; takes every frame it is given (sampling comes before).
#[must_use]
pub fn pixels(frames: &Frames, config: &PreprocessConfig) -> Vec<f32> {
    normalise(&resized(frames, config), config.mean, config.std)
}

/// The frames resized by the config's rule, still u8: `[frames, size, size, 3]`.
#[must_use]
pub fn resized(frames: &Frames, config: &PreprocessConfig) -> Frames {
    Resizer::new(config.resize, frames.width, frames.height, config.image_size).resize_all(frames)
}

/// `[frames, height, width, 3]` levels to `[frames, 3, height, width]` floats.
#[must_use]
pub fn normalise(frames: &Frames, mean: [f32; 3], std: [f32; 3]) -> Vec<f32> {
    let plane = frames.width * frames.height;
    // A byte has 256 values: the f32 arithmetic of torch, once for each.
    let table: [[f32; 256]; 3] = std::array::from_fn(|channel| {
        std::array::from_fn(|level| (level as f32 / 255.0 - mean[channel]) / std[channel])
    });
    let mut out = vec![0.0; frames.data.len()];
    for (frame, out) in frames.data.chunks_exact(plane * 3).zip(out.chunks_exact_mut(plane * 3)) {
        for ((channel, out), table) in out.chunks_exact_mut(plane).enumerate().zip(&table) {
            for (out, pixel) in out.iter_mut().zip(frame.chunks_exact(3)) {
                *out = table[usize::from(pixel[channel])];
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ResizeRule;
    use safetensors::SafeTensors;

    fn file(path: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
        let bytes = tensors.tensor(name).unwrap();
        bytes.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    fn clip(tensors: &SafeTensors<'_>) -> Frames {
        let frames = tensors.tensor("frames_rgb_u8").unwrap();
        let [height, width] = [frames.shape()[2], frames.shape()[3]];
        Frames::new(width, height, frames.data().to_vec()).unwrap()
    }

    fn assert_near(got: &[f32], expected: &[f32], what: &str) {
        assert_eq!(got.len(), expected.len(), "{what}");
        let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-6, "{what}: off by {worst:e}");
    }

    #[test]
    fn viclip_pixels_equal_the_original() {
        let (inputs, expected) = (file("viclip_tiny/inputs.safetensors"), file("viclip_tiny/expected.safetensors"));
        let (inputs, expected) =
            (SafeTensors::deserialize(&inputs).unwrap(), SafeTensors::deserialize(&expected).unwrap());
        let frames = clip(&inputs);
        for (resize, pixels_name, levels_name) in [
            (ResizeRule::Cv2Linear, "pixels_demo", None),
            (ResizeRule::TorchBicubic, "pixels_eval_noaa", Some("resized_eval_noaa_u8")),
            (ResizeRule::TorchBicubicAntialias, "pixels_eval_aa", Some("resized_eval_aa_u8")),
        ] {
            let config = PreprocessConfig { resize, ..PreprocessConfig::viclip(32, 4) };
            assert_near(&pixels(&frames, &config), &floats(&expected, pixels_name), pixels_name);
            if let Some(name) = levels_name {
                let levels = normalise(&resized(&frames, &config), [0.0; 3], [1.0 / 255.0; 3]);
                let reference: Vec<f32> = expected.tensor(name).unwrap().data().iter().map(|b| f32::from(*b)).collect();
                let rounded: Vec<f32> = levels.iter().map(|level| level.round()).collect();
                assert_eq!(rounded, reference, "{name}");
            }
        }
    }

    #[test]
    fn clip_pixels_equal_the_original() {
        let (inputs, expected) = (file("clip_tiny/inputs.safetensors"), file("clip_tiny/expected.safetensors"));
        let (inputs, expected) =
            (SafeTensors::deserialize(&inputs).unwrap(), SafeTensors::deserialize(&expected).unwrap());
        let got = pixels(&clip(&inputs), &PreprocessConfig::clip(32, 5));
        assert_near(&got, &floats(&expected, "pixels"), "clip_tiny pixels");
    }

    #[test]
    fn normalised_images_equal_the_references() {
        let (inputs, expected) = (file("preprocess/inputs.safetensors"), file("preprocess/expected.safetensors"));
        let (inputs, expected) =
            (SafeTensors::deserialize(&inputs).unwrap(), SafeTensors::deserialize(&expected).unwrap());
        let mut names = inputs.names();
        names.sort_unstable();
        for (i, name) in names.into_iter().enumerate() {
            let image = inputs.tensor(name).unwrap();
            let frames = Frames::new(image.shape()[1], image.shape()[0], image.data().to_vec()).unwrap();
            let size = expected.tensor(&format!("i{i}_clip_norm")).unwrap().shape()[1];
            let viclip = |resize| PreprocessConfig { resize, ..PreprocessConfig::viclip(size, 1) };
            for (config, output) in [
                (PreprocessConfig::clip(size, 1), "clip_norm"),
                (viclip(ResizeRule::Cv2Linear), "viclip_demo_norm"),
                (viclip(ResizeRule::TorchBicubic), "viclip_eval_norm_noaa"),
            ] {
                let output = format!("i{i}_{output}");
                assert_near(&pixels(&frames, &config), &floats(&expected, &output), &output);
            }
        }
    }
}
