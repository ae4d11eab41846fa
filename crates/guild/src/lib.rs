//! Pure guild state: command in, numbered changes out.
//!
//! [`Guild`] is the state of one guild, with one owner in the whole installation at a time. A
//! [`Command`] either is refused with a [`GuildError`] and changes nothing, or yields the
//! [`Step`]s by which the state changed. Each step carries the next version, so that a snapshot
//! plus the steps after it is always the present state, and a gap is noticed.
//!
//! The crate is pure: it knows no socket, no store, no runtime and no clock.

mod command;
mod permissions;
mod state;
mod template;

pub use command::{Command, GuildError};
pub use state::{Guild, MemberRecord, Moderation, Step};
pub use template::{TemplateIds, from_template};
