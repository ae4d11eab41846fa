//! The real app, the real browser, real sound servers: what whole-system tests are written with.
//!
//! A [`rig::Rig`] is one test's world: a folder, an environment and all processes of it, which end
//! with it. In it stand
//!
//! - [`sound`]: a sound server with microphones and speakers for everybody, recorded on one clock;
//! - [`screen`]: a display for windows, and the [`windows`] on it; [`session`]: somebody's login to it;
//!   [`panel`]: where tray icons are; [`notifier`]: what shows notifications; [`keyring`]: where their
//!   secrets are; [`keyboard`]: hands on the display, and a game that has its focus;
//! - [`server`]: the server under test; [`account`] signs people in to it;
//! - clients: [`app`] and [`browser`], both used through [`window`] as a person would, and
//!   [`command_line`]; [`control`] leads an app from outside; [`listener`], who reads what it receives;
//!   [`writer`], who writes;
//! - [`feed`]: where new versions are told and fetched;
//! - [`network`]: hosts with addresses of their own, and [`capture`] of all that reaches one;
//!   [`spurts`]: when somebody's talk spurts leave.
//!
//! [`speech`] is what people say; [`measure`], [`alignment`] and [`quality`] tell what became of it.
//! [`usage`] tells what programs cost, and [`figures`] are what benches write.

pub mod alignment;
pub mod app;
pub mod binaries;
pub mod browser;
pub mod capture;
pub mod command_line;
pub mod control;
pub mod feed;
pub mod figures;
pub mod keyboard;
pub mod keyring;
pub mod listener;
pub mod machine;
pub mod measure;
pub mod network;
pub mod notifier;
pub mod panel;
pub mod place;
pub mod processes;
pub mod quality;
pub mod rig;
pub mod screen;
pub mod server;
pub mod session;
pub mod sound;
pub mod speech;
pub mod spurts;
pub mod usage;
pub mod wait;
pub mod wav;
pub mod webdriver;
pub mod window;
pub mod windows;
pub mod writer;
