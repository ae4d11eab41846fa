//! What every backend of [`Store`] has to do.

use super::*;
use voicehall_guild::{Command, Moderation, TemplateIds, from_template};
use voicehall_protocol::gateway::ModerateAction;
use voicehall_protocol::ids::{RoleId, VoiceSessionId};
use voicehall_protocol::rtp::{SourceId, SourceKind};

const GUILD: GuildId = GuildId(1);
const VOICE: ChannelId = ChannelId(3);
const TEXT: ChannelId = ChannelId(4);
const NOW: u64 = 1_000_000;

#[tokio::test]
async fn sqlite_does_what_a_store_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.sqlite");
    let open = || async { SqliteStore::open(&path).await.unwrap() };
    secrets_and_counters_stay(open).await;
    let store = open().await;
    store.add_guild(&guild()).await.unwrap();
    invites_are_used(&store).await;
    names_are_unique(&store).await;
    logins_come_and_go(&store).await;
    messages_come_in_pages(&store).await;
    store.close().await;
    guilds_come_back_as_they_were(open).await;
}

fn guild() -> Guild {
    let ids = TemplateIds { guild: GUILD, everyone: RoleId(2), voice: VOICE, text: TEXT };
    from_template("Test".to_owned(), ids)
}

fn account(id: u64, name: &str, password: bool) -> NewAccount {
    let user = User { id: UserId(id), name: name.to_owned(), guest: !password };
    NewAccount { user, credentials: password.then(|| (name.to_lowercase(), format!("hash of {name}"))) }
}

fn login(id: u8) -> NewLogin {
    NewLogin { id: LoginId(id.into()), token_hash: [id; 32] }
}

fn invite(code: &str, owner: bool, uses_left: Option<u32>, expires_at: Option<u64>) -> StoredInvite {
    StoredInvite { code: code.to_owned(), guild: GUILD, owner, uses_left, expires_at }
}

async fn secrets_and_counters_stay<S: Store>(open: impl AsyncFn() -> S) {
    let store = open().await;
    store.ping().await.unwrap();
    assert_eq!(store.secret("key", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.count("epoch").await.unwrap(), 1);
    store.close().await;
    let store = open().await;
    assert_eq!(store.secret("key", [2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("other", [3; 32]).await.unwrap(), [3; 32]);
    assert_eq!(store.count("epoch").await.unwrap(), 2);
    assert_eq!(store.count("other").await.unwrap(), 1);
    store.close().await;
}

async fn invites_are_used(store: &dyn Store) {
    for made in [
        invite("once", true, Some(1), None),
        invite("open", false, None, None),
        invite("late", false, None, Some(NOW)),
    ] {
        store.add_invite(&made).await.unwrap();
    }
    assert_eq!(store.invite("once", NOW).await.unwrap(), Some(invite("once", true, Some(1), None)));
    let owner = store.add_account(&account(10, "Owner", true), &login(1), "once", NOW).await.unwrap();
    assert_eq!(owner, Redeemed { guild: GUILD, owner: true });
    for code in ["once", "late", "none"] {
        assert_eq!(store.invite(code, NOW).await.unwrap(), None, "{code}");
        let refused = store.add_account(&account(11, "Ann", true), &login(2), code, NOW).await;
        assert!(matches!(refused, Err(StoreError::InviteInvalid)), "{code}");
    }
    // Nothing of a refused account stays behind.
    assert_eq!(store.credentials("ann").await.unwrap(), None);
    assert_eq!(store.login(&[2; 32]).await.unwrap(), None);
    store.sweep_invites(NOW).await.unwrap();
    assert!(store.invite("open", NOW).await.unwrap().is_some());
    assert_eq!(store.guilds_of(UserId(10)).await.unwrap(), [GUILD]);
    assert_eq!(store.guilds_of(UserId(11)).await.unwrap(), []);
}

async fn names_are_unique(store: &dyn Store) {
    store.add_invite(&invite("two", false, Some(2), None)).await.unwrap();
    let taken = store.add_account(&account(12, "OWNER", true), &login(3), "two", NOW).await;
    assert!(matches!(taken, Err(StoreError::NameTaken)));
    assert_eq!(store.invite("two", NOW).await.unwrap().unwrap().uses_left, Some(2), "given back");
    store.add_account(&account(13, "Owner", false), &login(3), "two", NOW).await.unwrap();
    assert_eq!(store.credentials("owner").await.unwrap().unwrap().0.id, UserId(10), "guests do not count");
    // A member gains nothing by the same invite, and uses nothing up.
    store.accept_invite(UserId(13), "two", NOW).await.unwrap();
    assert_eq!(store.invite("two", NOW).await.unwrap().unwrap().uses_left, Some(1));
}

async fn logins_come_and_go(store: &dyn Store) {
    let user = UserId(10);
    let (found, who) = store.login(&[1; 32]).await.unwrap().unwrap();
    assert_eq!((found.used_at, who.id, who.guest), (NOW, user, false));
    store.touch_login(LoginId(1), NOW + 5).await.unwrap();
    assert_eq!(store.add_login(user, &login(4), 2, NOW + 3).await.unwrap(), []);
    assert_eq!(store.add_login(user, &login(5), 2, NOW + 6).await.unwrap(), [LoginId(4)], "longest unused");
    let ids: Vec<_> = store.logins(user).await.unwrap().into_iter().map(|login| login.id.0).collect();
    assert_eq!(ids, [1, 5]);
    assert!(!store.remove_login(UserId(13), LoginId(5)).await.unwrap(), "another's");
    assert!(store.remove_login(user, LoginId(5)).await.unwrap());
    assert_eq!(store.login(&[5; 32]).await.unwrap(), None);
}

async fn messages_come_in_pages(store: &dyn Store) {
    let message = |id: u64| Message {
        id: MessageId(id),
        channel: TEXT,
        author: UserId(10),
        text: format!("text {id}"),
        sent_at: NOW + id,
    };
    for id in 1..=5 {
        store.add_message(&message(id)).await.unwrap();
    }
    let page = |before, limit| store.messages(TEXT, before, limit);
    assert_eq!(page(None, 2).await.unwrap(), [message(4), message(5)]);
    assert_eq!(page(Some(MessageId(4)), 2).await.unwrap(), [message(2), message(3)]);
    assert_eq!(page(Some(MessageId(u64::MAX)), 9).await.unwrap().len(), 5);
    assert_eq!(page(Some(MessageId(1)), 9).await.unwrap(), []);
    assert_eq!(store.messages(VOICE, None, 9).await.unwrap(), []);
}

async fn guilds_come_back_as_they_were<S: Store>(open: impl AsyncFn() -> S) {
    let store = open().await;
    let mut guild = store.guilds().await.unwrap().remove(0);
    assert_eq!(guild.owner(), Some(UserId(10)));
    assert_eq!(guild.snapshot().members.len(), 2);
    let owner = UserId(10);
    let open_voice = Command::VoiceOpen {
        user: UserId(13),
        channel: VOICE,
        session: VoiceSessionId(1),
        source: SourceId::new(1, SourceKind::Microphone),
        self_mute: false,
        self_deaf: false,
    };
    let kind = voicehall_protocol::model::ChannelKind::Text;
    for command in [
        open_voice,
        Command::VoiceModerate { by: owner, user: UserId(13), action: ModerateAction::Deafen },
        Command::VoiceModerate { by: owner, user: UserId(13), action: ModerateAction::BarVideo },
        Command::Rename { by: owner, name: "Renamed".to_owned() },
        Command::CreateChannel { by: owner, id: ChannelId(20), name: "new".to_owned(), kind },
        Command::DeleteChannel { by: owner, channel: TEXT },
    ] {
        let steps = guild.apply(command).unwrap();
        store.commit(GUILD, &steps).await.unwrap();
    }
    store.close().await;
    let store = open().await;
    let again = store.guilds().await.unwrap().remove(0);
    assert_eq!(again.snapshot().name, "Renamed");
    assert_eq!(again.snapshot().channels, guild.snapshot().channels);
    assert_eq!(again.snapshot().members, guild.snapshot().members);
    let moderation = Moderation { mute: false, deaf: true, video_barred: true };
    assert_eq!((again.moderation(UserId(13)), guild.moderation(UserId(13))), (moderation, moderation));
    assert!(again.snapshot().voice_states.is_empty());
    assert_eq!(store.messages(TEXT, None, 9).await.unwrap(), [], "they went with their channel");
    store.close().await;
}
