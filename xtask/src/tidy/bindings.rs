//! The committed bindings are what the code says.

use super::{Finding, Tree};
use crate::codegen::BINDINGS;

/// Reports bindings that are stale.
pub fn check(tree: &Tree) -> Vec<Finding> {
    if tree.text(BINDINGS) == Some(voicehall_protocol::bindings::typescript().as_str()) {
        return Vec::new();
    }
    vec![Finding::new(BINDINGS, 0, "is not what crates/protocol says: run `cargo xtask codegen`")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_bindings_are_found() {
        let fresh = voicehall_protocol::bindings::typescript();
        assert_eq!(check(&Tree::of(&[(BINDINGS, &fresh)])), []);
        assert_eq!(check(&Tree::of(&[(BINDINGS, &fresh[1..])])).len(), 1);
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
