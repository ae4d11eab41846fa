//! The TCP port: HTTP, with TLS where configured, with a bound on connections and on how long
//! a request may take to arrive.

use super::router;
use crate::app::App;
use crate::config;
use axum_server::Handle;
use axum_server::accept::{Accept, NoDelayAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

/// How long a client may take to send a request's head, or leave a connection idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a TLS handshake may take.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests that are being answered may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The port while it listens.
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    handle: Handle<SocketAddr>,
    serving: JoinHandle<io::Result<()>>,
}

/// Binds the port and serves it.
///
/// # Errors
/// When the port cannot be served.
pub async fn listen(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
) -> io::Result<Listening> {
    let address = listener.local_addr()?;
    let http = &app.config.http;
    let limit = LimitAcceptor { places: Arc::new(Semaphore::new(http.connections_max)) };
    let handle = Handle::new();
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    let mut server =
        axum_server::from_tcp(listener)?.handle(handle.clone()).first_request_timeout(HEAD_TIMEOUT);
    server.http_builder().http1().timer(hyper_util::rt::TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let serving = match tls {
        Some(config) => {
            let acceptor = RustlsAcceptor::new(config).handshake_timeout(TLS_TIMEOUT).acceptor(limit);
            tokio::spawn(server.acceptor(acceptor).serve(service))
        }
        None => tokio::spawn(server.acceptor(limit).serve(service)),
    };
    Ok(Listening { address, handle, serving })
}

impl Listening {
    /// Takes no further connections, and returns when those there are have ended.
    pub async fn stop(self) {
        self.handle.graceful_shutdown(Some(STOP_TIMEOUT));
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "serving HTTP failed"),
            Err(error) => tracing::error!(%error, "serving HTTP failed"),
        }
    }
}

/// The certificate and key that the configuration names, if it does.
///
/// # Errors
/// When one of the files cannot be read, or the two do not make a pair.
pub async fn tls_config(http: &config::Http) -> io::Result<Option<RustlsConfig>> {
    let (Some(certificate), Some(key)) = (&http.tls_certificate, &http.tls_key) else { return Ok(None) };
    // More than one provider is in the program, so which one has to be said.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = RustlsConfig::from_pem_file(certificate, key).await?;
    let mut rustls = (*config.get_inner()).clone();
    // WebSockets as we speak them are HTTP/1.1.
    rustls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(RustlsConfig::from_config(Arc::new(rustls))))
}

/// Closes connections for which there is no place, before anything is read.
#[derive(Clone)]
struct LimitAcceptor {
    places: Arc<Semaphore>,
}

impl<S: Send + 'static> Accept<TcpStream, S> for LimitAcceptor {
    type Stream = Placed;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Placed, S)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let place = Arc::clone(&self.places).try_acquire_owned();
        Box::pin(async move {
            let place = place.map_err(|_| io::Error::other("too many connections"))?;
            let (stream, service) = NoDelayAcceptor::new().accept(stream, service).await?;
            Ok((Placed { stream, _place: place }, service))
        })
    }
}

/// A connection and its place among those allowed.
struct Placed {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
