//! The web client, from inside the binary or from a folder, and the headers that protect it.

use crate::app::App;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;
use std::path::{Component, Path};
use std::sync::Arc;

/// The built client. In debug builds it is read from the folder at run time.
#[derive(Embed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Client;

/// The page that starts the client, whatever the path: it finds its own way.
const START: &str = "index.html";

/// Everything the client needs comes from this server; nothing runs that is not a file of its own.
/// Static `style` attributes are let through, because components have them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; \
    media-src 'self' blob: mediastream:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // An invite's code stands in the path, and is nobody else's business.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "microphone=(self), camera=(self), display-capture=(self), autoplay=(self), geolocation=()",
    ),
];

/// Puts the protecting headers on every answer.
pub(super) async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a call answers is for its caller alone.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Any path that is no call: a file of the client, or its start page.
pub(super) async fn serve(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let file = match &app.config.http.web_root {
        Some(root) => from_folder(root, path).await,
        None => Client::get(path).map(embedded),
    };
    if let Some(file) = file {
        return answer(path, file, &headers);
    }
    // A path with a dot is a file that is missing; any other is a place within the client.
    if path.rsplit('/').next().is_some_and(|name| name.contains('.')) {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    }
    let start = match &app.config.http.web_root {
        Some(root) => from_folder(root, START).await,
        None => Client::get(START).map(embedded),
    };
    match start {
        Some(file) => answer(START, file, &headers),
        None => (StatusCode::OK, Html(NO_CLIENT)).into_response(),
    }
}

struct File {
    data: Cow<'static, [u8]>,
    etag: Option<String>,
}

fn embedded(file: EmbeddedFile) -> File {
    let hash = file.metadata.sha256_hash();
    let etag = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    File { data: file.data, etag: Some(format!("\"{etag}\"")) }
}

async fn from_folder(root: &Path, path: &str) -> Option<File> {
    let path = Path::new(path);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let data = if plain { tokio::fs::read(root.join(path)).await.ok()? } else { return None };
    Some(File { data: data.into(), etag: None })
}

fn answer(path: &str, file: File, request: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    // The build puts a hash into the names of these, so a name never changes its content.
    let forever = path.starts_with("assets/");
    let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Some(etag) = file.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
        let known = request.get(header::IF_NONE_MATCH) == Some(&etag);
        headers.insert(header::ETAG, etag);
        if known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    (headers, file.data.into_owned()).into_response()
}

/// The types of files that a build of the client can have.
fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}

const NO_CLIENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Voicehall</title>\
    <h1>Voicehall</h1><p>This server was built without the web client. Build the client with \
    <code>npm ci &amp;&amp; npm run build</code>, then build the server again, or set \
    <code>http.web_root</code> to the folder <code>ui/dist</code>. The desktop app works without it.</p>";
