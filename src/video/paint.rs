//! Drawing on frames.

/// Draws the outline of a box on one RGB frame, `[height, width, 3]` of `width` pixels a row: `bounds` `[4]` is centre x,
/// centre y, width, height in parts of the frame. The line lies inside of the box; what lies outside of the frame is cut
/// off.
pub fn outline(frame: &mut [u8], width: usize, bounds: [f32; 4], color: [u8; 3], thickness: usize) {
    let height = frame.len() / (3 * width).max(1);
    let (x0, x1) = edges(bounds[0], bounds[2], width);
    let (y0, y1) = edges(bounds[1], bounds[3], height);
    for y in y0.max(0)..y1.min(height as i64) {
        for x in x0.max(0)..x1.min(width as i64) {
            let depth = (x - x0).min(x1 - 1 - x).min(y - y0).min(y1 - 1 - y);
            if depth < thickness as i64 {
                let at = 3 * (y as usize * width + x as usize);
                frame[at..at + 3].copy_from_slice(&color);
            }
        }
    }
}

/// First pixel of a stretch and the first one past it; one pixel at least.
fn edges(centre: f32, size: f32, pixels: usize) -> (i64, i64) {
    // Far outside is far enough, and nothing overflows.
    let pixel = |part: f32| (part * pixels as f32).round().clamp(-1e9, 1e9) as i64;
    let (first, end) = (pixel(centre - size / 2.0), pixel(centre + size / 2.0));
    (first, end.max(first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The painted pixels of a 6 x 4 frame, a line a row.
    fn painted(bounds: [f32; 4], thickness: usize) -> String {
        let mut frame = vec![9; 6 * 4 * 3];
        outline(&mut frame, 6, bounds, [255, 0, 7], thickness);
        let mark = |pixel: &[u8]| if pixel == [255, 0, 7] { '#' } else { '.' };
        let rows = frame.chunks(18).map(|row| row.chunks(3).map(mark).collect::<String>());
        rows.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn outlines_are_where_the_boxes_are() {
        assert_eq!(painted([0.5, 0.5, 1.0, 1.0], 1), "###### #....# #....# ######");
        assert_eq!(painted([0.5, 0.5, 2.0 / 3.0, 1.0], 1), ".####. .#..#. .#..#. .####.");
        assert_eq!(painted([0.5, 0.5, 1.0, 1.0], 2), "###### ###### ###### ######");
        assert_eq!(painted([0.5, 0.5, 0.0, 0.0], 1), "...... ...... ...#.. ......");
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        // Its right and lower half are outside.
        assert_eq!(painted([1.0, 1.0, 2.0 / 3.0, 1.0], 1), "...... ...... ....## ....#.");
        assert!(!painted([3.0, 3.0, 0.5, 0.5], 1).contains('#'));
        // No number may panic.
        painted([f32::NAN, f32::INFINITY, -1.0, 1e30], 1);
        outline(&mut [], 0, [0.5; 4], [0; 3], 1);
    }
}
