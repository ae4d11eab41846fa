//! Figures: printed for people, written for `make bench` as one JSON object a line.

use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// One measured figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// What was measured.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// What is aimed at; `None` for information.
    pub goal: Option<f64>,
}

/// Prints figures, and appends them to a file if one is given.
///
/// # Errors
/// When the file cannot be written.
pub fn report(figures: &[Figure], path: Option<&Path>) -> io::Result<()> {
    for figure in figures {
        let goal = figure.goal.map_or_else(String::new, |goal| format!("  (goal ≤ {goal})"));
        println!("{:28} {:10.3} {}{goal}", figure.name, figure.value, figure.unit);
    }
    let Some(path) = path else { return Ok(()) };
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    for figure in figures {
        writeln!(file, "{}", serde_json::to_string(figure)?)?;
    }
    Ok(())
}
