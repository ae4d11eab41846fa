//! What benches write.

use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;

/// The file that `make bench` gives a bench for its figures, one JSON object a line.
#[derive(Debug)]
pub struct Figures(File);

impl Figures {
    /// Opens the file that is the program's last argument.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn of_arguments() -> Self {
        let path = std::env::args().next_back().expect("the file for the figures is given");
        Self(File::options().create(true).append(true).open(path).expect("the figures can be written"))
    }

    /// Writes a figure, and says it. `goal` is what it should not exceed, `{"at_least": …}` what it
    /// should reach, null where there is none.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn add(&mut self, name: &str, value: f32, unit: &str, goal: Value) {
        let figure = json!({ "name": name, "value": value, "unit": unit, "goal": goal });
        println!("{figure}");
        writeln!(self.0, "{figure}").expect("the figures can be written");
    }
}
