//! RGB to hue, saturation and value as OpenCV's `COLOR_BGR2HSV` has them on 8 bits: whole numbers, hue from 0 to 179.

/// Bits after the point.
const SHIFT: i32 = 12;

/// OpenCV's tables of quotients.
#[derive(Debug)]
pub struct HsvTables {
    /// `255 / value`.
    saturation: [i32; 256],
    /// `180 / (6 * spread)`.
    hue: [i32; 256],
}

impl HsvTables {
    pub fn new() -> Self {
        let quotients = |range: f64| {
            std::array::from_fn(|by| {
                if by == 0 { 0 } else { (range * f64::from(1 << SHIFT) / by as f64).round_ties_even() as i32 }
            })
        };
        Self { saturation: quotients(255.0), hue: quotients(30.0) }
    }

    /// A pixel's hue, saturation and value.
    pub fn convert(&self, rgb: [u8; 3]) -> [u8; 3] {
        let [r, g, b] = rgb.map(i32::from);
        let value = r.max(g).max(b);
        let spread = value - r.min(g).min(b);
        let rounded = |product: i32| (product + (1 << (SHIFT - 1))) >> SHIFT;
        let saturation = rounded(spread * self.saturation[value as usize]);
        // Red decides where two channels are the largest, then green.
        let sector = if value == r {
            g - b
        } else if value == g {
            b - r + 2 * spread
        } else {
            r - g + 4 * spread
        };
        let hue = rounded(sector * self.hue[spread as usize]);
        [if hue < 0 { hue + 180 } else { hue }, saturation, value].map(|channel| channel.clamp(0, 255) as u8)
    }
}
