//! Quantiles of Student's t and of the beta distribution.
//!
//! Both come from the regularised incomplete beta function, evaluated by its continued fraction
//! (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.5.8) with Lentz's method
//! (Thompson and Barnett, J. Comput. Phys. 64, 1986), and are inverted by bisection.

/// Bisections: each halves the bracket, so that 200 exhaust a double.
const BISECTIONS: usize = 200;

/// The quantile of Student's t with `degrees` of freedom at `probability`.
///
/// NaN unless `0 < probability < 1` and `degrees > 0`.
///
/// ```
/// // scipy.stats.t.ppf(0.975, 10)
/// let quantile = noctule_reports::student_t_quantile(0.975, 10.0);
/// assert!((quantile - 2.228_138_85).abs() < 1e-7);
/// ```
#[must_use]
pub fn student_t_quantile(probability: f64, degrees: f64) -> f64 {
    if !(probability > 0.0 && probability < 1.0 && degrees > 0.0) {
        return f64::NAN;
    }
    if probability < 0.5 {
        return -student_t_quantile(1.0 - probability, degrees);
    }
    // Above this many degrees the quantile is the normal one to six digits, and the differences of
    // large logarithms below would lose more than that.
    let degrees = degrees.min(1e7);
    let cumulative =
        |t: f64| 1.0 - 0.5 * incomplete_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5);
    let mut high = 1.0;
    while cumulative(high) < probability && high < 1e300 {
        high *= 2.0;
    }
    bisect(0.0, high, |t| cumulative(t) < probability)
}

/// Wilson's interval of a share (JASA 22, 1927); none without trials.
pub(crate) fn wilson(successes: f64, trials: f64, confidence: f64) -> Option<(f64, f64)> {
    if trials <= 0.0 {
        return None;
    }
    let z = student_t_quantile(0.5 + confidence / 2.0, f64::INFINITY);
    let share = successes / trials;
    let scale = 1.0 + z * z / trials;
    let centre = (share + z * z / (2.0 * trials)) / scale;
    let variance = share * (1.0 - share) / trials + z * z / (4.0 * trials * trials);
    let half = z * variance.sqrt() / scale;
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// The quantile of the beta distribution with shapes `a` and `b` at `probability`.
pub(crate) fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| incomplete_beta(x, a, b) < probability)
}

/// The point at which `below` turns from true to false.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..BISECTIONS {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low + (high - low) / 2.0
}

/// The regularised incomplete beta function `I_x(a, b)`.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let log_front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    // The fraction converges fast on one side of the mean; the symmetry gives the other.
    if x < (a + 1.0) / (a + b + 2.0) {
        log_front.exp() * beta_fraction(x, a, b) / a
    } else {
        1.0 - log_front.exp() * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const STEPS: u32 = 100_000;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// The logarithm of the gamma function of a positive number: Stirling's series after a shift to
/// where it is exact to double precision (Abramowitz and Stegun, 6.1.41).
fn ln_gamma(x: f64) -> f64 {
    let (mut shifted, mut correction) = (x, 0.0);
    while shifted < 15.0 {
        correction += shifted.ln();
        shifted += 1.0;
    }
    let inverse = 1.0 / shifted;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1_260.0 - square / 1_680.0)));
    let half_log_tau = 0.5 * std::f64::consts::TAU.ln();
    (shifted - 0.5) * shifted.ln() - shifted + half_log_tau + series - correction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64) {
        assert!((value - expected).abs() <= 1e-8 * expected.abs().max(1.0), "{value} {expected}");
    }

    #[test]
    fn the_interval_of_wilson_agrees_with_scipy() {
        // scipy.stats.binomtest(5, 50).proportion_ci(0.95, 'wilson'), and so on
        for (successes, trials, confidence, low, high) in [
            (5.0, 50.0, 0.95, 0.04347576493189041, 0.21360231437479654),
            (0.0, 20.0, 0.95, 0.0, 0.16112515805281935),
            (7.0, 7.0, 0.9, 0.7212373045474579, 1.0),
        ] {
            let found = wilson(successes, trials, confidence).unwrap();
            assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(wilson(0.0, 0.0, 0.95), None);
    }

    #[test]
    fn t_quantiles_agree_with_scipy() {
        // python3 -c "from scipy.stats import t; print([t.ppf(p, v) for p, v in
        //   [(.975,1),(.975,2.5),(.975,9),(.995,59),(.975,3999),(.1,4)]])"
        let cases = [
            (0.975, 1.0, 12.706204736174694),
            (0.975, 2.5, 3.5746548420036817),
            (0.975, 9.0, 2.262157162798205),
            (0.995, 59.0, 2.6617587521629673),
            (0.975, 3999.0, 1.9605573771860272),
            (0.1, 4.0, -1.5332062740589436),
        ];
        for (probability, degrees, expected) in cases {
            close(student_t_quantile(probability, degrees), expected);
        }
        assert!(student_t_quantile(0.5, 7.0).abs() < 1e-12);
        // statistics.NormalDist().inv_cdf(0.975)
        assert!((student_t_quantile(0.975, 1e12) - 1.959_963_984_5).abs() < 1e-6);
    }

    #[test]
    fn beta_quantiles_agree_with_scipy() {
        // python3 -c "from scipy.stats import beta; print([beta.ppf(.95, a, b) for a, b in
        //   [(1,100),(4,97),(1,1e6),(0.5,0.5)]])"
        for (a, b, expected) in [
            (1.0, 100.0, 0.029513049607039925),
            (4.0, 97.0, 0.07571079374983004),
            (1.0, 1000000.0, 2.9957277863525433e-06),
            (0.5, 0.5, 0.9938441702975689),
        ] {
            close(beta_quantile(0.95, a, b), expected);
        }
    }

    #[test]
    fn nonsense_has_no_quantile() {
        for (probability, degrees) in [(0.0, 3.0), (1.0, 3.0), (f64::NAN, 3.0), (0.9, 0.0)] {
            assert!(student_t_quantile(probability, degrees).is_nan());
        }
    }
}
