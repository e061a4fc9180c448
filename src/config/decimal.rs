//! Decimal numbers read exactly from their text: money and seconds never pass through a float.

/// Why a decimal is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecimalError {
    /// Not digits with at most one point and an exponent.
    NotANumber,
    /// Below zero.
    Negative,
    /// More digits after the point than the unit has.
    TooFine,
    /// Does not fit 128 bits.
    TooLarge,
}

/// More than this many places cannot fit 128 bits, so larger exponents need no work.
const MOST_PLACES: i64 = 60;

/// Reads `text` as a whole number of units of 10^-`places`: "2.50" with 6 places is 2 500 000.
///
/// The text is a TOML integer or float: a sign, digits, `_` between them, a point, an exponent.
pub(super) fn scaled(text: &str, places: u32) -> Result<u128, DecimalError> {
    let text = text.replace('_', "");
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    if text.starts_with('-') {
        return Err(DecimalError::Negative);
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let length = |n: usize| i64::try_from(n).map_err(|_| DecimalError::TooLarge);
    let shift = exponent - length(fraction.len())? + length(trailing)? + i64::from(places);
    if shift < 0 {
        return Err(DecimalError::TooFine);
    }
    if shift > MOST_PLACES {
        return Err(DecimalError::TooLarge);
    }
    let power = u32::try_from(shift).ok().and_then(|shift| 10_u128.checked_pow(shift));
    let value: Option<u128> = significant.parse().ok();
    value.zip(power).and_then(|(value, power)| value.checked_mul(power)).ok_or(TOO_LARGE)
}

const TOO_LARGE: DecimalError = DecimalError::TooLarge;

fn exponent_of(text: &str) -> Result<i64, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::NotANumber);
    }
    // Nine digits cannot overflow the sums made with it.
    let size: i64 = match digits.trim_start_matches('0') {
        "" => 0,
        digits if digits.len() <= 9 => digits.parse().map_err(|_| DecimalError::NotANumber)?,
        _ => 1_000_000_000,
    };
    Ok(if text.starts_with('-') { -size } else { size })
}

/// Writes `units` of 10^-`places` as the shortest decimal.
pub(super) fn unscaled(units: u128, places: usize) -> String {
    let digits = format!("{units:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - places).unwrap_or(("0", ""));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::DecimalError::*;
    use super::scaled;
    use super::unscaled;
    use proptest::prelude::*;

    #[test]
    fn reads_exactly() {
        for (text, places, value) in [
            ("0", 6, Ok(0)),
            ("0.0", 6, Ok(0)),
            ("-0.0", 6, Ok(0)),
            ("2.50", 6, Ok(2_500_000)),
            ("10", 6, Ok(10_000_000)),
            ("1_000.5", 6, Ok(1_000_500_000)),
            ("0.000001", 6, Ok(1)),
            ("0.0000010", 6, Ok(1)),
            ("1e-6", 6, Ok(1)),
            ("1.5e+3", 0, Ok(1_500)),
            ("0.1", 12, Ok(100_000_000_000)),
            ("1e-7", 6, Err(TooFine)),
            ("0.0000001", 6, Err(TooFine)),
            ("1e-99999999999", 6, Err(TooFine)),
            ("1e99999999999", 6, Err(TooLarge)),
            ("0e99999999999", 6, Ok(0)),
            ("340282366920938463463374607431768211455", 0, Ok(u128::MAX)),
            ("340282366920938463463374607431768211456", 0, Err(TooLarge)),
            ("340282366920938463463374607431768211455", 1, Err(TooLarge)),
            ("-1", 6, Err(Negative)),
            ("inf", 6, Err(NotANumber)),
            ("-nan", 6, Err(NotANumber)),
            ("", 6, Err(NotANumber)),
            (".5", 6, Err(NotANumber)),
            ("1.2.3", 6, Err(NotANumber)),
            ("1e", 6, Err(NotANumber)),
        ] {
            assert_eq!(scaled(text, places), value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in 0_u128..u128::MAX / 1_000_000, places in 0_u32..13) {
            let text = unscaled(units, places as usize);
            prop_assert_eq!(scaled(&text, places), Ok(units));
        }

        #[test]
        fn never_panics(text in ".{0,60}", places in 0_u32..13) {
            let _ = scaled(&text, places);
        }
    }
}
