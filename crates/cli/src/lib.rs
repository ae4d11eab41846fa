//! Voicehall without a screen: follows an invite, joins a voice channel, plays a file into it and
//! records what is heard. For bots, scripts and tests, on the same engine as the desktop app.
//!
//! - [`Arguments`]: what the command line says;
//! - `account`: a guest's login, made by following the invite and remembered;
//! - `gateway`: the server's state and the tickets, over a WebSocket that reconnects;
//! - `call`: leads the engine by what the gateway says;
//! - `control`: leads a desktop app that runs, through its control socket;
//! - `play`, `record`, `sound`: files in place of a microphone and a speaker.

mod account;
mod arguments;
mod call;
mod control;
mod error;
mod gateway;
mod invite;
mod play;
mod progress;
mod read_ahead;
mod record;
mod room;
mod sound;

pub use arguments::{Arguments, Ctl, Join, Order, Switch, Verb};
pub use call::run;
pub use control::control;
pub use error::Failure;
