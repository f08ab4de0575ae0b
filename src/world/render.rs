//! Drawing of frames: background, then shadows, then sprites from far to near.

use super::background::{BORDER, Background, Post};
use super::scene::silhouette;
use super::script::Script;
use super::stage::{Entity, UNIT, small};
use super::{HEIGHT, WIDTH};

/// Draws one frame into `out`: `[HEIGHT, WIDTH, 3]`. `skipped`, if any, is left out (its shadow stays).
pub fn draw(script: &Script, background: &Background, frame: usize, skipped: Option<usize>, out: &mut [u8]) {
    let (drift_x, drift_y) = script.camera[frame];
    for (y, row) in out.chunks_exact_mut(WIDTH * 3).enumerate() {
        let from = ((small(y) + BORDER + drift_y) * background.width + BORDER + drift_x) * 3;
        let from = from.unsigned_abs() as usize;
        row.copy_from_slice(&background.pixels[from..from + WIDTH * 3]);
    }
    let mut order: Vec<usize> = (0..script.stage.entities.len()).collect();
    order.sort_by_key(|who| (script.stage.entities[*who].poses[frame].y, *who));
    for &who in &order {
        shadow(script, who, frame, out);
    }
    for &who in &order {
        if skipped != Some(who) {
            blit(&script.stage.entities[who], frame, silhouette(script, who, frame), out);
        }
    }
    if let Some(post) = background.post {
        raise(post, script.camera[frame], out);
    }
}

/// Draws the post, lighter on its left.
fn raise(post: Post, (drift_x, drift_y): (i32, i32), out: &mut [u8]) {
    for y in (post.top - drift_y).max(0)..small(HEIGHT) {
        for column in 0..post.width {
            let x = post.left - drift_x + column;
            if (0..small(WIDTH)).contains(&x) {
                let at = (y * small(WIDTH) + x).unsigned_abs() as usize * 3;
                let light = if column < 2 { 24 } else { 0 };
                out[at..at + 3].copy_from_slice(&post.rgb.map(|value| value.saturating_add(light)));
            }
        }
    }
}

/// A flat ellipse on the ground; what is carried casts none of its own.
fn shadow(script: &Script, who: usize, frame: usize, out: &mut [u8]) {
    let entity = &script.stage.entities[who];
    let pose = &entity.poses[frame];
    let (drift_x, drift_y) = script.camera[frame];
    let center = (pose.x + UNIT / 2).div_euclid(UNIT) - drift_x;
    let ground = (pose.y + UNIT / 2).div_euclid(UNIT) - drift_y - 1;
    let (rx, ry) = (entity.sprite(pose).width / 2, (entity.half / 5).max(2));
    for y in (ground - ry).max(0)..(ground + ry + 1).min(small(HEIGHT)) {
        for x in (center - rx).max(0)..(center + rx + 1).min(small(WIDTH)) {
            let (dx, dy) = ((x - center) * ry, (y - ground) * rx);
            if dx * dx + dy * dy <= rx * ry * rx * ry {
                let at = (y * small(WIDTH) + x).unsigned_abs() as usize * 3;
                for value in &mut out[at..at + 3] {
                    *value = *value / 4 * 3;
                }
            }
        }
    }
}

/// Lays an entity's sprite over the frame.
fn blit(entity: &Entity, frame: usize, [x0, y0, x1, y1]: [i32; 4], out: &mut [u8]) {
    let pose = &entity.poses[frame];
    let sprite = entity.sprite(pose);
    for y in y0.max(0)..y1.min(small(HEIGHT)) {
        for x in x0.max(0)..x1.min(small(WIDTH)) {
            let column = if pose.faces_left { x1 - 1 - x } else { x - x0 };
            let [cover, tint, rest @ ..] = sprite.pixels[((y - y0) * sprite.width + column).unsigned_abs() as usize];
            if cover == 0 {
                continue;
            }
            let at = (y * small(WIDTH) + x).unsigned_abs() as usize * 3;
            for ((value, own), fixed) in out[at..at + 3].iter_mut().zip(entity.rgb).zip(rest) {
                let mixed = u32::from(*value) * u32::from(255 - cover) + u32::from(own) * u32::from(tint);
                *value = u8::try_from((mixed + 127) / 255 + u32::from(fixed)).unwrap_or(255);
            }
        }
    }
}
