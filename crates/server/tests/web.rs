//! The web client as browsers get it, and what only operators see.

mod rig;

#[tokio::test]
async fn the_client_is_served_with_its_protection() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("index.html"), "<!doctype html>start").unwrap();
    std::fs::write(folder.path().join("assets/app-1a2b.js"), "run()").unwrap();
    std::fs::write(folder.path().parent().unwrap().join("secret.txt"), "secret").unwrap();
    let root = folder.path().to_owned();
    let rig = rig::start_with(|config| config.http.web_root = Some(root)).await;
    let get = |path: &str| rig.http.get(rig.url(path)).send();

    for path in ["/", "/join/CODE", "/index.html"] {
        let page = get(path).await.unwrap();
        let headers = page.headers();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert_eq!(headers["cache-control"], "no-cache");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("script-src 'self' 'wasm-unsafe-eval';")
        );
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(page.text().await.unwrap(), "<!doctype html>start");
    }
    let script = get("/assets/app-1a2b.js").await.unwrap();
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    assert!(script.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    for path in ["/assets/missing.js", "/%2e%2e/secret.txt", "/..%2fsecret.txt"] {
        let status = get(path).await.unwrap().status();
        assert_eq!(status, 404, "{path}");
    }
    let answer = get("/api/server").await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn metrics_are_for_this_machine_unless_public() {
    for (public, proxied, status) in [(false, false, 200), (false, true, 404), (true, true, 200)] {
        let rig = rig::start_with(|config| config.metrics.public = public).await;
        let request = rig.http.get(rig.url("/metrics"));
        let request = if proxied { request.header("x-forwarded-for", "203.0.113.9") } else { request };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        if status == 200 {
            let text = response.text().await.unwrap();
            assert!(text.contains("\nvoicehall_gateway_sessions 0\n"), "{text}");
            assert!(text.contains("voicehall_shard_voice_forwarded_total{shard=\"0\"} 0"), "{text}");
        }
    }
}
