//! Links for people, made by whoever has the data directory.

use crate::accounts::new_code;
use crate::ids::now_ms;
use crate::store::{Store, StoreError, StoredInvite};
use voicehall_protocol::ids::GuildId;

/// How long an owner link waits to be used.
const OWNER_LINK_LIFETIME_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Which link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Its one use, within a week, makes an account the owner.
    Owner,
    /// Makes members.
    Invite {
        /// How often; none for no limit.
        uses_max: Option<u32>,
        /// For how long, in seconds; none for ever.
        lifetime_s: Option<u32>,
    },
}

/// Makes an invite to a guild, and answers with its code.
///
/// # Errors
/// When the store fails.
pub async fn make_code(store: &dyn Store, guild: GuildId, link: Link) -> Result<String, StoreError> {
    let now = now_ms();
    let (owner, uses_left, expires_at) = match link {
        Link::Owner => (true, Some(1), Some(now + OWNER_LINK_LIFETIME_MS)),
        Link::Invite { uses_max, lifetime_s } => {
            (false, uses_max, lifetime_s.map(|seconds| now + u64::from(seconds) * 1000))
        }
    };
    let invite = StoredInvite { code: new_code(), guild, owner, uses_left, expires_at };
    store.add_invite(&invite).await?;
    Ok(invite.code)
}

/// The link that people follow.
pub fn url(origin: &str, code: &str) -> String {
    format!("{origin}/join/{code}")
}
