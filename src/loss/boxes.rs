//! How far boxes are apart. A box is `[centre x, centre y, width, height]` in parts of the frame.

use burn::tensor::Tensor;

/// Generalised intersection over union of each pair of rows, `[pairs, 4]` and `[pairs, 4]` to `[pairs]`: from -1 to 1,
/// 1 for equal boxes (Rezatofighi et al., Eq. 3).
#[must_use]
pub fn generalized_iou(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    let [a_low, a_high] = corners(a);
    let [b_low, b_high] = corners(b);
    let area = |low: &Tensor<2>, high: &Tensor<2>| product(high.clone() - low.clone());
    let shared =
        product((a_high.clone().min_pair(b_high.clone()) - a_low.clone().max_pair(b_low.clone())).clamp_min(0.0));
    let union = area(&a_low, &a_high) + area(&b_low, &b_high) - shared.clone();
    let hull = product(a_high.max_pair(b_high) - a_low.min_pair(b_low));
    shared / union.clone() - (hull.clone() - union) / hull
}

/// Left upper and right lower corners, `[pairs, 2]` each.
fn corners(boxes: Tensor<2>) -> [Tensor<2>; 2] {
    let centre = boxes.clone().narrow(1, 0, 2);
    let half = boxes.narrow(1, 2, 2) / 2.0;
    [centre.clone() - half.clone(), centre + half]
}

/// Width times height: `[pairs, 2]` to `[pairs]`.
fn product(sides: Tensor<2>) -> Tensor<1> {
    let pairs = sides.dims()[0];
    (sides.clone().narrow(1, 0, 1) * sides.narrow(1, 1, 1)).reshape([pairs])
}

/// [`generalized_iou`] of two boxes on the host, for matching.
#[must_use]
pub fn generalized_iou_of(a: [f32; 4], b: [f32; 4]) -> f64 {
    let edges = |[x, y, w, h]: [f32; 4]| {
        let [x, y, w, h] = [x, y, w, h].map(f64::from);
        [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
    };
    let (a, b) = (edges(a), edges(b));
    let area = |e: [f64; 4]| (e[2] - e[0]) * (e[3] - e[1]);
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let shared = side(0) * side(1);
    let union = area(a) + area(b) - shared;
    let span = |axis: usize| a[axis + 2].max(b[axis + 2]) - a[axis].min(b[axis]);
    let hull = span(0) * span(1);
    shared / union - (hull - union) / hull
}
