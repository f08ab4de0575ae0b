//! Muted, textured grounds: entities stand out by colour and shape, and no single pixel gives anything away. The canvas
//! is larger than the frame so that the camera can drift over it.

use super::random::{Random, mix};
use super::stage::small;
use super::{HEIGHT, Level, WIDTH};

/// Border around the frame on each side, in pixels; the camera drifts less than that.
pub const BORDER: i32 = 8;

/// A drawn background: `[HEIGHT + 2 BORDER, WIDTH + 2 BORDER, 3]`.
#[derive(Debug, Clone)]
pub struct Background {
    /// Width of the canvas in pixels.
    pub width: i32,
    /// RGB, row-major.
    pub pixels: Vec<u8>,
    /// A post in front of everything, in one clip of five.
    pub post: Option<Post>,
}

/// A muted upright post that hides a strip of what passes behind it.
#[derive(Debug, Clone, Copy)]
pub struct Post {
    /// Left edge in the frame before the camera drifts.
    pub left: i32,
    /// Width in pixels.
    pub width: i32,
    /// First row.
    pub top: i32,
    /// Its colour.
    pub rgb: [u8; 3],
}

/// Pairs of muted colours: far side and ground.
const PALETTES: [[[u8; 3]; 2]; 8] = [
    [[168, 182, 190], [138, 146, 120]],
    [[190, 176, 160], [150, 134, 116]],
    [[150, 160, 172], [118, 126, 140]],
    [[176, 186, 172], [128, 144, 132]],
    [[186, 170, 178], [148, 134, 144]],
    [[140, 146, 142], [104, 112, 108]],
    [[196, 192, 178], [166, 158, 140]],
    [[132, 138, 156], [152, 146, 134]],
];

/// Draws the background of a seed.
pub fn background(seed: u64) -> Background {
    let mut random = Random::new(seed, u64::MAX);
    let palette = PALETTES[random.below(8) as usize];
    let jitter = [0; 3].map(|_: i32| random.range(-10, 10));
    let colors = palette.map(|rgb| [0, 1, 2].map(|c| i32::from(rgb[c]) + jitter[c]));
    let plain = Level::of(seed) == Level::Trio;
    let texture = if plain { 0 } else { random.below(6) };
    let (scale, slant) = (random.range(7, 16), random.range(-2, 2));
    let horizon = random.range(34, 56) + BORDER;
    let spots: Vec<[i32; 3]> =
        (0..12).map(|_| [random.range(0, 144), random.range(0, 144), random.range(4, 14)]).collect();
    let post = (!plain && random.chance(20)).then(|| Post {
        left: random.range(20, 104),
        width: random.range(4, 7),
        top: random.range(8, 30),
        rgb: palette[0].map(|value| value / 5 * 3),
    });
    let grain = mix(seed ^ 0x6772_6169_6e00);
    let (width, height) = (small(WIDTH) + 2 * BORDER, small(HEIGHT) + 2 * BORDER);
    let mut pixels = Vec::with_capacity((width * height * 3).unsigned_abs() as usize);
    for y in 0..height {
        // The ground darkens towards the viewer; the far side is lighter at the horizon.
        let base = if y < horizon { colors[0] } else { colors[1] };
        let slope = if y < horizon { (y - horizon) / 4 } else { (horizon - y) / 6 };
        for x in 0..width {
            let pattern = match texture {
                0 => 0,
                1 => stripe(x + slant * y / 2, scale),
                2 => stripe(x, scale) ^ stripe(y, scale),
                3 => i32::from(y >= horizon) * stripe(y * y / 24 + x * slant, scale * 2),
                4 => i32::from(spots.iter().any(|[sx, sy, r]| (x - sx).pow(2) + 2 * (y - sy).pow(2) < r * r)),
                _ => bricks(x, y, scale),
            };
            let noise = noise(grain, x, y);
            for value in base {
                let value = value + slope - 13 * pattern + noise;
                pixels.push(u8::try_from(value.clamp(0, 255)).unwrap_or(0));
            }
        }
    }
    Background { width, pixels, post }
}

const fn stripe(at: i32, scale: i32) -> i32 {
    (at.div_euclid(scale)).rem_euclid(2)
}

fn bricks(x: i32, y: i32, scale: i32) -> i32 {
    let row = y.div_euclid(scale);
    let shifted = x + if row % 2 == 0 { 0 } else { scale };
    i32::from(y.rem_euclid(scale) == 0 || shifted.rem_euclid(2 * scale) == 0)
}

/// -3..=4 by position: one cheap hash a pixel.
const fn noise(grain: u64, x: i32, y: i32) -> i32 {
    let at =
        (x.cast_unsigned()).wrapping_mul(0x9e37_79b1) ^ (y.cast_unsigned()).wrapping_mul(0x85eb_ca77) ^ grain as u32;
    let at = (at ^ (at >> 15)).wrapping_mul(0x2c1b_3c6d);
    (at >> 29).cast_signed() - 3
}
