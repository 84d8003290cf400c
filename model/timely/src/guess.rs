//! A guess of how much of a search is left, from the sizes of the levels so far.
//!
//! The sizes of a bounded space's levels rise, and fall again, and their logarithms bend downwards all the way: each level has
//! so many times the states of the one before, and that factor falls by about as much from level to level. So the last few
//! factors are continued on a line. While a level still has many more states than the one before, that says too little, and
//! nothing is guessed.

/// So many factors are looked at.
const FACTORS: usize = 6;

/// While levels grow by more than this factor, there is no guess.
const GROWS: f64 = 1.3;

/// The factor's logarithm falls by so much from level to level, or there is no guess.
const BEND: f64 = 0.005;

/// Levels that may come at most.
const LEVELS: usize = 10_000;

/// About how many states the levels have that are yet to come, after these.
pub(crate) fn left(levels: &[u64]) -> Option<u64> {
    let last = levels.get(levels.len().checked_sub(FACTORS + 1)?..)?;
    let logarithms: Vec<f64> =
        last.windows(2).map(|pair| (pair[1].max(1) as f64 / pair[0].max(1) as f64).ln()).collect();
    // The line through them with the least squares.
    let middle = (FACTORS - 1) as f64 / 2.0;
    let mean = logarithms.iter().sum::<f64>() / FACTORS as f64;
    let (mut products, mut squares) = (0.0, 0.0);
    for (place, logarithm) in logarithms.iter().enumerate() {
        let away = place as f64 - middle;
        products += away * (logarithm - mean);
        squares += away * away;
    }
    let bend = products / squares;
    let mut factor = mean + bend * middle;
    if bend > -BEND || factor > GROWS.ln() {
        return None;
    }
    let (mut size, mut left) = (*last.last()? as f64, 0.0);
    for _ in 0..LEVELS {
        factor += bend;
        size *= factor.exp();
        left += size;
        if size < 1.0 {
            break;
        }
    }
    Some(left as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Plan, check};
    use figure2_model::{CheckOptions, System, profile};

    #[test]
    fn nothing_is_guessed_of_levels_that_grow() {
        assert_eq!(left(&[]), None);
        assert_eq!(left(&[1, 2, 4]), None);
        assert_eq!(left(&[1, 2, 4, 8, 16, 32, 64, 128, 256]), None);
    }

    #[test]
    fn guesses_are_about_right_in_the_second_half_of_a_search() {
        let mut guesses = 0;
        for name in ["transfer", "mixed-rules"] {
            let options = CheckOptions::default();
            let report = check(
                &System::default(),
                &profile(name).unwrap(),
                &options,
                &Plan::of_threads(2),
                &mut |_| (),
            );
            let levels = report.unwrap().levels;
            let all: u64 = levels.iter().sum();
            for known in 1..levels.len() {
                let real = all - levels[..known].iter().sum::<u64>();
                // Of what is nearly over, there is nothing to be guessed.
                if real > all / 2 || real < all / 20 {
                    continue;
                }
                if let Some(guess) = left(&levels[..known]) {
                    assert!(
                        guess / 3 < real && real / 3 < guess,
                        "{name}: {guess} after {known}, and {real}"
                    );
                    guesses += 1;
                }
            }
        }
        assert!(guesses > 6, "{guesses}");
    }
}
