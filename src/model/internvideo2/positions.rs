//! Tables of positions: row 0 for CLS, then frame by frame, row by row (models.md 2.1, step 1).

use crate::nn::{cubic_weights, linear_weights};
use burn::tensor::Tensor;

/// A table `[1, 1 + frames * grid * grid, width]` for another number of frames (linear) and of patches a side (bicubic); the
/// row of CLS stays. `from` and `to` are frames and patches a side.
#[must_use]
pub fn interpolated(table: Tensor<3>, from: [usize; 2], to: [usize; 2]) -> Tensor<3> {
    if from == to {
        return table;
    }
    let ([frames, grid], [new_frames, new_grid]) = (from, to);
    let (device, dtype, width) = (table.device(), table.dtype(), table.dims()[2]);
    let cls = table.clone().narrow(1, 0, 1);
    let of_frames = table.narrow(1, 1, frames * grid * grid).reshape([frames, grid * grid * width]);
    let over_time = linear_weights(new_frames, frames, &device).cast(dtype).matmul(of_frames);
    let cubic = cubic_weights(new_grid, grid, &device).cast(dtype).unsqueeze::<3>();
    let rows = over_time.reshape([new_frames, grid, grid * width]);
    let over_rows = cubic.clone().expand([new_frames, new_grid, grid]).matmul(rows);
    let columns = over_rows.reshape([new_frames * new_grid, grid, width]);
    let over_columns = cubic.expand([new_frames * new_grid, new_grid, grid]).matmul(columns);
    Tensor::cat(vec![cls, over_columns.reshape([1, new_frames * new_grid * new_grid, width])], 1)
}

/// What a table begins with: sines and cosines of frame (the first quarter of the features), column and row. `width` is a
/// multiple of 16; of another one the features that are left over are zero.
#[must_use]
pub fn sin_cos_table(frames: usize, grid: usize, width: usize) -> Vec<f32> {
    let of_time = width / 4;
    let of_axis = (width - of_time) / 2;
    let mut table = vec![0.0; width];
    for frame in 0..frames {
        for row in 0..grid {
            for column in 0..grid {
                let begin = table.len();
                append_waves(frame, of_time, &mut table);
                append_waves(column, of_axis, &mut table);
                append_waves(row, of_axis, &mut table);
                table.resize(begin + width, 0.0);
            }
        }
    }
    table
}

/// `count / 2` sines, then as many cosines, of `at / 10000^(k / (count / 2))`. Only libm's functions: the standard library's
/// differ between platforms.
fn append_waves(at: usize, count: usize, table: &mut Vec<f32>) {
    let half = count / 2;
    let angle = |k: usize| at as f64 * libm::pow(10_000.0, -(k as f64) / half as f64);
    table.extend((0..half).map(|k| libm::sin(angle(k)) as f32));
    table.extend((0..half).map(|k| libm::cos(angle(k)) as f32));
}
