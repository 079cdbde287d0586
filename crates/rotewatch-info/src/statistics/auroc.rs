//! How well a score separates two classes.

/// Returns the area under the receiver operating characteristic: the probability that a positive scores higher than a negative.
/// `None` if a class is empty or a score is NaN.
///
/// # Estimator
/// `U / (m n)`: over all pairs 1 if the positive scores higher, 1/2 if both score the same. In `[0, 1]`; 0.5 means no separation.
///
/// # Source
/// Bamber (1975), "The area above the ordinal dominance graph and the area below the receiver operating characteristic graph":
/// it equals the Mann-Whitney statistic.
///
/// # Cost
/// One sort of all scores.
#[must_use]
pub fn auroc(positives: &[f64], negatives: &[f64]) -> Option<f64> {
    let kinds = [(positives, true), (negatives, false)];
    let mut all: Vec<(f64, bool)> =
        kinds.iter().flat_map(|(scores, positive)| scores.iter().map(|score| (*score, *positive))).collect();
    if positives.is_empty() || negatives.is_empty() || all.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    all.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let (mut below, mut wins) = (0.0, 0.0);
    for equal in all.chunk_by(|(one, _), (other, _)| one == other) {
        let positive = equal.iter().filter(|(_, positive)| *positive).count() as f64;
        let negative = equal.len() as f64 - positive;
        wins += positive * (below + negative / 2.0);
        below += negative;
    }
    Some(wins / (positives.len() as f64 * negatives.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_pairs_and_halves_ties() {
        assert_eq!(auroc(&[3.0, 4.0], &[1.0, 2.0]), Some(1.0));
        assert_eq!(auroc(&[1.0], &[2.0, 3.0]), Some(0.0));
        assert_eq!(auroc(&[1.0, 1.0], &[1.0]), Some(0.5));
        // Of six pairs two are won and one is tied.
        assert_eq!(auroc(&[2.0, 5.0], &[2.0, 9.0, 3.0]), Some(2.5 / 6.0));
    }

    #[test]
    fn it_turns_with_the_kinds_and_heeds_the_order_alone() {
        let (one, other) = ([0.5, 2.0, 7.0, 7.0], [0.1, 2.0, 8.0]);
        let area = auroc(&one, &other).unwrap();
        assert!((auroc(&other, &one).unwrap() - (1.0 - area)).abs() < 1e-15);
        let grown = |scores: &[f64]| scores.iter().map(|score| score.exp()).collect::<Vec<_>>();
        assert_eq!(auroc(&grown(&one), &grown(&other)), Some(area));
    }

    #[test]
    fn without_both_kinds_or_with_what_is_no_number_there_is_none() {
        assert_eq!([auroc(&[], &[1.0]), auroc(&[1.0], &[]), auroc(&[f64::NAN], &[1.0])], [None; 3]);
    }
}
