//! Sprites: each kind drawn once per size and pose into a colour-free raster, so that a frame costs a few blits.
//! A sprite pixel holds how much of it is covered, how much takes the entity's colour, and the fixed rest (eyes).

use super::drawing::{Paint, drawing};
use super::kind::Kind;
use std::sync::OnceLock;

/// Largest half extent in pixels that sprites are made for.
const MAX_HALF: i32 = 21;
/// Smallest one.
const MIN_HALF: i32 = 9;
/// Samples a pixel along each axis.
const SAMPLES: i32 = 4;
/// Width of the dark rim in samples (3/4 pixel).
const RIM: i32 = 3;
/// Brightness of the rim as a share of the entity's colour, of 255.
const RIM_SHADE: u32 = 70;
/// Poses of every kind: they alternate while it moves.
pub const POSES: usize = 2;

/// One raster; facing right, transparent border removed.
#[derive(Debug)]
pub struct Sprite {
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// Left edge relative to the entity's centre line.
    pub left: i32,
    /// `[height, width]` pixels: cover, tint, red, green, blue; the last four weighted by cover.
    pub pixels: Vec<[u8; 5]>,
}

/// The sprite of a kind at `half` pixels half extent in one pose; made at its first use.
pub fn sprite(kind: Kind, half: i32, pose: usize) -> &'static Sprite {
    const HALVES: usize = (MAX_HALF - MIN_HALF + 1) as usize;
    static CACHE: [OnceLock<Sprite>; Kind::ALL.len() * HALVES * POSES] =
        [const { OnceLock::new() }; Kind::ALL.len() * HALVES * POSES];
    let half = half.clamp(MIN_HALF, MAX_HALF);
    let size = (half - MIN_HALF).unsigned_abs() as usize;
    let pose = pose % POSES;
    let slot = (kind as usize * HALVES + size) * POSES + pose;
    CACHE[slot].get_or_init(|| rasterise(kind, half, pose))
}

/// Paints the drawing into `SAMPLES`² samples a pixel, adds the rim, and averages.
fn rasterise(kind: Kind, half: i32, pose: usize) -> Sprite {
    let side = 2 * (half + 2);
    let grid = side * SAMPLES;
    let shapes = drawing(kind, pose);
    let mut samples: Vec<Option<Paint>> = Vec::with_capacity((grid * grid).unsigned_abs() as usize);
    for row in 0..grid {
        for column in 0..grid {
            // Sample centres in drawing units: 128 units are `half` pixels.
            let unit = |at: i32| ((2 * at + 1 - grid) * 128) / (2 * half * SAMPLES);
            let (x, y) = (unit(column), unit(row));
            let paint = shapes.iter().rev().find(|(shape, _)| shape.covers(x, y)).map(|(_, paint)| *paint);
            samples.push(paint.map(|paint| paint.lit(y)));
        }
    }
    add_rim(&mut samples, grid);
    crop(&average(&samples, side), side)
}

/// Gives every free sample within `RIM` of a covered one the rim's paint.
fn add_rim(samples: &mut [Option<Paint>], grid: i32) {
    let covered: Vec<bool> = samples.iter().map(Option::is_some).collect();
    let is_covered = |x: i32, y: i32| {
        (0..grid).contains(&x) && (0..grid).contains(&y) && covered[(y * grid + x).unsigned_abs() as usize]
    };
    let near: Vec<(i32, i32)> = (-RIM..=RIM)
        .flat_map(|dy| (-RIM..=RIM).map(move |dx| (dx, dy)))
        .filter(|(dx, dy)| dx * dx + dy * dy <= RIM * RIM + 1)
        .collect();
    for y in 0..grid {
        for x in 0..grid {
            let slot = &mut samples[(y * grid + x).unsigned_abs() as usize];
            if slot.is_none() && near.iter().any(|(dx, dy)| is_covered(x + dx, y + dy)) {
                *slot = Some(Paint::Body(RIM_SHADE));
            }
        }
    }
}

/// Averages the samples of every pixel of a `side` by `side` raster.
fn average(samples: &[Option<Paint>], side: i32) -> Vec<[u8; 5]> {
    let grid = side * SAMPLES;
    let mut pixels = Vec::new();
    for y in 0..side {
        for x in 0..side {
            let mut sums = [0_u32; 5];
            for at in 0..SAMPLES * SAMPLES {
                let index = (y * SAMPLES + at / SAMPLES) * grid + x * SAMPLES + at % SAMPLES;
                match samples[index.unsigned_abs() as usize] {
                    Some(Paint::Body(shade)) => {
                        sums[0] += 255;
                        let glow = shade.saturating_sub(255);
                        sums[1] += shade - 2 * glow;
                        sums[2..].iter_mut().for_each(|sum| *sum += glow);
                    }
                    Some(Paint::Fixed(rgb)) => {
                        sums[0] += 255;
                        for (sum, value) in sums[2..].iter_mut().zip(rgb) {
                            *sum += u32::from(value);
                        }
                    }
                    None => {}
                }
            }
            let count = (SAMPLES * SAMPLES).unsigned_abs();
            pixels.push(sums.map(|sum| u8::try_from(sum / count).unwrap_or(255)));
        }
    }
    pixels
}

/// Cuts the transparent border off.
fn crop(pixels: &[[u8; 5]], side: i32) -> Sprite {
    let at = |x: i32, y: i32| pixels[(y * side + x).unsigned_abs() as usize];
    let seen = |x: i32, y: i32| at(x, y)[0] > 0;
    let columns: Vec<i32> = (0..side).filter(|x| (0..side).any(|y| seen(*x, y))).collect();
    let rows: Vec<i32> = (0..side).filter(|y| (0..side).any(|x| seen(x, *y))).collect();
    let (x0, x1) = (columns.first().copied().unwrap_or(0), columns.last().map_or(0, |x| x + 1));
    let (y0, y1) = (rows.first().copied().unwrap_or(0), rows.last().map_or(0, |y| y + 1));
    let cut = (y0..y1).flat_map(|y| (x0..x1).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect();
    Sprite { width: x1 - x0, height: y1 - y0, left: x0 - side / 2, pixels: cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sprites_are_tight_and_grow_with_size() {
        for kind in Kind::ALL {
            for pose in 0..POSES {
                let mut last = 0;
                for half in [9, 13, 19] {
                    let made = sprite(kind, half, pose);
                    let cover = |x: i32, y: i32| made.pixels[(y * made.width + x) as usize][0] > 0;
                    assert_eq!(made.pixels.len() as i32, made.width * made.height);
                    assert!((0..made.width).any(|x| cover(x, 0)) && (0..made.width).any(|x| cover(x, made.height - 1)));
                    assert!(
                        (0..made.height).any(|y| cover(0, y)) && (0..made.height).any(|y| cover(made.width - 1, y))
                    );
                    assert!(made.width <= 2 * half + 4 && made.height <= 2 * half + 4, "{kind:?}");
                    let area = made.pixels.iter().filter(|p| p[0] > 127).count();
                    assert!(area > last, "{kind:?} at {half}");
                    last = area;
                }
            }
        }
    }

    #[test]
    fn weights_never_exceed_cover() {
        for kind in Kind::ALL {
            for pixel in &sprite(kind, 13, 0).pixels {
                assert!(pixel[1..].iter().all(|value| value <= &pixel[0]), "{kind:?} {pixel:?}");
            }
        }
    }
}
