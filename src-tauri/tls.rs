//! How the shell trusts servers: one TLS configuration for REST calls and the gateway's socket.
//!
//! Certificates are checked against the operating system's roots. A server with a self-signed
//! certificate is refused today; the plan for it is trust on first use: a
//! [`rustls::client::danger::ServerCertVerifier`] put here, which keeps the key's SHA-256 beside
//! the credentials after the person confirmed it, and refuses any other from then on. That is why
//! both doors get their configuration from this one place.

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;

/// The configuration that every connection to a server uses.
///
/// # Errors
/// When the operating system's roots cannot be read.
pub fn client_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    // Named, not left to rustls's default: several libraries of the app bring a provider each,
    // and rustls panics when it has to choose.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_platform_verifier()?;
    Ok(Arc::new(config.with_no_client_auth()))
}
