//! `make bench`: runs every bench, prints a table, and merges the figures into
//! `target/bench/figures.json`. Goals are compared and never enforced: a noisy machine is no bug.
//!
//! A bench is a program that is given `--json FILE` and appends its figures to that file, one in a
//! line: `{"name": "call.rtt_ms", "value": 1.5, "unit": "ms", "goal": 2}`. A goal is what the value
//! should not exceed; `{"at_least": 4.2}` is one that it should reach; null is none.

mod package;

use crate::run::{succeed, target_folder};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Every bench: its name, and its program in the folder of release builds.
const BENCHES: &[(&str, &str)] = &[
    ("forward", "voicehall-test-load"),
    ("engine", "examples/call_figures"),
    ("voice-activity", "examples/voice_activity"),
    ("call", "bench"),
    ("app", "bench_app"),
];

/// Runs all benches. One that fails is reported, and the others still run.
///
/// # Errors
/// When the figures cannot be written, or a bench failed.
pub fn run(root: &Path) -> Result<(), String> {
    let folder = target_folder(root).join("bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // All at once: built one by one, the libraries would be compiled anew for each choice of features.
    let build = ["build", "--release", "--locked", "--workspace", "--bins", "--examples"];
    succeed(Command::new("cargo").args(build).current_dir(root))?;
    let mut failures = Vec::new();
    let mut figures = Vec::new();
    for (name, program) in BENCHES {
        let file = folder.join(format!("{name}.jsonl"));
        fs::write(&file, "").map_err(|error| format!("{}: {error}", file.display()))?;
        let mut command = Command::new(target_folder(root).join("release").join(program));
        command.arg("--json").arg(&file).current_dir(root);
        if let Err(error) = succeed(&mut command) {
            failures.push(format!("{name}: {error}"));
        }
        figures.extend(read(&file)?);
    }
    match package::measure(root) {
        Ok(measured) => figures.extend(measured),
        Err(error) => failures.push(format!("package: {error}")),
    }
    print!("{}", table(&figures));
    merge(&folder.join("figures.json"), &figures)?;
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// One measured figure.
#[derive(Debug, PartialEq)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    goal: Value,
}

/// The figures that a bench wrote.
fn read(file: &Path) -> Result<Vec<Figure>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let figures = text.lines().map(|line| parse(line).ok_or_else(|| format!("not a figure: {line}")));
    figures.collect()
}

fn parse(line: &str) -> Option<Figure> {
    let figure: Value = serde_json::from_str(line).ok()?;
    Some(Figure {
        name: figure["name"].as_str()?.to_owned(),
        value: figure["value"].as_f64()?,
        unit: figure["unit"].as_str()?.to_owned(),
        goal: figure["goal"].clone(),
    })
}

/// The figures for people.
fn table(figures: &[Figure]) -> String {
    let mut out = format!("\n{:<28} {:>12} {:<10} {:>12}\n", "figure", "value", "unit", "goal");
    for figure in figures {
        let (goal, verdict) = compare(figure);
        let Figure { name, value, unit, .. } = figure;
        out.push_str(format!("{name:<28} {value:>12.3} {unit:<10} {goal:>12}  {verdict}").trim_end());
        out.push('\n');
    }
    out
}

/// The goal as text, and how the value compares with it.
fn compare(figure: &Figure) -> (String, String) {
    let (sign, goal, met) = match (figure.goal.as_f64(), figure.goal["at_least"].as_f64()) {
        (Some(most), _) => ("≤", most, figure.value <= most),
        (None, Some(least)) => ("≥", least, figure.value >= least),
        (None, None) => return (String::new(), String::new()),
    };
    let off = (figure.value / goal - 1.0) * 100.0;
    (format!("{sign} {goal}"), format!("{} ({off:+.0} %)", if met { "met" } else { "missed" }))
}

/// Puts the figures into the file, beside those that other runs put there.
fn merge(file: &Path, figures: &[Figure]) -> Result<(), String> {
    let before = fs::read_to_string(file).unwrap_or_default();
    let mut all: Map<String, Value> = serde_json::from_str(&before).unwrap_or_default();
    for Figure { name, value, unit, goal } in figures {
        all.insert(name.clone(), json!({ "value": value, "unit": unit, "goal": goal }));
    }
    let text = serde_json::to_string_pretty(&all).expect("a map is JSON");
    fs::write(file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, goal: Value) -> Figure {
        parse(&json!({"name": "a.b_ms", "value": value, "unit": "ms", "goal": goal}).to_string()).unwrap()
    }

    #[test]
    fn goals_are_ceilings_floors_or_none() {
        for (value, goal, text) in [
            (50.0, json!(60), ("≤ 60", "met (-17 %)")),
            (66.0, json!(60), ("≤ 60", "missed (+10 %)")),
            (4.2, json!({"at_least": 4.0}), ("≥ 4", "met (+5 %)")),
            (3.8, json!({"at_least": 4.0}), ("≥ 4", "missed (-5 %)")),
            (3.8, Value::Null, ("", "")),
        ] {
            let (goal, verdict) = compare(&figure(value, goal));
            assert_eq!((goal.as_str(), verdict.as_str()), text);
        }
    }

    #[test]
    fn what_is_no_figure_is_refused() {
        for line in ["", "{}", r#"{"name": "a", "value": "1", "unit": "ms"}"#] {
            assert_eq!(parse(line), None);
        }
    }
}
