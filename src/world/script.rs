//! Who is in a clip, where they stand, and what they do to each other in order.

use super::action::{Manner, Predicate};
use super::kind::{Color, Kind, Look, Size};
use super::motion::{Cue, act};
use super::random::{Random, mix};
use super::stage::{Entity, HORIZON, MARGIN, Pose, Stage, UNIT, small, still};
use super::{FRAMES, HEIGHT, WIDTH};
use super::{Level, Split};
use std::ops::Range;

/// Something that happens in a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Frames in which it goes on.
    pub frames: Range<usize>,
    /// Who does it (track id).
    pub subject: usize,
    /// What.
    pub predicate: Predicate,
    /// To whom (track id).
    pub object: usize,
    /// How, where the speed is told.
    pub manner: Option<Manner>,
}

/// A clip before it is drawn.
#[derive(Debug, Clone)]
pub struct Script {
    /// Everybody's poses.
    pub stage: Stage,
    /// The events in order; their frames do not overlap.
    pub events: Vec<Event>,
    /// The camera's offset in each frame, in pixels.
    pub camera: Vec<(i32, i32)>,
}

/// Stream of the number of events; the attempts' streams count up from 0.
const COUNT_STREAM: u64 = 1 << 39;
/// Streams of a group's cast: another one is drawn where this one cannot play anything.
const CAST_STREAM: u64 = 1 << 38;
const CAST_ATTEMPTS: u64 = 64;

/// Whether (actor kind, action, object kind) is kept out of training: one in eight, by hash.
pub const fn is_held_out(actor: Kind, action: Predicate, object: Kind) -> bool {
    mix((actor as u64) << 16 | (action as u64) << 8 | object as u64).is_multiple_of(8)
}

/// The script of a seed. Draws casts and events until one fits; a third of the draws do.
pub fn write(seed: u64, split: Split) -> Script {
    let level = Level::of(seed);
    // Drawn once: long scripts fail more often, and drawing it anew would make them rare.
    let count = 2 + Random::new(seed, COUNT_STREAM).weighted(level.events());
    let mut attempt = 0;
    loop {
        let mut random = Random::new(seed, attempt);
        let cast = match level {
            Level::Crowd => cast(&mut random),
            Level::Trio => trio(seed, attempt, &mut random),
        };
        if let Some(script) = cast.and_then(|stage| draw(stage, &mut random, level, count, split)) {
            return script;
        }
        attempt += 1;
    }
}

fn draw(mut stage: Stage, random: &mut Random, level: Level, count: usize, split: Split) -> Option<Script> {
    if level == Level::Crowd && random.chance(15) {
        let actors = actors(&stage);
        load(&mut stage, *random.pick(&actors)?, random);
    }
    let mut events: Vec<Event> = Vec::new();
    for frames in segments(count, random) {
        let (next, event) = (0..24).find_map(|_| play(&stage, &events, frames.clone(), split, random))?;
        stage = next;
        events.push(event);
    }
    let held_out = events.iter().any(|event| {
        let kind = |who: usize| stage.entities[who].look.kind;
        is_held_out(kind(event.subject), event.predicate, kind(event.object))
    });
    if split == Split::Compositional && !held_out {
        return None;
    }
    let camera = match level {
        Level::Crowd => drift(random),
        Level::Trio => vec![(0, 0); FRAMES],
    };
    Some(Script { stage, events, camera })
}

/// Cuts the clip into one run of frames for each event.
fn segments(count: usize, random: &mut Random) -> Vec<Range<usize>> {
    let mut cuts: Vec<usize> = (0..=count).map(|k| k * FRAMES / count).collect();
    if count < 4 {
        for cut in &mut cuts[1..count] {
            *cut = *cut + random.below(3) as usize - 1;
        }
    }
    cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

/// Two actors and a thing that all differ in kind and colour, the same three for [`Level::GROUP`] seeds in a row, each time placed anew.
fn trio(seed: u64, attempt: u64, random: &mut Random) -> Option<Stage> {
    let mut group = Random::new(seed / Level::GROUP, CAST_STREAM + attempt / CAST_ATTEMPTS);
    let mut stage = Stage::default();
    for actor in [true, true, false] {
        let look = (0..20).find_map(|_| {
            let size = [Size::Medium, Size::Large][group.weighted(&[60, 40])];
            let look = Look { kind: Kind::draw(&mut group, actor), color: Color::draw(&mut group), size };
            let alike = |entity: &Entity| entity.look.kind == look.kind || entity.look.color == look.color;
            (!stage.entities.iter().any(alike)).then_some(look)
        })?;
        enter(&mut stage, look, random)?;
    }
    Some(stage)
}

/// Draws two or three actors and some things, and places them.
fn cast(random: &mut Random) -> Option<Stage> {
    let actors = 2 + random.weighted(&[65, 35]);
    let things = 1 + random.weighted(&[30, 50, 20]);
    let mut roles: Vec<bool> = (0..actors + things).map(|k| k < actors).collect();
    random.shuffle(&mut roles);
    let mut stage = Stage::default();
    for actor in roles {
        let look = (0..20).find_map(|_| {
            let look = Look {
                kind: Kind::draw(random, actor),
                color: Color::draw(random),
                size: Size::ALL[random.weighted(if actor { &[35, 40, 25] } else { &[40, 30, 30] })],
            };
            fits(&stage, look, random).then_some(look)
        })?;
        enter(&mut stage, look, random)?;
    }
    Some(stage)
}

/// Puts somebody of that look on the stage.
fn enter(stage: &mut Stage, look: Look, random: &mut Random) -> Option<()> {
    let rgb = look.color.rgb().map(|value| {
        let jittered = i32::from(value) + random.range(-9, 9);
        u8::try_from(jittered.clamp(0, 255)).unwrap_or(255)
    });
    let half = look.size.half_extent() + random.range(-1, 1);
    let start = Pose { x: 0, y: 0, z: 0, faces_left: random.chance(50), step: 0 };
    stage.entities.push(Entity { look, rgb, half, poses: still(start), held_by: None, attached_to: None });
    place(stage, random)
}

/// Nobody shares both kind and colour with another; sharing one is allowed but rare, so that neither alone is enough.
fn fits(stage: &Stage, look: Look, random: &mut Random) -> bool {
    let others = || stage.entities.iter().map(|entity| entity.look);
    let kind = others().any(|other| other.kind == look.kind);
    let color = others().any(|other| other.color == look.color);
    let both = others().any(|other| other.kind == look.kind && other.color == look.color);
    !both && (!kind || random.chance(15)) && (!color || random.chance(25))
}

/// Finds a free place for the last entity.
fn place(stage: &mut Stage, random: &mut Random) -> Option<()> {
    let last = stage.entities.len() - 1;
    (0..30).find_map(|_| {
        let entity = &mut stage.entities[last];
        let reach = entity.half + MARGIN + 1;
        let top = HORIZON.max(2 * entity.half + 4);
        let x = random.range(reach, small(WIDTH) - reach) * UNIT;
        let y = random.range(top, small(HEIGHT) - MARGIN) * UNIT;
        let pose = Pose { x, y, ..entity.poses[0] };
        entity.poses = still(pose);
        (stage.in_picture(last, 0..1) && stage.is_clear(0)).then_some(())
    })
}

fn actors(stage: &Stage) -> Vec<usize> {
    (0..stage.entities.len()).filter(|who| stage.entities[*who].look.kind.is_actor()).collect()
}

/// Lets `carrier` begin with something on its head, where that is possible.
fn load(stage: &mut Stage, carrier: usize, random: &mut Random) {
    let looks: Vec<Look> = stage.entities.iter().map(|entity| entity.look).collect();
    let loads: Vec<usize> = (0..looks.len())
        .filter(|what| *what != carrier && Predicate::Carry.allows(looks[carrier], looks[*what]))
        .collect();
    if let Some(&what) = random.pick(&loads) {
        let before = stage.clone();
        stage.entities[what].held_by = Some(carrier);
        let pose = stage.entities[carrier].poses[0];
        stage.put(carrier, 0, pose);
        if !stage.in_picture(what, 0..1) || !stage.is_clear(0) {
            *stage = before;
        }
    }
}

/// Draws one event for `frames` and acts it on a copy of the stage.
fn play(
    stage: &Stage,
    events: &[Event],
    frames: Range<usize>,
    split: Split,
    random: &mut Random,
) -> Option<(Stage, Event)> {
    let subject = draw_subject(stage, events, random)?;
    let (predicate, object) = draw_deed(stage, subject, random)?;
    let look = |who: usize| stage.entities[who].look;
    if split != Split::Compositional && is_held_out(look(subject).kind, predicate, look(object).kind) {
        return None;
    }
    if events.iter().any(|e| (e.subject, e.predicate, e.object) == (subject, predicate, object)) {
        return None;
    }
    // Fast events more often find no room and are dropped: in what remains both manners are as frequent.
    let manner = [None, Some(Manner::Fast), Some(Manner::Slowly)][random.weighted(&[15, 53, 32])];
    let manner = manner.filter(|_| predicate.has_manner());
    let mut next = stage.clone();
    let cue = Cue { frames, subject, predicate, object, manner };
    let frames = act(&mut next, &cue, random)?;
    Some((next, Event { frames, subject, predicate, object, manner }))
}

/// The third event's agent is mostly one seen before, so that a clip has somebody who does two things and somebody
/// else who does one: without both there is no co-reference to get wrong.
fn draw_subject(stage: &Stage, events: &[Event], random: &mut Random) -> Option<usize> {
    let actors = actors(stage);
    let busy: Vec<usize> = actors.iter().copied().filter(|a| events.iter().any(|e| e.subject == *a)).collect();
    let idle: Vec<usize> = actors.iter().copied().filter(|a| !busy.contains(a)).collect();
    let fresh = match events.len() {
        1 => random.chance(60),
        2 => busy.len() < 2 || random.chance(15),
        _ => random.chance(30),
    };
    let from = if fresh && !idle.is_empty() || busy.is_empty() { &idle } else { &busy };
    random.pick(from).copied()
}

/// What `subject` can do now, and to whom; nothing is moved that somebody hides behind or is inside of.
fn draw_deed(stage: &Stage, subject: usize, random: &mut Random) -> Option<(Predicate, usize)> {
    let look = |who: usize| stage.entities[who].look;
    let free = |who: usize| {
        stage.load_of(who).is_none()
            && stage.entities[who].held_by.is_none()
            && stage.entities.iter().enumerate().all(|(k, e)| k == subject || e.attached_to != Some(who))
    };
    if stage.entities[subject].held_by.is_some() || stage.entities.iter().any(|e| e.attached_to == Some(subject)) {
        return None;
    }
    if let Some(load) = stage.load_of(subject) {
        let deed = if random.chance(50) { Predicate::Carry } else { Predicate::PutDown };
        return Some((deed, load));
    }
    let predicates = Predicate::actions();
    let weights: Vec<u32> = predicates.iter().map(|predicate| weight(*predicate)).collect();
    let predicate = predicates[random.weighted(&weights)];
    let objects: Vec<usize> = (0..stage.entities.len())
        .filter(|object| *object != subject && free(*object) && predicate.allows(look(subject), look(*object)))
        .collect();
    random.pick(&objects).map(|object| (predicate, *object))
}

/// Chances of the actions, set so that all are about as frequent in the clips that come out.
const fn weight(predicate: Predicate) -> u32 {
    match predicate {
        Predicate::PutDown | Predicate::Carry => 0,
        Predicate::Enter => 150,
        Predicate::Kick => 80,
        Predicate::Circle => 50,
        Predicate::JumpOver => 28,
        Predicate::HideBehind => 16,
        Predicate::PickUp => 17,
        Predicate::Push => 24,
        Predicate::FleeFrom | Predicate::Touch => 11,
        _ => 20,
    }
}

/// The camera stands still in two clips of five and drifts evenly in the others.
fn drift(random: &mut Random) -> Vec<(i32, i32)> {
    let (dx, dy) = if random.chance(40) { (0, 0) } else { (random.range(-8, 8), random.range(-4, 4)) };
    let at = |whole: i32, frame: usize| whole * (2 * small(frame) - small(FRAMES) + 1) / (2 * small(FRAMES));
    (0..FRAMES).map(|frame| (at(dx, frame), at(dy, frame))).collect()
}
