//! How each action looks: the poses of the two participants over an event's frames. A motion that does not fit (out of
//! the picture, no room, too few frames) is refused, and the script tries another event.

use super::action::{Manner, Predicate};
use super::random::Random;
use super::stage::{Pose, Stage, UNIT, small};
use std::ops::Range;

/// Fewest frames of an action that goes on, so that a model that sees every fourth frame sees it.
const MIN_FRAMES: usize = 5;
/// Fastest walk to where an action begins, units a frame.
const APPROACH: i32 = 7 * UNIT;

/// One event to be acted: who does what to whom within `frames`.
pub struct Cue {
    /// Frames the event has, the way to its beginning included.
    pub frames: Range<usize>,
    /// Who does it.
    pub subject: usize,
    /// What.
    pub predicate: Predicate,
    /// To whom.
    pub object: usize,
    /// How.
    pub manner: Option<Manner>,
}

/// Acts the cue on the stage; returns the frames in which the action itself goes on. The stage is left changed in any
/// case: pass a copy.
pub fn act(stage: &mut Stage, cue: &Cue, random: &mut Random) -> Option<Range<usize>> {
    stage.entities[cue.subject].attached_to = None;
    let side = if random.chance(50) { 1 } else { -1 };
    let mut scene = Scene { stage, cue, random, side };
    let done = match cue.predicate {
        Predicate::Push => scene.push(),
        Predicate::Kick => scene.kick(),
        Predicate::Chase => scene.pursue(20 * UNIT, 2 * UNIT, 3 * UNIT),
        Predicate::Follow => scene.pursue(8 * UNIT, 8 * UNIT, 0),
        Predicate::FleeFrom => scene.flee(),
        Predicate::Circle => scene.circle(),
        Predicate::Touch => scene.touch(),
        Predicate::PickUp => scene.pick_up(),
        Predicate::PutDown => scene.put_down(),
        Predicate::Carry => scene.carry(),
        Predicate::JumpOver => scene.jump_over(),
        Predicate::HideBehind => scene.hide_behind(),
        Predicate::Enter => scene.enter(),
        _ => None,
    }?;
    let frames = cue.frames.clone();
    let visible = [cue.subject, cue.object].iter().all(|who| stage.in_picture(*who, frames.clone()));
    (visible && stage.is_clear(frames.end - 1)).then_some(done)
}

struct Scene<'a> {
    stage: &'a mut Stage,
    cue: &'a Cue,
    random: &'a mut Random,
    /// 1: the action goes to the right.
    side: i32,
}

impl Scene<'_> {
    fn subject(&self) -> Pose {
        self.stage.before(self.cue.subject, self.cue.frames.start)
    }

    fn object(&self) -> Pose {
        self.stage.before(self.cue.object, self.cue.frames.start)
    }

    /// Distance of the two centre lines when they touch.
    fn contact(&self) -> i32 {
        let reach = |who: usize| self.stage.entities[who].reach();
        reach(self.cue.subject) + reach(self.cue.object) - UNIT
    }

    /// Units a frame.
    fn speed(&mut self) -> i32 {
        match self.cue.manner {
            Some(Manner::Fast) => self.random.range(80, 96),
            Some(Manner::Slowly) => self.random.range(28, 36),
            None => self.random.range(50, 60),
        }
    }

    /// Sends the subject to `(x, y)`; the first frame after its arrival, `None` if fewer than `least` remain.
    fn approach(&mut self, x: i32, y: i32, least: usize) -> Option<usize> {
        let from = self.subject();
        let far = (x - from.x).abs().max((y - from.y).abs());
        let count = usize::try_from(far.div_euclid(APPROACH) + i32::from(far > UNIT)).ok()?;
        let start = self.cue.frames.start;
        if start + count + least > self.cue.frames.end {
            return None;
        }
        self.stage.walk(self.cue.subject, start, count, (x, y));
        Some(start + count)
    }

    /// Frames that `speed` can go on for over at most `room` units; `None` if too few.
    fn lasting(&mut self, begin: usize, speed: i32, room: i32) -> Option<usize> {
        let rest = self.random.below(3) as usize;
        let time = (self.cue.frames.end - begin).saturating_sub(rest).max(MIN_FRAMES);
        let count = time.min(usize::try_from(room / speed.max(1)).ok()?);
        (count >= MIN_FRAMES && begin + count <= self.cue.frames.end).then_some(count)
    }

    /// Units from `x` to the border in the action's direction, less `reach`.
    fn room(&self, x: i32, reach: i32) -> i32 {
        let right = (small(super::WIDTH) - super::stage::MARGIN) * UNIT;
        let left = super::stage::MARGIN * UNIT;
        (if self.side > 0 { right - x } else { x - left }) - reach
    }

    /// Turns the action around where its side has no room for `need` units from `x`.
    fn turn_to_room(&mut self, x: i32, reach: i32, need: i32) {
        if self.room(x, reach) < need {
            self.side = -self.side;
        }
    }

    fn reach(&self, who: usize) -> i32 {
        self.stage.entities[who].reach()
    }

    /// Pose of a walker at `x`, `y`, `z` in `frame`, looking along the action.
    fn stride(&self, x: i32, y: i32, z: i32, frame: usize) -> Pose {
        Pose { x, y, z, faces_left: self.side < 0, step: frame % 2 }
    }

    /// Same pose, but of somebody who is moved: it keeps facing where it faced.
    fn shifted(pose: Pose, dx: i32, dy: i32, z: i32) -> Pose {
        Pose { x: pose.x + dx, y: pose.y + dy, z, ..pose }
    }

    fn push(&mut self) -> Option<Range<usize>> {
        let (object, gap, speed) = (self.object(), self.contact(), self.speed());
        self.turn_to_room(object.x, self.reach(self.cue.object), speed * small(MIN_FRAMES));
        let x = object.x - self.side * gap;
        let begin = self.approach(x, object.y, MIN_FRAMES)?;
        let count = self.lasting(begin, speed, self.room(object.x, self.reach(self.cue.object)))?;
        for k in 0..count {
            let way = self.side * speed * small(k + 1);
            self.stage.put(self.cue.object, begin + k, Self::shifted(object, way, 0, 0));
            let pose = self.stride(x + way, object.y, 0, begin + k);
            self.stage.put(self.cue.subject, begin + k, pose);
        }
        Some(begin..begin + count)
    }

    fn kick(&mut self) -> Option<Range<usize>> {
        let (object, gap) = (self.object(), self.contact());
        let far = self.random.range(32, 48) * UNIT;
        self.turn_to_room(object.x, self.reach(self.cue.object), far);
        let x = object.x - self.side * gap;
        let begin = self.approach(x, object.y, MIN_FRAMES)?;
        let room = self.room(object.x, self.reach(self.cue.object));
        let count = self.random.range(5, 6);
        if far > room || begin + count.unsigned_abs() as usize > self.cue.frames.end {
            return None;
        }
        for k in 1..=count {
            let frame = begin + (k - 1).unsigned_abs() as usize;
            // Slowing down along the ground, one hop through the air.
            let way = self.side * far * (2 * k * count - k * k) / (count * count);
            let z = 4 * 12 * UNIT * k * (count - k) / (count * count);
            self.stage.put(self.cue.object, frame, Self::shifted(object, way, 0, z));
            let lunge = if k <= 2 { self.side * 3 * UNIT } else { 0 };
            let pose = self.stride(x + lunge, object.y, 0, usize::from(k <= 2));
            self.stage.put(self.cue.subject, frame, pose);
        }
        Some(begin..begin + count.unsigned_abs() as usize)
    }

    /// Chase and follow: the object runs, the subject keeps behind it, its gap going from `first` to `last`; a hunt hops.
    fn pursue(&mut self, first: i32, last: i32, hop: i32) -> Option<Range<usize>> {
        let (from, object) = (self.subject(), self.object());
        let speed = self.speed();
        self.side = if from.x <= object.x { 1 } else { -1 };
        self.turn_to_room(object.x, self.reach(self.cue.object), speed * small(MIN_FRAMES));
        let x = object.x - self.side * (self.contact() + first);
        let begin = self.approach(x, object.y, MIN_FRAMES)?;
        let count = self.lasting(begin, speed, self.room(object.x, self.reach(self.cue.object)))?;
        for k in 1..=count {
            let (frame, way) = (begin + k - 1, self.side * speed * small(k));
            let hunter = way + self.side * (first - last) * small(k) / small(count);
            let z = hop * small(k % 2);
            let prey = self.stride(object.x + way, object.y, hop - z, frame);
            self.stage.put(self.cue.object, frame, prey);
            let pose = self.stride(x + hunter, object.y, z, frame);
            self.stage.put(self.cue.subject, frame, pose);
        }
        Some(begin..begin + count)
    }

    fn flee(&mut self) -> Option<Range<usize>> {
        let (from, object) = (self.subject(), self.object());
        self.side = if from.x >= object.x { 1 } else { -1 };
        let x = object.x + self.side * (self.contact() + 6 * UNIT);
        let begin = self.approach(x, object.y, MIN_FRAMES)?;
        let speed = self.speed();
        let count = self.lasting(begin, speed, self.room(x, self.reach(self.cue.subject)))?;
        for k in 1..=count {
            let frame = begin + k - 1;
            let pose = self.stride(x + self.side * speed * small(k), object.y, UNIT * small(k % 2), frame);
            self.stage.put(self.cue.subject, frame, pose);
            if self.stage.entities[self.cue.object].look.kind.is_actor() {
                let z = if k <= 3 { 3 * UNIT * small(k % 2) } else { 0 };
                let pose = Pose { z, faces_left: self.side < 0, ..object };
                self.stage.put(self.cue.object, frame, pose);
            }
        }
        Some(begin..begin + count)
    }

    fn circle(&mut self) -> Option<Range<usize>> {
        let (from, object) = (self.subject(), self.object());
        let right = from.x >= object.x;
        let radius = self.contact() + 3 * UNIT;
        let depth = (radius / 3).max(9 * UNIT);
        let start = if right { 0 } else { 32 };
        let begin = self.approach(object.x + radius * cosine(start) / 256, object.y, MIN_FRAMES)?;
        let turn = match self.cue.manner {
            Some(Manner::Fast) => 11,
            Some(Manner::Slowly) => 4,
            None => 7,
        };
        let count = self.lasting(begin, turn, 100)?;
        for k in 1..=count {
            let angle = start + self.side * turn * small(k);
            let (x, y) = (object.x + radius * cosine(angle) / 256, object.y + depth * cosine(angle - 16) / 256);
            let faces_left = x < self.stage.before(self.cue.subject, begin + k - 1).x;
            self.stage.put(self.cue.subject, begin + k - 1, Pose { x, y, z: 0, faces_left, step: k % 2 });
        }
        Some(begin..begin + count)
    }

    fn touch(&mut self) -> Option<Range<usize>> {
        let object = self.object();
        self.side = if self.subject().x <= object.x { 1 } else { -1 };
        let x = object.x - self.side * self.contact();
        let begin = self.approach(x, object.y, MIN_FRAMES)?;
        for k in 0..MIN_FRAMES {
            let nudge = small(k % 2);
            let pose = self.stride(x + self.side * 2 * UNIT * nudge, object.y, 0, 0);
            self.stage.put(self.cue.subject, begin + k, pose);
            self.stage.put(self.cue.object, begin + k, Self::shifted(object, 0, 0, 2 * UNIT * nudge));
        }
        self.stage.put(self.cue.object, begin + MIN_FRAMES - 1, object);
        Some(begin..begin + MIN_FRAMES)
    }

    fn pick_up(&mut self) -> Option<Range<usize>> {
        let object = self.object();
        self.side = if self.subject().x <= object.x { 1 } else { -1 };
        let begin = self.approach(object.x - self.side * self.contact(), object.y, MIN_FRAMES)?;
        let carrier = self.stride(object.x - self.side * self.contact(), object.y, 0, 0);
        self.stage.put(self.cue.subject, begin, carrier);
        let (tall, count) = (self.stage.entities[self.cue.subject].tall() - 3 * UNIT, small(MIN_FRAMES));
        for k in 1..=count {
            let frame = begin + (k - 1).unsigned_abs() as usize;
            // Up first, then over.
            let z = tall * (2 * k * count - k * k) / (count * count);
            let way = (carrier.x - object.x) * k * k / (count * count);
            self.stage.put(self.cue.object, frame, Self::shifted(object, way, 1, z));
        }
        self.stage.entities[self.cue.object].held_by = Some(self.cue.subject);
        self.stage.put(self.cue.subject, begin + MIN_FRAMES - 1, carrier);
        Some(begin..begin + MIN_FRAMES)
    }

    fn put_down(&mut self) -> Option<Range<usize>> {
        let (carrier, object) = (self.subject(), self.object());
        let begin = self.cue.frames.start + self.random.below(2) as usize;
        if begin + MIN_FRAMES > self.cue.frames.end {
            return None;
        }
        let (gap, count) = (self.side * self.contact(), small(MIN_FRAMES));
        self.stage.entities[self.cue.object].held_by = None;
        self.stage.put(self.cue.subject, begin, Pose { faces_left: self.side < 0, step: 0, ..carrier });
        for k in 1..=count {
            let frame = begin + (k - 1).unsigned_abs() as usize;
            let way = gap * (2 * k * count - k * k) / (count * count);
            let z = object.z * (count * count - k * k) / (count * count);
            let pose = Pose { x: carrier.x + way, y: carrier.y, z, ..object };
            self.stage.put(self.cue.object, frame, pose);
        }
        Some(begin..begin + MIN_FRAMES)
    }

    fn carry(&mut self) -> Option<Range<usize>> {
        let carrier = self.subject();
        let begin = self.cue.frames.start + self.random.below(2) as usize;
        let widest = self.reach(self.cue.subject).max(self.reach(self.cue.object));
        let speed = self.speed();
        self.turn_to_room(carrier.x, widest, speed * small(MIN_FRAMES));
        let count = self.lasting(begin, speed, self.room(carrier.x, widest))?;
        for k in 1..=count {
            let pose = self.stride(carrier.x + self.side * speed * small(k), carrier.y, 0, begin + k);
            self.stage.put(self.cue.subject, begin + k - 1, pose);
        }
        Some(begin..begin + count)
    }

    fn jump_over(&mut self) -> Option<Range<usize>> {
        let object = self.object();
        self.side = if self.subject().x <= object.x { 1 } else { -1 };
        let gap = self.contact() + 3 * UNIT;
        let x = object.x - self.side * gap;
        let begin = self.approach(x, object.y + 1, MIN_FRAMES + 1)?;
        let count = self.random.range(6, 7).min(small(self.cue.frames.end - begin));
        let peak = self.stage.entities[self.cue.object].tall() + 7 * UNIT;
        for k in 1..=count {
            let z = 4 * peak * k * (count - k) / (count * count);
            let pose = self.stride(x + self.side * 2 * gap * k / count, object.y + 1, z, usize::from(k < count));
            self.stage.put(self.cue.subject, begin + (k - 1).unsigned_abs() as usize, pose);
        }
        Some(begin..begin + count.unsigned_abs() as usize)
    }

    fn hide_behind(&mut self) -> Option<Range<usize>> {
        let object = self.object();
        let peek = self.side * self.reach(self.cue.object) * 2 / 5;
        let arrival = self.approach(object.x + peek, object.y - 4 * UNIT, 4)?;
        self.stage.entities[self.cue.subject].attached_to = Some(self.cue.object);
        self.arrive(arrival)
    }

    fn enter(&mut self) -> Option<Range<usize>> {
        let object = self.object();
        let arrival = self.approach(object.x, object.y + 1, 4)?;
        self.stage.entities[self.cue.subject].attached_to = Some(self.cue.object);
        let tall = |who: usize| self.stage.entities[who].tall();
        let lift = (tall(self.cue.object) - tall(self.cue.subject)) / 2;
        let pose = self.stage.before(self.cue.subject, arrival);
        self.stage.put(self.cue.subject, arrival, Pose { z: lift / 2, ..pose });
        self.stage.put(self.cue.subject, arrival + 1, Pose { z: lift, step: 0, ..pose });
        self.arrive(arrival)
    }

    /// The last steps of the way belong to hiding and entering, and so does staying there.
    fn arrive(&self, arrival: usize) -> Option<Range<usize>> {
        Some(arrival.saturating_sub(2).max(self.cue.frames.start)..self.cue.frames.end)
    }
}

/// 256 cos of `angle` sixty-fourths of a turn, from a table: the same on every target.
const fn cosine(angle: i32) -> i32 {
    const QUARTER: [i32; 17] = [256, 255, 251, 245, 237, 226, 213, 198, 181, 162, 142, 121, 98, 74, 50, 25, 0];
    let angle = angle.rem_euclid(64);
    match angle {
        0..=16 => QUARTER[angle.unsigned_abs() as usize],
        17..=32 => -QUARTER[(32 - angle).unsigned_abs() as usize],
        33..=48 => -QUARTER[(angle - 32).unsigned_abs() as usize],
        _ => QUARTER[(64 - angle).unsigned_abs() as usize],
    }
}
