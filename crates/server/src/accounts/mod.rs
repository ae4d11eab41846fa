//! Who people are: names, passwords and login tokens, and the flows that use them.

pub mod names;
mod passwords;
mod tokens;

pub use passwords::Passwords;
pub use tokens::{new_code, new_token, token_hash};

use crate::app::App;
use crate::guilds::JoinFailure;
use crate::store::{NewAccount, NewLogin, Redeemed, StoreError};
use voicehall_guild::Command;
use voicehall_protocol::gateway::Token;
use voicehall_protocol::ids::{GuildId, LoginId, UserId};
use voicehall_protocol::model::User;
use voicehall_protocol::rest::{GuestRequest, LoginRequest, RegisterRequest, SignedIn};

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name breaks the rules.
    #[error("a name has 1 to 32 visible characters")]
    Name,
    /// The password breaks the rules.
    #[error("a password has at least 10 characters, and at most 1024 bytes")]
    Password,
    /// Name and password do not fit, or there is no such account.
    #[error("name and password do not fit")]
    Credentials,
    /// Too many passwords are being checked.
    #[error("the server is busy, try again")]
    Busy,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The guild refused or is stopping.
    #[error(transparent)]
    Guild(#[from] JoinFailure),
}

/// A login as every request carries it.
#[derive(Debug, Clone)]
pub struct SignedInAs {
    /// Who.
    pub user: User,
    /// By which login.
    pub login: LoginId,
}

/// Joins by an invite with a name alone.
///
/// # Errors
/// See [`AccountError`].
pub async fn guest(app: &App, request: GuestRequest) -> Result<SignedIn, AccountError> {
    let name = names::check(&request.name).map_err(|_| AccountError::Name)?;
    let user = User { id: UserId(app.ids.next()), name, guest: true };
    create(app, NewAccount { user, credentials: None }, &request.invite).await
}

/// Joins by an invite with a name and a password.
///
/// # Errors
/// See [`AccountError`].
pub async fn register(app: &App, request: RegisterRequest) -> Result<SignedIn, AccountError> {
    let name = names::check(&request.name).map_err(|_| AccountError::Name)?;
    passwords::check(&request.password).map_err(|_| AccountError::Password)?;
    // Hashing costs more than anything else here, so a useless invite must not get so far.
    if app.store.invite(&request.invite, app.now_ms()).await?.is_none() {
        return Err(StoreError::InviteInvalid.into());
    }
    let hash = app.passwords.hash(request.password).await.ok_or(AccountError::Busy)?;
    let key = names::key(&name);
    let user = User { id: UserId(app.ids.next()), name, guest: false };
    create(app, NewAccount { user, credentials: Some((key, hash)) }, &request.invite).await
}

/// Signs in to an account. Takes as long for a name that nobody has.
///
/// # Errors
/// See [`AccountError`].
pub async fn sign_in(app: &App, request: LoginRequest) -> Result<SignedIn, AccountError> {
    let found = app.store.credentials(&names::key(&request.name)).await?;
    let (user, hash) = found.unzip();
    let fits = app.passwords.verify(request.password, hash).await.ok_or(AccountError::Busy)?;
    let user = user.filter(|_| fits).ok_or(AccountError::Credentials)?;
    let (token, login) = fresh_login(app);
    let gone =
        app.store.add_login(user.id, &login, app.config.limits.logins_per_account, app.now_ms()).await?;
    for login in gone {
        app.sessions.end_login(login);
    }
    Ok(SignedIn { token, user })
}

/// Whose token this is, if it is anybody's.
///
/// # Errors
/// When the store fails.
pub async fn authenticate(app: &App, token: &str) -> Result<Option<SignedInAs>, StoreError> {
    /// How exact [`voicehall_protocol::rest::Login::used_at`] is.
    const USED_AT_MS: u64 = 60_000;
    let Some((login, user)) = app.store.login(&token_hash(token)).await? else { return Ok(None) };
    let now = app.now_ms();
    if now >= login.used_at + USED_AT_MS {
        app.store.touch_login(login.id, now).await?;
    }
    Ok(Some(SignedInAs { user, login: login.id }))
}

/// Takes a signed-in account into the invite's guild.
///
/// # Errors
/// See [`AccountError`].
pub async fn accept_invite(app: &App, user: &User, invite: &str) -> Result<GuildId, AccountError> {
    let redeemed = app.store.accept_invite(user.id, invite, app.now_ms()).await?;
    enter(app, user, redeemed).await?;
    Ok(redeemed.guild)
}

async fn create(app: &App, account: NewAccount, invite: &str) -> Result<SignedIn, AccountError> {
    let (token, login) = fresh_login(app);
    let redeemed = app.store.add_account(&account, &login, invite, app.now_ms()).await?;
    enter(app, &account.user, redeemed).await?;
    Ok(SignedIn { token, user: account.user })
}

/// Brings a membership that the store already has to the guild that is running.
async fn enter(app: &App, user: &User, redeemed: Redeemed) -> Result<(), AccountError> {
    let guild = app.guilds.get(redeemed.guild).ok_or(StoreError::InviteInvalid)?;
    let join = Command::Join { user: user.clone(), owner: redeemed.owner };
    guild.apply(join).await.map_err(JoinFailure::from)?;
    Ok(())
}

fn fresh_login(app: &App) -> (Token, NewLogin) {
    let token = new_token();
    let login = NewLogin { id: LoginId(app.ids.next()), token_hash: token_hash(&token.0) };
    (token, login)
}
