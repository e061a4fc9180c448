//! The known name nearest to a misspelt one.

/// The nearest of `known`, if it is near enough to be what was meant: at most a third of the
/// letters wrong, and never more than three.
pub(super) fn nearest<'k>(
    wrong: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let wrong: Vec<char> = wrong.chars().collect();
    if wrong.len() > LONGEST {
        return None;
    }
    let allowed = (wrong.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(&wrong, &name.chars().collect::<Vec<_>>()), name))
        .filter(|(far, _)| *far <= allowed)
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name)
}

/// Names longer than this are not compared: the work grows with the product of the lengths.
const LONGEST: usize = 64;

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`
/// (Damerau-Levenshtein, optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len();
    let mut before: Vec<usize> = vec![0; width + 1];
    let mut last: Vec<usize> = (0..=width).collect();
    let mut previous = None;
    for (row, &left) in a.iter().enumerate() {
        let mut line = vec![row + 1];
        let mut above = None;
        for (column, &right) in b.iter().enumerate() {
            let at = |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(0);
            let replaced = at(&last, column) + usize::from(left != right);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            let swapped = previous == Some(right) && above == Some(left);
            if swapped && column > 0 {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
            above = Some(right);
        }
        previous = Some(left);
        before = std::mem::replace(&mut last, line);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::distance;
    use super::nearest;

    #[test]
    fn distances() {
        for (a, b, far) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("ca", "abc", 3),
            ("kitten", "sitting", 3),
            ("timeuot", "timeout", 1),
            ("max_retrys", "max_retries", 2),
        ] {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(distance(&chars(a), &chars(b)), far, "{a} {b}");
        }
    }

    #[test]
    fn nearest_is_near() {
        let known = ["kind", "api_key", "models", "timeout", "max_retries"];
        for (wrong, right) in [
            ("knid", Some("kind")),
            ("apikey", Some("api_key")),
            ("model", Some("models")),
            ("max_retrys", Some("max_retries")),
            ("xyz", None),
            ("", None),
            ("colour", None),
        ] {
            assert_eq!(nearest(wrong, known), right, "{wrong}");
        }
        assert_eq!(nearest(&"k".repeat(100_000), known), None);
    }
}
