//! The name of a colour: that of the nearest colour which people most often called so, in a space whose distances are
//! about those that the eye sees (Oklab; Ottosson 2020).
//!
//! The names are English's eleven basic colour terms (Berlin and Kay 1969). Their colours are those of the xkcd colour
//! survey of 2010 (222,500 people; public domain, CC0): each hue's own name, and that name after the words dark, deep,
//! medium, dull, dusty, muted, greyish, faded, soft, pastel, bright, light, pale and their degrees, as far as the survey
//! lists them. What has no hue is named by its lightness, at the bounds of black and white of NBS circular 553 (Munsell
//! values 2.5 and 8.5).

use std::sync::LazyLock;

/// The basic colour terms; all are words of the built-in table of negatives.
pub const BASIC_COLORS: [&str; 11] =
    ["black", "white", "gray", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"];
/// How many of them, at the begin, have no hue.
pub const WITHOUT_HUE: usize = 3;
/// Position of "black".
const BLACK: usize = 0;
/// Position of "white".
pub const WHITE: usize = 1;
/// Position of "gray".
pub const GRAY: usize = 2;

/// The survey's colours (`0xrrggbb`) of each name with a hue, in the order of [`BASIC_COLORS`].
const SURVEY: [&[u32]; BASIC_COLORS.len() - WITHOUT_HUE] = [
    &[
        0xe50000, 0x840000, 0xa90308, 0x9a0200, 0xbb3f3f, 0xb9484e, 0xd3494e, 0xdb5856, 0xff000d, 0xfe2f4a, 0xff474c,
        0xd9544d,
    ],
    &[0xf97306, 0xc65102, 0xdc4d01, 0xd8863b, 0xf0833a, 0xf0944d, 0xff964f, 0xff5b00, 0xfdaa48, 0xffa756],
    &[0xffff14, 0xd5b60a, 0xeedc5b, 0xfeff7f, 0xfffe71, 0xfffd01, 0xfffe7a, 0xffff84],
    &[
        0x15b01a, 0x062e03, 0x033500, 0x287c37, 0x02590f, 0x39ad48, 0x74a662, 0x76a973, 0x5fa052, 0x82a67d, 0x7bb274,
        0x6fc276, 0xb0ff9d, 0x01ff07, 0x61e160, 0x96f97b, 0xd1ffbd, 0xc7fdb5,
    ],
    &[
        0x0343df, 0x000133, 0x00035b, 0x014182, 0x040273, 0x2c6fbb, 0x49759c, 0x5a86ad, 0x3b719f, 0x5e819d, 0x658cbb,
        0x6488ea, 0xa2bffe, 0x0165fc, 0x3d7afd, 0x95d0fc, 0xd5ffff, 0xd0fefe,
    ],
    &[
        0x7e1e9c, 0x2a0134, 0x35063e, 0x751973, 0x36013f, 0x9e43a2, 0x84597e, 0x825f87, 0x805b87, 0x887191, 0x916e99,
        0xa66fb5, 0xcaa0ff, 0xbe03fd, 0xa552e6, 0xbf77f6, 0xf6cefc, 0xb790d4,
    ],
    &[
        0xff81c0, 0xcb416b, 0xda467d, 0xcb0162, 0xf36196, 0xd5869d, 0xd58a94, 0xd1768f, 0xc88d94, 0xde9dac, 0xfdb0c0,
        0xffbacd, 0xfe01b1, 0xffd1df, 0xffcfdc,
    ],
    &[0x653700, 0x1d0200, 0x341c02, 0x410200, 0x7f5112, 0x876e4b, 0x7a6a4f, 0xad8150, 0xd3b683, 0xb1916e],
];

/// Distance from the axis of grays, in Oklab, below which there is no hue to name: that of the survey's grayest colours
/// with a hue's name.
const LEAST_CHROMA: f32 = 0.035;
/// Oklab's lightness of a gray is the cube root of its luminance: 4.6 % at Munsell value 2.5.
const BLACK_BELOW: f32 = 0.358;
/// 68.4 % at Munsell value 8.5.
const WHITE_FROM: f32 = 0.881;

/// Bits of a channel that the table of names tells apart.
const BITS: usize = 5;

/// Position in [`BASIC_COLORS`] of every colour whose channels are cut to [`BITS`] bits.
static NAMES: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let hues = (WITHOUT_HUE..).zip(SURVEY);
    let known: Vec<(usize, [f32; 3])> =
        hues.flat_map(|(name, colors)| colors.iter().map(move |color| (name, oklab(channels(*color))))).collect();
    // A colour stands for its cell by the middle of each channel.
    let middle = |cell: u32, shift: usize| ((cell >> shift) & 0x1f) << 3 | 4;
    let color = |cell: u32| middle(cell, 2 * BITS) << 16 | middle(cell, BITS) << 8 | middle(cell, 0);
    (0..1 << (3 * BITS)).map(|cell| name(oklab(channels(color(cell))), &known)).collect()
});

/// The position in [`BASIC_COLORS`] of the name of an sRGB colour.
#[must_use]
pub fn basic_color(rgb: [u8; 3]) -> usize {
    let cell = rgb.into_iter().fold(0, |cell, channel| cell << BITS | usize::from(channel >> (8 - BITS)));
    NAMES[cell]
}

fn channels(color: u32) -> [u8; 3] {
    let [_, red, green, blue] = color.to_be_bytes();
    [red, green, blue]
}

fn name([lightness, a, b]: [f32; 3], known: &[(usize, [f32; 3])]) -> usize {
    if a.hypot(b) < LEAST_CHROMA {
        return match lightness {
            dark if dark < BLACK_BELOW => BLACK,
            light if light >= WHITE_FROM => WHITE,
            _ => GRAY,
        };
    }
    let distance = |other: &[f32; 3]| {
        let [dl, da, db] = [lightness - other[0], a - other[1], b - other[2]];
        dl * dl + da * da + db * db
    };
    let nearest = known.iter().min_by(|(_, one), (_, other)| distance(one).total_cmp(&distance(other)));
    nearest.map_or(GRAY, |(name, _)| *name)
}

/// Oklab's lightness and its two axes of colour.
fn oklab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(|value| {
        let value = f32::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Negatives;

    #[test]
    fn oklab_is_that_of_css() {
        // CSS Color 4 and the article's table for white and the primaries of sRGB.
        for (rgb, expected) in [
            ([255, 255, 255], [1.0, 0.0, 0.0]),
            ([255, 0, 0], [0.627_96, 0.224_86, 0.125_85]),
            ([0, 255, 0], [0.866_44, -0.233_89, 0.179_5]),
            ([0, 0, 255], [0.452_01, -0.032_46, -0.311_53]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
        ] {
            let got = oklab(rgb);
            assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{rgb:?}: {got:?}");
        }
    }

    #[test]
    fn names_are_those_of_other_lists() {
        // Named colours of CSS, and centroids of ISCC-NBS's names (vivid hues, strong brown, black, white).
        for (color, expected) in [
            (0xff0000, "red"),
            (0xbe0032, "red"),
            (0xffa500, "orange"),
            (0xf38400, "orange"),
            (0xffff00, "yellow"),
            (0xf3c300, "yellow"),
            (0x008000, "green"),
            (0x228b22, "green"),
            (0x008856, "green"),
            (0x0000ff, "blue"),
            (0x0067a5, "blue"),
            (0x4169e1, "blue"),
            (0x800080, "purple"),
            (0x9a4eae, "purple"),
            (0xffc0cb, "pink"),
            (0x8b4513, "brown"),
            (0x80461b, "brown"),
            (0x808080, "gray"),
            (0x848482, "gray"),
            (0x222222, "black"),
            (0xf2f3f4, "white"),
        ] {
            assert_eq!(BASIC_COLORS[basic_color(channels(color))], expected, "{color:06x}");
        }
    }

    #[test]
    fn every_name_is_given_and_has_negatives() {
        for (at, name) in BASIC_COLORS.into_iter().enumerate() {
            assert_eq!(Negatives::built_in().kind(name), Some(crate::data::attributes::COLOR));
            let cells = NAMES.iter().filter(|cell| **cell == at).count();
            assert!(cells >= 60, "{name}: {cells}");
        }
        let grays = (0..=255_u8).map(|value| basic_color([value; 3]));
        assert!(grays.clone().all(|name| name < WITHOUT_HUE));
        let mut in_order: Vec<usize> = grays.collect();
        in_order.dedup();
        assert_eq!(in_order, [BLACK, GRAY, WHITE]);
    }
}
