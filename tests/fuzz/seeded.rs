//! Runs the bodies of the fuzz targets with seeded bytes and a bound.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Runs a body with as many values, the same ones each time.
pub fn run<S: Strategy>(cases: u32, strategy: &S, body: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[9; 32]);
    let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        body(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
