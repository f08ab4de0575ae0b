//! The stage: every entity's pose in every frame, in sixteenths of a pixel on a ground seen from slightly above.
//! What stands lower in the picture is nearer and covers what stands behind it.

use super::kind::Look;
use super::sprite::{POSES, Sprite, sprite};
use super::{FRAMES, HEIGHT, WIDTH};

/// Units a pixel.
pub const UNIT: i32 = 16;
/// Highest ground line an entity's feet stand on, in pixels from the top.
pub const HORIZON: i32 = 46;
/// Room between entities and the border for the camera's drift, in pixels.
pub const MARGIN: i32 = 5;

/// Where an entity is in one frame and how it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pose {
    /// Centre line.
    pub x: i32,
    /// Ground line under its feet.
    pub y: i32,
    /// Height of the feet over the ground.
    pub z: i32,
    /// Mirrored: drawings face right.
    pub faces_left: bool,
    /// Which of the kind's drawings.
    pub step: usize,
}

/// One entity of a clip.
#[derive(Debug, Clone)]
pub struct Entity {
    /// Kind, colour, size.
    pub look: Look,
    /// Its own shade of the colour.
    pub rgb: [u8; 3],
    /// Half extent in pixels.
    pub half: i32,
    /// One pose a frame.
    pub poses: Vec<Pose>,
    /// Who carries it at the end of what is scripted so far.
    pub held_by: Option<usize>,
    /// What it hides behind or is inside of at that time.
    pub attached_to: Option<usize>,
}

impl Entity {
    /// The raster for `pose`.
    pub fn sprite(&self, pose: &Pose) -> &'static Sprite {
        sprite(self.look.kind, self.half, pose.step % POSES)
    }

    /// Half its width in units.
    pub fn reach(&self) -> i32 {
        sprite(self.look.kind, self.half, 0).width * UNIT / 2
    }

    /// Its height in units.
    pub fn tall(&self) -> i32 {
        sprite(self.look.kind, self.half, 0).height * UNIT
    }

    /// Left, top, right and bottom in units, by the first drawing.
    pub fn extent(&self, frame: usize) -> [i32; 4] {
        let pose = &self.poses[frame];
        [pose.x - self.reach(), pose.y - pose.z - self.tall(), pose.x + self.reach(), pose.y - pose.z]
    }
}

/// All entities of a clip.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// The entities; the position is the track id.
    pub entities: Vec<Entity>,
}

impl Stage {
    /// The pose of `who` just before `frame`.
    pub fn before(&self, who: usize, frame: usize) -> Pose {
        self.entities[who].poses[frame.saturating_sub(1)]
    }

    /// Puts `who` into `pose` from `frame` on, its load with it.
    pub fn put(&mut self, who: usize, frame: usize, pose: Pose) {
        self.entities[who].poses[frame..].fill(pose);
        let tall = self.entities[who].tall();
        if let Some(load) = self.load_of(who) {
            // One sixteenth nearer: drawn over its carrier's head.
            let z = pose.z + tall - 3 * UNIT;
            self.entities[load].poses[frame..].fill(Pose { y: pose.y + 1, z: z + 1, step: 0, ..pose });
        }
    }

    /// What `who` carries.
    pub fn load_of(&self, who: usize) -> Option<usize> {
        self.entities.iter().position(|entity| entity.held_by == Some(who))
    }

    /// Walks `who` from where it was before `frame` to `(x, y)` on the ground within `count` frames.
    pub fn walk(&mut self, who: usize, frame: usize, count: usize, (x, y): (i32, i32)) {
        let from = self.before(who, frame);
        for k in 1..=count {
            let share = |a: i32, b: i32| a + (b - a) * small(k) / small(count);
            let pose = Pose {
                x: share(from.x, x),
                y: share(from.y, y),
                z: share(from.z, 0),
                faces_left: if x == from.x { from.faces_left } else { x < from.x },
                step: (frame + k) % POSES,
            };
            self.put(who, frame + k - 1, pose);
        }
    }

    /// Whether `who` is wholly within the picture in all `frames`, whatever the camera does.
    pub fn in_picture(&self, who: usize, frames: std::ops::Range<usize>) -> bool {
        let (left, right) = (MARGIN * UNIT, (small(WIDTH) - MARGIN) * UNIT);
        frames.into_iter().all(|frame| {
            let [x0, y0, x1, _] = self.entities[who].extent(frame);
            let y = self.entities[who].poses[frame].y;
            let on_ground = (HORIZON * UNIT..=(small(HEIGHT) - MARGIN) * UNIT).contains(&y);
            x0 >= left && x1 <= right && y0 >= 0 && on_ground
        })
    }

    /// Whether in `frame` all entities can be seen: no two overlap by more than a quarter of the smaller, but for what
    /// is carried, hides or is inside.
    pub fn is_clear(&self, frame: usize) -> bool {
        (0..self.entities.len()).all(|a| (a + 1..self.entities.len()).all(|b| self.pair_is_clear(a, b, frame)))
    }

    fn pair_is_clear(&self, a: usize, b: usize, frame: usize) -> bool {
        let (one, other) = (&self.entities[a], &self.entities[b]);
        let bound = |x: &Entity, to: usize| x.held_by == Some(to) || x.attached_to == Some(to);
        if bound(one, b) || bound(other, a) {
            return true;
        }
        let (p, q) = (one.extent(frame), other.extent(frame));
        let span = |lo: usize, hi: usize| (p[hi].min(q[hi]) - p[lo].max(q[lo])).max(0) / UNIT;
        let area = |e: &[i32; 4]| (e[2] - e[0]) / UNIT * ((e[3] - e[1]) / UNIT);
        span(0, 2) * span(1, 3) * 4 <= area(&p).min(area(&q))
    }
}

/// A frame count or pixel count as a signed number; all of them are below a thousand.
pub fn small(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Poses of an entity that never moves.
pub fn still(pose: Pose) -> Vec<Pose> {
    vec![pose; FRAMES]
}
