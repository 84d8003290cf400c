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

    /// The levels of the profile `nightly-billion`, from the 25th on, and how many states those before have.
    const BEFORE: u64 = 9_145_960;
    const BILLION: [u64; 56] = [
        4_032_226, 5_642_345, 7_769_026, 10_502_732, 13_923_727, 18_086_570, 22_982_020, 28_496_837,
        34_391_923, 40_329_242, 45_973_250, 51_067_413, 55_495_293, 59_238_813, 62_301_797, 64_680_410,
        66_288_907, 66_928_813, 66_404_089, 64_661_242, 61_870_170, 58_307_482, 54_152_261, 49_559_799,
        44_669_876, 39_644_048, 34_645_468, 29_789_513, 25_171_107, 20_884_537, 17_002_980, 13_584_589,
        10_657_558, 8_213_484, 6_218_278, 4_627_255, 3_388_011, 2_443_509, 1_739_044, 1_225_211, 856_536,
        596_067, 413_228, 285_990, 197_062, 133_624, 87_840, 55_719, 34_009, 19_714, 10_354, 4_557, 1_585,
        394, 64, 6,
    ];

    #[test]
    fn guesses_of_a_billion_states_are_right_within_a_tenth_from_the_middle_on() {
        let all = BEFORE + BILLION.iter().sum::<u64>();
        assert_eq!(all, 1_288_833_564);
        let (mut early, mut late) = (0, 0);
        for known in 1..BILLION.len() {
            let real = BILLION[known..].iter().sum::<u64>() as f64;
            let (known, found) = (&BILLION[..known], all as f64 - real);
            // Of what is nearly over, there is nothing to be guessed.
            let Some(guess) = left(known).filter(|_| real > all as f64 / 1_000.0) else { continue };
            let wrong = guess as f64 / real;
            assert!((1.0 / 1.65..1.65).contains(&wrong), "{wrong} after {found}");
            if found > all as f64 / 2.0 {
                assert!((0.9..1.1).contains(&wrong), "{wrong} after {found}");
                late += 1;
            } else {
                early += 1;
            }
        }
        assert!(early > 9 && late > 15, "{early} {late}");
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
