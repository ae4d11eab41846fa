//! Says which files besides the sources the server is made of.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=migrations");
    // Debug builds read the web client at run time; release builds carry it.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rerun-if-changed=../../ui/dist");
    }
}
