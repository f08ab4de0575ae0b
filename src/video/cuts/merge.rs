//! Which of the frames with a high score are cuts: a flash of light, or a fast run of changes, is one cut or none.

/// Lets through cuts that lie `min` frames or more apart, and of a run of closer ones the last.
#[derive(Debug)]
pub struct Merger {
    min: usize,
    /// The last frame with a high score; the first frame at the beginning.
    last: Option<usize>,
    /// Whether there was a cut already: before it, frames that follow too closely are passed over.
    began: bool,
    /// First frame of the run that is being merged.
    run: Option<usize>,
}

impl Merger {
    pub const fn new(min: usize) -> Self {
        Self { min, last: None, began: false, run: None }
    }

    /// Takes the next frame and whether its score is high; returns a cut that is certain now.
    pub fn next(&mut self, frame: usize, is_high: bool) -> Option<usize> {
        if self.min == 0 {
            return is_high.then_some(frame);
        }
        let last = *self.last.get_or_insert(frame);
        let is_apart = frame - last >= self.min;
        if is_high {
            self.last = Some(frame);
        }
        if let Some(first) = self.run {
            // The run ends with enough quiet frames; a short one goes on, and takes the next change in.
            if is_apart && !is_high && last - first >= self.min {
                self.run = None;
                return Some(last);
            }
            return None;
        }
        if !is_high {
            return None;
        }
        if is_apart {
            self.began = true;
            return Some(frame);
        }
        if self.began {
            self.run = Some(frame);
        }
        None
    }
}
