//! The time axis: warped, so that what happens is legible and idle stretches are folded, or linear.
//!
//! Nothing is drawn by chance or by a clock, and nothing is measured by a library of the platform: the same points give
//! the same places everywhere.

/// A mark's beginning or end, in the order in which it is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) t: u64,
    /// The event's number: what comes first of what happens at the same time.
    pub(super) number: u32,
    /// Which lane it lies on, and how much room it needs there, in pixels; none for ends.
    pub(super) lane: usize,
    pub(super) room: f64,
}

/// Where points lie, in pixels.
#[derive(Clone, Debug, Default)]
pub(super) struct Axis {
    /// By point.
    pub(super) places: Vec<f64>,
    /// From which place to which an idle stretch is folded, and how long it is.
    pub(super) breaks: Vec<(f64, f64, u64)>,
    /// Where which time is written.
    pub(super) ticks: Vec<(f64, u64)>,
    pub(super) width: f64,
    /// Moment and place, both never decreasing.
    known: Vec<(Moment, f64)>,
}

/// A time, and an event's number within it: in virtual time much happens at once, and still one after the other.
pub(super) type Moment = (u64, u32);

const LEFT: f64 = 26.0;
const SECOND: u64 = 1_000_000_000;

/// A whole number as a length.
pub(super) fn length(number: u64) -> f64 {
    number as f64
}

/// How wide a stretch of time is drawn: by its order of magnitude.
fn stretch(nanos: u64) -> f64 {
    let magnitude = u64::BITS - (nanos / 1_000).leading_zeros();
    14.0 + 2.0 * f64::from(magnitude)
}

impl Axis {
    /// Gives every point the room it needs, and every stretch in between a width by its order of magnitude.
    pub(super) fn warped(points: &[Point], lanes: usize, width_min: f64) -> Self {
        let mut axis = Self::default();
        let mut free = vec![0.0_f64; lanes];
        let mut x = LEFT;
        let mut last: Option<u64> = None;
        for point in points {
            let before = x;
            match last {
                None => {}
                Some(last) if last == point.t => x += 22.0,
                Some(last) => x += stretch(point.t - last),
            }
            if point.room > 0.0 {
                if let Some(free) = free.get_mut(point.lane) {
                    x = x.max(*free);
                    *free = x + point.room;
                }
            }
            if let Some(idle) = last.map(|last| point.t - last).filter(|idle| *idle >= SECOND) {
                // A folded stretch says how long it is, and needs room for that.
                x = x.max(before + 84.0);
                axis.breaks.push((before + 10.0, x - 10.0, idle));
            }
            axis.places.push(x);
            last = Some(point.t);
        }
        let content = free.iter().copied().fold(x, f64::max) + 12.0;
        axis.width = content;
        axis.spread(width_min);
        for (place, point) in axis.places.iter().zip(points) {
            axis.known.push(((point.t, point.number), *place));
        }
        axis.mark(points);
        axis
    }

    /// Uses the room there is.
    fn spread(&mut self, width_min: f64) {
        if self.width < width_min && self.width > LEFT {
            let factor = (width_min - LEFT) / (self.width - LEFT);
            // More than twice as wide is emptier, not clearer.
            let factor = factor.min(2.0);
            let moved = |x: f64| LEFT + (x - LEFT) * factor;
            self.places.iter_mut().for_each(|x| *x = moved(*x));
            self.breaks.iter_mut().for_each(|(from, to, _)| (*from, *to) = (moved(*from), moved(*to)));
            self.width = moved(self.width).max(width_min);
        }
    }

    /// Lets a second be as wide everywhere. Points of one lane that would lie on each other stand side by side.
    pub(super) fn linear(points: &[Point], lanes: usize, width: f64) -> Self {
        let (from, to) = (points.first().map_or(0, |point| point.t), points.last().map_or(0, |point| point.t));
        let span = length((to - from).max(1));
        let mut axis = Self { width, ..Self::default() };
        let mut free = vec![0.0_f64; lanes];
        for point in points {
            let exact = LEFT + length(point.t - from) / span * (width - LEFT - 60.0);
            let mut x = exact;
            if point.room > 0.0 {
                if let Some(free) = free.get_mut(point.lane) {
                    x = x.max(*free);
                    *free = x + 18.0;
                }
            }
            axis.places.push(x);
            axis.width = axis.width.max(x + 24.0);
            axis.known.push(((point.t, point.number), exact));
        }
        axis.mark(points);
        axis
    }

    /// Writes times where there is room for them.
    fn mark(&mut self, points: &[Point]) {
        let mut free = 0.0;
        let mut said = None;
        for ((_, x), point) in self.known.iter().zip(points) {
            if *x >= free && said != Some(point.t) {
                self.ticks.push((*x, point.t));
                said = Some(point.t);
                free = *x + 72.0;
            }
        }
    }

    /// Says from when to when the picture goes: from edge to edge.
    pub(super) fn within(mut self, begin: Moment, end: Moment) -> Self {
        if self.known.first().is_some_and(|(first, _)| begin < *first) {
            self.known.insert(0, (begin, 3.0));
        }
        if self.known.last().is_some_and(|(last, _)| end > *last) {
            self.known.push((end, self.width - 8.0));
        }
        self
    }

    /// The place of any moment: between its neighbours, as far as it is between them.
    pub(super) fn at(&self, moment: Moment) -> f64 {
        let after = self.known.partition_point(|(known, _)| *known <= moment);
        let before = after.checked_sub(1).and_then(|before| self.known.get(before));
        let (((t0, n0), x0), ((t1, n1), x1)) = match (before, self.known.get(after)) {
            (Some(before), Some(after)) => (before, after),
            (None, Some((_, x))) | (Some((_, x)), None) => return *x,
            (None, None) => return 0.0,
        };
        let share = match t0 == t1 {
            true => f64::from(moment.1 - n0) / f64::from((n1 - n0).max(1)),
            false => length(moment.0 - t0) / length(t1 - t0),
        };
        x0 + (x1 - x0) * share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(times: &[u64]) -> Vec<Point> {
        times.iter().map(|t| Point { t: *t, number: 0, lane: 0, room: 30.0 }).collect()
    }

    #[test]
    fn an_hour_of_idleness_is_folded_and_says_so() {
        let axis = Axis::warped(&points(&[0, 1_000_000, 3_600 * SECOND]), 1, 0.0);
        assert_eq!(axis.breaks.len(), 1);
        assert_eq!(axis.breaks[0].2, 3_600 * SECOND - 1_000_000);
        assert!(axis.width < 400.0, "{}", axis.width);
    }

    #[test]
    fn marks_of_one_lane_never_lie_on_each_other() {
        for axis in [Axis::warped(&points(&[5, 5, 5, 6]), 1, 0.0), Axis::linear(&points(&[5, 5, 5, 6]), 1, 400.0)] {
            assert!(axis.places.windows(2).all(|pair| pair[1] - pair[0] >= 18.0), "{:?}", axis.places);
        }
    }

    #[test]
    fn time_never_runs_backwards_on_either_axis() {
        let times = [3, 10, 10, 400, 9_000_000_000];
        for axis in [Axis::warped(&points(&times), 1, 0.0), Axis::linear(&points(&times), 1, 900.0)] {
            let places: Vec<f64> = (0..500).map(|t| axis.at((t, 0))).collect();
            assert!(places.windows(2).all(|pair| pair[0] <= pair[1]), "{places:?}");
        }
    }
}
