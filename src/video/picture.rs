//! A frame as a picture within an HTML page: a JPEG in a `data:` address, so that the page is one file.

use super::Frames;
use crate::error::{Error, Result};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, RgbImage};

/// Quality of the JPEG, of 100.
const QUALITY: u8 = 85;
/// The 64 characters of RFC 4648, section 4.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The `data:` address of frame `index`, made smaller to `width` pixels where it is wider.
///
/// # Errors
/// [`Error::InvalidInput`] for a frame that no JPEG can hold (sides above 65,535 pixels).
pub fn jpeg_address(frames: &Frames, index: usize, width: u32) -> Result<String> {
    let refused = |reason: String| Error::InvalidInput { what: format!("frame {index} as a picture"), reason };
    let side = |side: usize| u32::try_from(side).map_err(|e| refused(e.to_string()));
    let picture = RgbImage::from_raw(side(frames.width)?, side(frames.height)?, frames.frame(index).to_vec());
    let mut picture = picture.ok_or_else(|| refused("it has too few bytes".to_owned()))?;
    if picture.width() > width {
        let height = (u64::from(picture.height()) * u64::from(width) / u64::from(picture.width())).max(1);
        let height = u32::try_from(height).map_err(|e| refused(e.to_string()))?;
        picture = imageops::resize(&picture, width, height, FilterType::Triangle);
    }
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .map_err(|e| refused(e.to_string()))?;
    Ok(format!("data:image/jpeg;base64,{}", base64(&jpeg)))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let six = bits >> (18 - 6 * at) & 63;
            text.push(if at <= group.len() { char::from(BASE64[six as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        // RFC 4648, section 10.
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (text, expected) in vectors {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xff, 0xfb, 0xef]), "//vv");
    }

    #[test]
    fn a_picture_shows_its_frame() {
        let level = |x: usize, y: usize| if x < 40 { 200 } else { (y * 2) as u8 };
        let data = (0..60).flat_map(|y| (0..80).flat_map(move |x| [level(x, y), 40, 90])).collect();
        let frames = Frames::new(80, 60, data).unwrap();
        for (width, size) in [(640, (80, 60)), (40, (40, 30))] {
            let address = jpeg_address(&frames, 0, width).unwrap();
            let jpeg = decoded(address.strip_prefix("data:image/jpeg;base64,").unwrap());
            let picture = image::load_from_memory(&jpeg).unwrap().into_rgb8();
            assert_eq!(picture.dimensions(), size);
            let (x, y) = (size.0 / 4, size.1 / 2);
            for (channel, expected) in picture.get_pixel(x, y).0.into_iter().zip([200_u8, 40, 90]) {
                assert!(channel.abs_diff(expected) < 12, "{:?}", picture.get_pixel(x, y));
            }
        }
    }

    fn decoded(text: &str) -> Vec<u8> {
        let values = text.bytes().filter(|c| *c != b'=').map(|c| BASE64.iter().position(|b| *b == c).unwrap());
        let bits: Vec<bool> = values.flat_map(|v| (0..6).rev().map(move |bit| v >> bit & 1 == 1)).collect();
        bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
    }
}
