//! Student's t distribution: what a mean of few values is uncertain by.

/// How much the continued fraction may still change.
const PRECISION: f64 = 1e-15;
/// Smallest number that is divided by.
const TINY: f64 = 1e-300;

/// Probability that a t of so many degrees of freedom is at least `|t|` from 0.
pub fn two_sided(t: f64, degrees: usize) -> f64 {
    let n = degrees as f64;
    incomplete_beta(0.5 * n, 0.5, n / (n + t * t))
}

/// The t that is exceeded on either side with this probability in all (0.05 for 95 % intervals).
pub fn critical(probability: f64, degrees: usize) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while two_sided(high, degrees) > probability {
        high *= 2.0;
    }
    // Halved until the two are neighbours.
    while low < 0.5 * (low + high) && 0.5 * (low + high) < high {
        let middle = 0.5 * (low + high);
        if two_sided(middle, degrees) > probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The regularised incomplete beta function `I_x(a, b)`.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let scale = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * x.ln() + b * (1.0 - x).ln();
    // The fraction converges quickly on one side of the mean; the other follows by symmetry.
    if x < (a + 1.0) / (a + b + 2.0) {
        scale.exp() * fraction(a, b, x) / a
    } else {
        1.0 - scale.exp() * fraction(b, a, 1.0 - x) / b
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's algorithm.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_0 = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_0(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for coefficient in [even, odd] {
            d = 1.0 / away_from_0(1.0 + coefficient * d);
            c = away_from_0(1.0 + coefficient / c);
            value *= c * d;
        }
        if (value - before).abs() <= PRECISION * value.abs() {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64) -> bool {
        (got - expected).abs() <= 1e-10 * expected.abs()
    }

    #[test]
    fn critical_values_are_scipys() {
        // scipy.stats.t.ppf(1 - p / 2, degrees)
        for (degrees, probability, expected) in [
            (1, 0.05, 1.270620473617e+01),
            (2, 0.05, 4.302652729749e+00),
            (3, 0.05, 3.182446305284e+00),
            (4, 0.05, 2.776445105198e+00),
            (5, 0.01, 4.032142983555e+00),
            (9, 0.05, 2.262157162798e+00),
            (29, 0.05, 2.045229642133e+00),
            (100, 0.05, 1.983971518524e+00),
            (1000, 0.001, 3.300282648424e+00),
        ] {
            let got = critical(probability, degrees);
            assert!(near(got, expected), "{degrees} degrees, {probability}: {got} instead of {expected}");
        }
    }

    #[test]
    fn probabilities_are_scipys() {
        // 2 * scipy.stats.t.sf(t, degrees)
        for (degrees, t, expected) in [
            (1, 0.5, 7.048327646991e-01),
            (1, 12.7, 5.002432768934e-02),
            (2, 4.3, 5.005715411709e-02),
            (2, 40.0, 6.244146721847e-04),
            (3, 0.01, 9.926491114129e-01),
            (4, 2.0, 1.161165235168e-01),
            (9, 2.2, 5.534057279861e-02),
            (29, 3.1, 4.278182373556e-03),
            (100, 1.98, 5.045160683310e-02),
            (1000, 6.0, 2.755369173377e-09),
        ] {
            let got = two_sided(t, degrees);
            assert!(near(got, expected), "{degrees} degrees, t {t}: {got} instead of {expected}");
            assert!(near(two_sided(-t, degrees), expected));
        }
        assert_eq!(two_sided(0.0, 3), 1.0);
    }

    #[test]
    fn one_and_two_degrees_have_closed_forms() {
        // Cauchy's distribution; and t / sqrt(2 + t^2).
        for t in [0.01_f64, 0.5, 1.0, 3.0, 12.7, 400.0] {
            assert!(near(two_sided(t, 1), 1.0 - 2.0 * t.atan() / std::f64::consts::PI) || t > 100.0);
            assert!(near(two_sided(t, 2), 1.0 - t / (2.0 + t * t).sqrt()) || t > 100.0);
        }
    }
}
