//! The drawings of all kinds, as shapes in units of 1/128 of the half extent: x right, y down, feet at y = 128.
//! Later shapes lie over earlier ones. Silhouettes differ so that a kind is told by shape, not by colour.

use super::kind::Kind;

/// What a shape is filled with.
#[derive(Debug, Clone, Copy)]
pub enum Paint {
    /// The entity's colour times this of 255; above 255 it glows towards white.
    Body(u32),
    /// A colour of its own.
    Fixed([u8; 3]),
}

impl Paint {
    /// Light from above: the body darkens downwards by a quarter.
    pub fn lit(self, y: i32) -> Self {
        match self {
            Self::Body(shade) if shade <= 255 => {
                let light = 255 - ((y + 128).clamp(0, 256) / 4).unsigned_abs();
                Self::Body(shade * light / 255)
            }
            paint => paint,
        }
    }
}

/// A filled shape.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Centre and radii.
    Ellipse(i32, i32, i32, i32),
    /// Left, top, right, bottom.
    Rect(i32, i32, i32, i32),
    /// Centre, outer and inner radius.
    Ring(i32, i32, i32, i32),
    /// Even-odd polygon.
    Polygon(Vec<(i32, i32)>),
}

impl Shape {
    /// Whether the point lies in it.
    pub fn covers(&self, x: i32, y: i32) -> bool {
        match self {
            Self::Ellipse(cx, cy, rx, ry) => {
                let (dx, dy) = ((x - cx) * ry, (y - cy) * rx);
                dx * dx + dy * dy <= rx * ry * rx * ry
            }
            Self::Rect(x0, y0, x1, y1) => (*x0..*x1).contains(&x) && (*y0..*y1).contains(&y),
            Self::Ring(cx, cy, outer, inner) => {
                let square = (x - cx) * (x - cx) + (y - cy) * (y - cy);
                square <= outer * outer && square >= inner * inner
            }
            Self::Polygon(points) => in_polygon(points, x, y),
        }
    }
}

fn in_polygon(points: &[(i32, i32)], x: i32, y: i32) -> bool {
    let mut inside = false;
    for (index, &(ax, ay)) in points.iter().enumerate() {
        let (bx, by) = points[(index + 1) % points.len()];
        if (ay > y) != (by > y) {
            // x < ax + (y - ay) (bx - ax) / (by - ay), without the division.
            let side = (x - ax) * (by - ay) - (y - ay) * (bx - ax);
            if (side < 0) == (by > ay) {
                inside = !inside;
            }
        }
    }
    inside
}

const BODY: Paint = Paint::Body(255);
const SHADE: Paint = Paint::Body(190);
const DEEP: Paint = Paint::Body(120);
const GLOW: Paint = Paint::Body(345);
const EYE: Paint = Paint::Fixed([252, 252, 252]);
const PUPIL: Paint = Paint::Fixed([16, 16, 20]);
const BEAK: Paint = Paint::Fixed([240, 170, 50]);
const METAL: Paint = Paint::Fixed([176, 182, 190]);
const WOOD: Paint = Paint::Fixed([112, 76, 48]);
const HOLLOW: Paint = Paint::Fixed([52, 44, 44]);

/// An eye looking right.
fn eye(x: i32, y: i32, r: i32) -> [(Shape, Paint); 2] {
    [(Shape::Ellipse(x, y, r, r), EYE), (Shape::Ellipse(x + r / 4, y, r * 3 / 5, r * 3 / 5), PUPIL)]
}

fn polygon(points: &[(i32, i32)]) -> Shape {
    Shape::Polygon(points.to_vec())
}

/// The shapes of a kind facing right; `pose` 1 is the other half of its step.
pub fn drawing(kind: Kind, pose: usize) -> Vec<(Shape, Paint)> {
    let step = if pose == 0 { 0 } else { 18 };
    match kind {
        Kind::Fox => fox(step),
        Kind::Bird => bird(step),
        Kind::Fish => fish(step),
        Kind::Rabbit => rabbit(step),
        Kind::Robot => robot(step),
        Kind::Ghost => ghost(step),
        _ => thing(kind),
    }
}

fn fox(step: i32) -> Vec<(Shape, Paint)> {
    let mut shapes = vec![
        (polygon(&[(-40, 60), (-96, 44 - step), (-128, -20 - step), (-84, -8 - step), (-30, 30)]), BODY),
        (polygon(&[(-128, -20 - step), (-118, 6 - step), (-102, -10 - step)]), EYE),
        (Shape::Rect(-46 - step, 70, -24 - step, 128), SHADE),
        (Shape::Rect(-20 + step, 70, 2 + step, 128), SHADE),
        (Shape::Rect(22 - step, 70, 44 - step, 128), SHADE),
        (Shape::Rect(44 + step, 70, 64 + step, 128), SHADE),
        (Shape::Ellipse(4, 52, 68, 42), BODY),
        (polygon(&[(18, -40), (24, -118), (60, -62)]), BODY),
        (polygon(&[(58, -60), (88, -118), (98, -40)]), BODY),
        (Shape::Ellipse(60, -18, 46, 46), BODY),
        (polygon(&[(70, -20), (128, 6), (68, 28)]), EYE),
        (Shape::Ellipse(120, 4, 10, 10), PUPIL),
    ];
    shapes.extend(eye(66, -26, 17));
    shapes
}

fn bird(step: i32) -> Vec<(Shape, Paint)> {
    let mut shapes = vec![
        (Shape::Rect(-14, 80, -4, 128 - step), BEAK),
        (Shape::Rect(18, 80, 28, 110 + step), BEAK),
        (polygon(&[(-60, 10), (-128, -26), (-116, 40), (-50, 50)]), SHADE),
        (Shape::Ellipse(-4, 34, 78, 58), BODY),
        (Shape::Ellipse(46, -42, 50, 48), BODY),
        (polygon(&[(84, -60), (128, -36), (84, -18)]), BEAK),
        (polygon(&[(-44, 20 - step), (36, 20), (-8, 70 - 4 * step), (-66, 62 - 4 * step)]), DEEP),
        (polygon(&[(24, -84), (34, -122), (54, -86)]), DEEP),
    ];
    shapes.extend(eye(56, -48, 19));
    shapes
}

fn fish(step: i32) -> Vec<(Shape, Paint)> {
    let mut shapes = vec![
        (polygon(&[(-50, 40), (-126, -30 + step), (-104, 40), (-126, 112 - step)]), SHADE),
        (polygon(&[(-30, -10), (6, -70), (40, -10)]), SHADE),
        (Shape::Ellipse(24, 40, 102, 64), BODY),
        (polygon(&[(4, 50), (-34, 84 + step / 2), (-30, 44)]), DEEP),
        (Shape::Rect(44, -16, 54, 96), DEEP),
        (Shape::Rect(-18, -8, -10, 88), DEEP),
        (polygon(&[(128, 44), (100, 56), (126, 64)]), DEEP),
    ];
    shapes.extend(eye(84, 22, 20));
    shapes
}

fn rabbit(step: i32) -> Vec<(Shape, Paint)> {
    let mut shapes = vec![
        (Shape::Ellipse(-62, 84, 24, 24), EYE),
        (Shape::Ellipse(-6, -84, 17, 46), BODY),
        (Shape::Ellipse(-6, -80, 7, 32), Paint::Fixed([240, 170, 180])),
        (Shape::Ellipse(36 + step / 2, -82, 17, 46), BODY),
        (Shape::Ellipse(36 + step / 2, -78, 7, 32), Paint::Fixed([240, 170, 180])),
        (Shape::Ellipse(-4, 76, 60, 50), BODY),
        (Shape::Ellipse(-30 - step, 116, 30, 12), SHADE),
        (Shape::Ellipse(40 + step, 116, 26, 12), SHADE),
        (Shape::Ellipse(20, -2, 50, 46), BODY),
        (Shape::Ellipse(66, 8, 9, 8), PUPIL),
    ];
    shapes.extend(eye(36, -8, 18));
    shapes
}

fn robot(step: i32) -> Vec<(Shape, Paint)> {
    let mut shapes = vec![
        (Shape::Rect(-4, -128, 4, -90), METAL),
        (Shape::Ellipse(0, -118, 14, 11), GLOW),
        (Shape::Rect(-48, 90, -16, 128 - step), METAL),
        (Shape::Rect(16, 90, 48, 110 + step), METAL),
        (Shape::Rect(-92, 20 - step, -64, 70 - step), METAL),
        (Shape::Rect(64, 2 + step, 92, 52 + step), METAL),
        (Shape::Rect(-68, 6, 68, 98), BODY),
        (Shape::Rect(-34, 34, 34, 74), DEEP),
        (Shape::Rect(-58, -94, 58, -2), BODY),
        (Shape::Rect(-46, -76, 50, -30), PUPIL),
    ];
    shapes.push((Shape::Rect(-24, -66, -4, -42), EYE));
    shapes.push((Shape::Rect(20, -66, 40, -42), EYE));
    shapes
}

fn ghost(step: i32) -> Vec<(Shape, Paint)> {
    let s = step;
    let hem = [
        (-88, -20),
        (88, -20),
        (88, 128 - s),
        (58, 92 + s),
        (28, 128 - s),
        (0, 92 + s),
        (-28, 128 - s),
        (-58, 92 + s),
        (-88, 128 - s),
    ];
    let mut shapes =
        vec![(Shape::Ellipse(0, -22, 88, 96), BODY), (polygon(&hem), BODY), (Shape::Ellipse(30, 44, 16, 22), PUPIL)];
    shapes.extend(eye(2, -26, 24));
    shapes.extend(eye(58, -26, 24));
    shapes
}

fn thing(kind: Kind) -> Vec<(Shape, Paint)> {
    match kind {
        Kind::Box => vec![
            (Shape::Rect(-112, -96, 112, 128), BODY),
            (Shape::Rect(-82, -66, 82, 98), HOLLOW),
            (Shape::Rect(-112, -96, 112, -84), GLOW),
            (Shape::Rect(-112, 110, 112, 128), SHADE),
        ],
        Kind::Star => vec![(star(), BODY), (Shape::Ellipse(-12, -16, 22, 18), GLOW)],
        Kind::Ring => vec![(Shape::Ring(0, 4, 124, 84), BODY), (Shape::Ring(0, 4, 108, 98), GLOW)],
        Kind::Tree => vec![
            (Shape::Rect(-20, 50, 20, 128), WOOD),
            (polygon(&[(-104, 78), (0, -30), (104, 78)]), SHADE),
            (polygon(&[(-86, 24), (0, -84), (86, 24)]), BODY),
            (polygon(&[(-62, -30), (0, -128), (62, -30)]), BODY),
        ],
        Kind::Cup => vec![
            (Shape::Ring(66, 20, 52, 28), SHADE),
            (polygon(&[(-92, -64), (66, -64), (44, 128), (-70, 128)]), BODY),
            (Shape::Ellipse(-13, -62, 79, 22), HOLLOW),
            (Shape::Rect(-62, -10, -46, 90), GLOW),
        ],
        Kind::Key => vec![
            (Shape::Rect(-16, -20, 16, 128), BODY),
            (Shape::Rect(16, 64, 66, 88), BODY),
            (Shape::Rect(16, 104, 56, 128), BODY),
            (Shape::Ring(0, -66, 62, 28), BODY),
        ],
        _ => vec![
            (Shape::Ellipse(0, 20, 108, 108), BODY),
            (Shape::Rect(-106, 8, 106, 40), EYE),
            (Shape::Ellipse(-40, -36, 26, 20), GLOW),
        ],
    }
}

/// A five-pointed star standing on two points.
fn star() -> Shape {
    polygon(&[
        (0, -124),
        (31, -38),
        (122, -35),
        (51, 21),
        (77, 128),
        (0, 62),
        (-77, 128),
        (-51, 21),
        (-122, -35),
        (-31, -38),
    ])
}
