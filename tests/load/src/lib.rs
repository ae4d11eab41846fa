//! Load on a real voice node.
