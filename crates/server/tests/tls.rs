//! The server with a certificate of its own: what a browser needs before it gives the microphone.

mod rig;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};
use voicehall_protocol::gateway::ServerMessage;
use voicehall_server::config::Config;

/// Writes a certificate for `localhost` and its key, and sets the server up with them.
fn certify(folder: &std::path::Path) -> (impl FnOnce(&mut Config), CertificateDer<'static>) {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let trusted = CertificateDer::from_pem_slice(own.cert.pem().as_bytes()).unwrap();
    let tune = move |config: &mut Config| {
        config.http.tls_certificate = Some(certificate);
        config.http.tls_key = Some(key);
    };
    (tune, trusted)
}

#[tokio::test]
async fn http_and_the_gateway_are_reached_through_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (tune, certificate) = certify(folder.path());
    let rig = rig::start_with(tune).await;
    let port = rig.server.http_address().port();

    let trusting = reqwest::Client::builder()
        .tls_certs_merge([reqwest::Certificate::from_der(&certificate).unwrap()])
        .build()
        .unwrap();
    let health = trusting.get(format!("https://localhost:{port}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let stranger = reqwest::Client::new().get(format!("https://localhost:{port}/healthz")).send().await;
    assert!(stranger.unwrap_err().is_connect(), "whoever does not trust the certificate stays out");
    assert!(reqwest::get(rig.url("/healthz")).await.is_err(), "nothing is served in the clear");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = Some(Connector::Rustls(Arc::new(tls)));
    let url = format!("wss://localhost:{port}/gateway");
    let (mut gateway, _) = connect_async_tls_with_config(url, None, true, connector).await.unwrap();
    use futures_util::StreamExt as _;
    let Some(Ok(Message::Text(hello))) = gateway.next().await else { panic!("the gateway is silent") };
    assert!(matches!(serde_json::from_str(&hello), Ok(ServerMessage::Hello { .. })), "{hello}");
}

#[tokio::test]
async fn a_certificate_that_is_none_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (tune, _) = certify(folder.path());
    let mut config = rig::config();
    tune(&mut config);
    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let data = tempfile::tempdir().unwrap();
    let Err(error) = voicehall_server::Server::start(config, data.path()).await else {
        panic!("a server without a key starts")
    };
    let said = error.to_string();
    assert!(said.contains("`http.tls_key`"), "{said}");
}
