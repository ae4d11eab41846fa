//! Whether the desktop shows tray icons. Windows and macOS always do; on Linux a panel does that
//! follows the StatusNotifier specification, and it may come late, go, or never be there.

/// Calls back with whether there is such a panel, now and whenever that changes.
#[cfg(target_os = "linux")]
pub fn watch(changed: impl Fn(bool) + Send + Sync + 'static) {
    tauri::async_runtime::spawn(async move {
        if let Err(error) = bus::watch(&changed).await {
            tracing::info!(%error, "no tray: the session bus says nothing of one");
            changed(false);
        }
    });
}

/// Calls back once: there is one.
#[cfg(not(target_os = "linux"))]
pub fn watch(changed: impl Fn(bool) + Send + Sync + 'static) {
    changed(true);
}

#[cfg(target_os = "linux")]
mod bus {
    use futures_util::StreamExt;
    use zbus::fdo::DBusProxy;
    use zbus::{Connection, Proxy, Result, proxy::CacheProperties};

    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    const PATH: &str = "/StatusNotifierWatcher";

    /// Returns when the bus is gone.
    pub async fn watch(changed: &(impl Fn(bool) + Sync)) -> Result<()> {
        let connection = Connection::session().await?;
        let bus = DBusProxy::new(&connection).await?;
        let watcher: Proxy<'_> = zbus::proxy::Builder::new(&connection)
            .destination(WATCHER)?
            .path(PATH)?
            .interface(WATCHER)?
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        let owners = bus.receive_name_owner_changed_with_args(&[(0, WATCHER)]).await?.map(drop);
        let panels = watcher.receive_all_signals().await?.map(drop);
        let mut occasions = futures_util::stream::select(owners, panels);
        loop {
            let owned = bus.name_has_owner(WATCHER.try_into()?).await?;
            // Some panels do not tell; that there is a watcher at all then has to do.
            let shown = watcher.get_property::<bool>("IsStatusNotifierHostRegistered").await;
            changed(owned && shown.unwrap_or(owned));
            if occasions.next().await.is_none() {
                return Ok(());
            }
        }
    }
}
