use super::*;
use safetensors::SafeTensors;

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// `[3, size, size]` to `[size, size, 3]`.
fn channels_last(planes: &[u8]) -> Vec<u8> {
    let plane = planes.len() / CHANNELS;
    (0..plane).flat_map(|i| (0..CHANNELS).map(move |c| planes[c * plane + i])).collect()
}

/// Largest difference and number of differing values.
fn difference(got: &[u8], expected: &[u8]) -> (u8, usize) {
    assert_eq!(got.len(), expected.len());
    let differences = || got.iter().zip(expected).map(|(a, b)| a.abs_diff(*b));
    (differences().max().unwrap(), differences().filter(|d| *d > 0).count())
}

#[test]
fn all_rules_equal_the_reference_programs() {
    let (inputs, expected) = (fixture("preprocess/inputs.safetensors"), fixture("preprocess/expected.safetensors"));
    let (inputs, expected) = (SafeTensors::deserialize(&inputs).unwrap(), SafeTensors::deserialize(&expected).unwrap());
    let mut names = inputs.names();
    names.sort_unstable();
    assert_eq!(names.len(), 8);
    for (i, name) in names.into_iter().enumerate() {
        let image = inputs.tensor(name).unwrap();
        let (height, width) = (image.shape()[0], image.shape()[1]);
        for (rule, output) in [
            (ResizeRule::Cv2Linear, "cv2_linear_squash"),
            (ResizeRule::TorchBicubic, "torch_bicubic_squash_noaa_u8"),
            (ResizeRule::TorchBicubicAntialias, "torch_bicubic_squash_aa_u8"),
            (ResizeRule::PillowBicubicCrop, "pil_center_crop"),
        ] {
            let output = expected.tensor(&format!("i{i}_{output}")).unwrap();
            let planar = output.shape()[0] == CHANNELS;
            let size = output.shape()[1];
            let pixels = if planar { channels_last(output.data()) } else { output.data().to_vec() };
            let got = Resizer::new(rule, width, height, size).resize(image.data());
            let (largest, count) = difference(&got, &pixels);
            assert_eq!(largest, 0, "{name} {width}x{height} -> {size} {rule}: {count} of {} differ", got.len());
        }
    }
}
