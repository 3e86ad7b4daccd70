//! Making a thing smaller for as long as it does what it did: the search, whatever the thing is.
//!
//! Not here: what can be taken from a plan of faults or from a run (`fault`, `sim`), and how one finds out what it does.
//!
//! ```
//! use rehearsal::base::reduce::{Number, Parts, Reduction};
//!
//! // Which letters, repeated how often, does it take to have an `x` and four letters in all?
//! type Text = (Vec<char>, u64);
//! let start: Text = ("abcxyz".chars().collect(), 9);
//! let letters = Parts::new("letters", |text: &Text| text.0.len(), |text, range| {
//!     let mut text = text.clone();
//!     text.0.drain(range);
//!     text
//! });
//! let times = Number::new("times", 1, |text: &Text| Some(text.1), |text, times| (text.0.clone(), times));
//! let mut reduction = Reduction::new().pass(letters).pass(times);
//!
//! let mut tries = 0;
//! let (text, ()) = reduction.run(start, (), |(letters, times)| {
//!     tries += 1;
//!     (letters.contains(&'x') && letters.len() as u64 * times >= 4).then_some(())
//! });
//! assert_eq!((text, tries), ((vec!['x'], 4), 16));
//! ```

use std::fmt;
use std::ops::Range;

/// A smaller variant of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal<T> {
    /// What was changed, in words.
    pub what: String,
    /// The thing as it is then.
    pub value: T,
}

/// One way in which things can be made smaller, step by step.
///
/// `E` is what is known of the best thing so far besides itself: what was seen when it was tried.
pub trait Pass<T, E> {
    /// Begins anew.
    fn restart(&mut self);

    /// The next variant of the best thing so far that is worth a try; `None` when there are no more.
    fn propose(&mut self, best: &T, evidence: &E) -> Option<Proposal<T>>;

    /// Says what has become of the last proposal: if it was accepted, it is the best thing from now on.
    fn answer(&mut self, is_accepted: bool);
}

/// A search for the smallest thing: pass after pass, and all of them again until none of them finds anything.
///
/// It ends, because every pass only makes things smaller in its own way and no pass undoes another's steps.
pub struct Reduction<T, E = ()> {
    passes: Vec<Box<dyn Pass<T, E>>>,
    at: usize,
    is_changed: bool,
}

impl<T, E> Reduction<T, E> {
    /// A search that knows no way yet.
    pub fn new() -> Self {
        Self { passes: Vec::new(), at: 0, is_changed: false }
    }

    /// Adds a way; those that were added first come first.
    #[must_use]
    pub fn pass(mut self, pass: impl Pass<T, E> + 'static) -> Self {
        self.passes.push(Box::new(pass));
        self
    }

    /// The next variant that is worth a try; `None` when nothing smaller does it.
    ///
    /// Every proposal must be [answered](Self::answer) before the next one is asked for.
    pub fn propose(&mut self, best: &T, evidence: &E) -> Option<Proposal<T>> {
        loop {
            while let Some(pass) = self.passes.get_mut(self.at) {
                if let Some(proposal) = pass.propose(best, evidence) {
                    return Some(proposal);
                }
                self.at += 1;
            }
            if !self.is_changed {
                return None;
            }
            (self.at, self.is_changed) = (0, false);
            self.passes.iter_mut().for_each(|pass| pass.restart());
        }
    }

    /// Says what has become of the last proposal: if it was accepted, it is the best thing from now on.
    pub fn answer(&mut self, is_accepted: bool) {
        self.is_changed |= is_accepted;
        if let Some(pass) = self.passes.get_mut(self.at) {
            pass.answer(is_accepted);
        }
    }

    /// Goes through to the end: `trial` says what was seen, or nothing when the variant does not do it.
    pub fn run(&mut self, start: T, evidence: E, mut trial: impl FnMut(&T) -> Option<E>) -> (T, E) {
        let mut best = (start, evidence);
        while let Some(proposal) = self.propose(&best.0, &best.1) {
            let seen = trial(&proposal.value);
            self.answer(seen.is_some());
            if let Some(evidence) = seen {
                best = (proposal.value, evidence);
            }
        }
        best
    }
}

impl<T, E> Default for Reduction<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E> fmt::Debug for Reduction<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reduction").field("passes", &self.passes.len()).field("at", &self.at).finish_non_exhaustive()
    }
}

type Length<T> = Box<dyn Fn(&T) -> usize>;
type Without<T> = Box<dyn Fn(&T, Range<usize>) -> T>;

/// Takes parts away: all of them, then halves, quarters and so on down to one at a time (delta debugging).
///
/// In the end every single part that is left is needed.
pub struct Parts<T> {
    what: &'static str,
    length: Length<T>,
    without: Without<T>,
    /// How many at a time; none before the first proposal.
    chunk: Option<usize>,
    at: usize,
    /// Whether anything went in this sweep.
    is_changed: bool,
    /// The smallest chunk is the length divided by this.
    pieces_max: usize,
    chunk_min: usize,
}

impl<T> Parts<T> {
    /// `length` says how many parts there are, `without` leaves those in a range out.
    pub fn new(
        what: &'static str,
        length: impl Fn(&T) -> usize + 'static,
        without: impl Fn(&T, Range<usize>) -> T + 'static,
    ) -> Self {
        let (length, without) = (Box::new(length), Box::new(without));
        let (chunk, at, is_changed) = (None, 0, false);
        Self { what, length, without, chunk, at, is_changed, pieces_max: usize::MAX, chunk_min: 1 }
    }

    /// Takes away no smaller pieces than one of so many, for a quick look at what is needed.
    #[must_use]
    pub fn in_pieces(mut self, pieces_max: usize) -> Self {
        self.pieces_max = pieces_max.max(1);
        self
    }
}

impl<T, E> Pass<T, E> for Parts<T> {
    fn restart(&mut self) {
        (self.chunk, self.at, self.is_changed) = (None, 0, false);
    }

    fn propose(&mut self, best: &T, _: &E) -> Option<Proposal<T>> {
        let length = (self.length)(best);
        if length == 0 {
            return None;
        }
        if self.chunk.is_none() {
            self.chunk_min = length.div_ceil(self.pieces_max);
        }
        let mut chunk = self.chunk.unwrap_or(length).min(length);
        loop {
            if self.at < length {
                let end = (self.at + chunk).min(length);
                self.chunk = Some(chunk);
                let what = format!("without {} of {length} {}", end - self.at, self.what);
                return Some(Proposal { what, value: (self.without)(best, self.at..end) });
            }
            // The smallest pieces go round until all that is left has been found to be needed.
            if chunk <= self.chunk_min && !self.is_changed {
                return None;
            }
            (chunk, self.at, self.is_changed) = (chunk.div_ceil(2).max(self.chunk_min), 0, false);
        }
    }

    fn answer(&mut self, is_accepted: bool) {
        self.is_changed |= is_accepted;
        if !is_accepted {
            self.at += self.chunk.unwrap_or(1);
        }
    }
}

impl<T> fmt::Debug for Parts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("what", &self.what).field("chunk", &self.chunk).finish_non_exhaustive()
    }
}

type Get<T> = Box<dyn Fn(&T) -> Option<u64>>;
type Set<T> = Box<dyn Fn(&T, u64) -> T>;

/// Makes a number smaller: the least one, then by halves of what is between the largest one that was too small and the
/// smallest one that was not.
pub struct Number<T> {
    what: &'static str,
    least: u64,
    get: Get<T>,
    set: Set<T>,
    /// Up to here it is too small.
    too_small: Option<u64>,
    proposed: u64,
}

impl<T> Number<T> {
    /// `get` says what the number is, if there is one, and `set` changes it.
    pub fn new(
        what: &'static str,
        least: u64,
        get: impl Fn(&T) -> Option<u64> + 'static,
        set: impl Fn(&T, u64) -> T + 'static,
    ) -> Self {
        Self { what, least, get: Box::new(get), set: Box::new(set), too_small: None, proposed: 0 }
    }
}

impl<T, E> Pass<T, E> for Number<T> {
    fn restart(&mut self) {
        self.too_small = None;
    }

    fn propose(&mut self, best: &T, _: &E) -> Option<Proposal<T>> {
        let now = (self.get)(best)?;
        let next = match self.too_small {
            None => self.least,
            Some(too_small) => too_small + now.saturating_sub(too_small) / 2,
        };
        if next >= now || self.too_small == Some(next) {
            return None;
        }
        self.proposed = next;
        Some(Proposal { what: format!("{} {next}, not {now}", self.what), value: (self.set)(best, next) })
    }

    fn answer(&mut self, is_accepted: bool) {
        if !is_accepted {
            self.too_small = Some(self.proposed);
        }
    }
}

impl<T> fmt::Debug for Number<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Number").field("what", &self.what).field("too_small", &self.too_small).finish_non_exhaustive()
    }
}

type List<T, E> = Box<dyn Fn(&T, &E) -> Vec<Proposal<T>>>;

/// Tries variants from a list, one after the other, each list made from the best thing so far.
pub struct Rewrites<T, E = ()> {
    list: List<T, E>,
    tried: usize,
}

impl<T, E> Rewrites<T, E> {
    /// `list` names variants each of which is smaller than the thing by some measure, so that there is an end.
    pub fn new(list: impl Fn(&T, &E) -> Vec<Proposal<T>> + 'static) -> Self {
        Self { list: Box::new(list), tried: 0 }
    }
}

impl<T, E> Pass<T, E> for Rewrites<T, E> {
    fn restart(&mut self) {
        self.tried = 0;
    }

    fn propose(&mut self, best: &T, evidence: &E) -> Option<Proposal<T>> {
        (self.list)(best, evidence).into_iter().nth(self.tried)
    }

    fn answer(&mut self, is_accepted: bool) {
        // What came before in the list was of no use and is again near its head; the next round tries it once more.
        if !is_accepted {
            self.tried += 1;
        }
    }
}

impl<T, E> fmt::Debug for Rewrites<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrites").field("tried", &self.tried).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Parts<Vec<u32>> {
        Parts::new("numbers", Vec::len, |all: &Vec<u32>, range| {
            let mut rest = all.clone();
            rest.drain(range);
            rest
        })
    }

    /// What is left of 0..`length` when all of `needed` must stay, and how many tries it took.
    fn parts_left(length: u32, needed: &[u32]) -> (Vec<u32>, usize) {
        let mut tries = 0;
        let (left, ()) = Reduction::new().pass(numbers()).run((0..length).collect(), (), |left| {
            tries += 1;
            needed.iter().all(|number| left.contains(number)).then_some(())
        });
        (left, tries)
    }

    #[test]
    fn only_needed_parts_are_left_after_few_tries() {
        let check = |length, needed: &[u32], tries_max| {
            let (left, tries) = parts_left(length, needed);
            assert_eq!(left, needed);
            assert!(tries <= tries_max, "{tries} tries for {needed:?} of {length}");
        };
        check(0, &[], 0);
        check(100, &[], 1);
        check(1, &[0], 2);
        check(100, &[57], 20);
        check(100, &[0, 99], 40);
        check(100, &[3, 4, 50, 98], 80);
        check(3, &[0, 1, 2], 14);
    }

    #[test]
    fn parts_that_only_go_together_or_after_others_are_found() {
        // 7 can go only when 8 is gone, so a second sweep is needed.
        let holds = |left: &Vec<u32>| left.contains(&3) && (left.contains(&7) || !left.contains(&8));
        let (left, ()) = Reduction::new().pass(numbers()).run((0..10).collect(), (), |left| holds(left).then_some(()));
        assert_eq!(left, [3]);
    }

    #[test]
    fn a_quick_look_gives_up_before_it_comes_to_single_parts() {
        let tries_of = |parts: Parts<Vec<u32>>| {
            let mut tries = 0;
            let (left, ()) = Reduction::new().pass(parts).run((0..100).collect(), (), |left| {
                tries += 1;
                (left.len() == 100).then_some(())
            });
            assert_eq!(left.len(), 100);
            tries
        };
        assert_eq!(tries_of(numbers().in_pieces(8)), 1 + 2 + 4 + 8);
        assert_eq!(tries_of(numbers()), 1 + 2 + 4 + 8 + 15 + 25 + 50 + 100);
    }

    #[test]
    fn a_number_gets_as_small_as_it_can() {
        let check = |start: u64, needed: u64, tries_max: u64| {
            let mut tries = 0;
            let number = Number::new("n", 1, |n: &u64| Some(*n), |_, n| n);
            let (left, ()) = Reduction::new().pass(number).run(start, (), |n| {
                tries += 1;
                (*n >= needed).then_some(())
            });
            assert_eq!(left, needed);
            assert!(tries <= tries_max, "{tries} tries from {start} to {needed}");
        };
        check(1, 1, 0);
        check(2, 2, 1);
        check(1000, 1, 1);
        check(1000, 1000, 11);
        check(1000, 613, 22);
    }

    #[test]
    fn rewrites_are_made_from_the_best_so_far_and_from_what_it_showed() {
        // Any digit may become the one that was seen, if that is smaller.
        let rewrites = Rewrites::new(|digits: &Vec<u32>, seen: &u32| {
            let smaller = (0..digits.len()).filter(|at| *seen < digits[*at]);
            let set = |at: usize| {
                let mut value = digits.clone();
                value[at] = *seen;
                Proposal { what: format!("{seen} at {at}"), value }
            };
            smaller.map(set).collect()
        });
        let trial = |digits: &Vec<u32>| digits.contains(&9).then_some(digits[1].min(4));
        let (left, seen) = Reduction::new().pass(rewrites).run(vec![9, 3, 9], 4, trial);
        assert_eq!((left, seen), (vec![3, 3, 9], 3));
    }
}
