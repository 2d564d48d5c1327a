//! Where does chance come from? From a seed, so that a failing test can be run again.

/// A stream of numbers that look random (SplitMix64). Equal seeds give equal streams.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A stream for a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A stream for a part of something that has a seed, unlike those of its neighbours.
    pub fn for_part(seed: u64, part: u64) -> Random {
        let mut mixed = Random(seed ^ part.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let start = mixed.next_u64();
        Random(start)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit - 1`; 0 if the limit is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let wide = u128::from(self.next_u64()) * limit as u128;
        // The upper half of a product with `limit` is less than `limit`.
        (wide >> 64) as usize
    }

    /// True in about `percent` of 100 cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several values.
    ///
    /// # Panics
    /// If there are none.
    pub fn choose<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// A number from 0 (not included) to 1.
    pub fn fraction(&mut self) -> f64 {
        ((self.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    /// A number of a log-normal distribution with this median and mean.
    pub fn log_normal(&mut self, median: f64, mean: f64) -> f64 {
        let sigma = (2.0 * (mean / median).ln()).max(0.0).sqrt();
        // Box and Muller's transform of two uniform numbers into one of the normal distribution.
        let radius = (-2.0 * self.fraction().ln()).sqrt();
        let normal = radius * (2.0 * std::f64::consts::PI * self.fraction()).cos();
        median * (sigma * normal).exp()
    }
}
