//! A feed of new versions, as `docs/updates.md` has it: served on loopback, signed with a key of its
//! own.

use crate::wait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign::{KeyPair, PublicKeyBox};
use serde_json::json;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// A feed; it is served until the test ends.
#[derive(Debug)]
pub struct Feed {
    port: u16,
    public: PublicKeyBox,
    served: Arc<Mutex<Served>>,
}

/// What is served, and how.
#[derive(Debug, Default)]
struct Served {
    /// At `/feed.json`.
    feed: Vec<u8>,
    /// At `/update`.
    update: Vec<u8>,
    /// The connection ends in the middle of the update.
    cut: bool,
    /// The second half of the update is held back.
    held: bool,
}

/// Signs what is published, for the feed that it belongs to or for another.
pub struct Signer(KeyPair);

impl Signer {
    /// With a new key.
    pub fn new() -> Self {
        Self(KeyPair::generate_unencrypted_keypair().expect("keys can be made"))
    }

    fn sign(&self, content: &[u8], version: &str) -> String {
        let comment = format!("timestamp:0\tfile:update\tversion:{version}");
        let signed = minisign::sign(None, &self.0.sk, Cursor::new(content), Some(&comment), None);
        STANDARD.encode(signed.expect("it can be signed").to_string())
    }
}

impl Default for Signer {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// Serves a feed that has nothing yet, for programs that trust this signer.
    pub fn serve(signer: &Signer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let served = Arc::<Mutex<Served>>::default();
        let serving = served.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines();
                let Some(Ok(request)) = lines.next() else { continue };
                // The rest of the request, for a connection that is closed over it is reset.
                let _ = lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
                // Whoever asked may have gone.
                let _ = answer(&mut stream, request.contains("/update"), &serving);
            }
        });
        Self { port, public: signer.0.pk.to_box().expect("a key can be written"), served }
    }

    /// What an app finds it by.
    pub fn variables(&self) -> [(String, String); 2] {
        let feed = format!("http://127.0.0.1:{}/feed.json", self.port);
        let key = STANDARD.encode(self.public.to_string());
        [("VOICEHALL_UPDATE_FEED".to_owned(), feed), ("VOICEHALL_UPDATE_KEY".to_owned(), key)]
    }

    /// Offers a program as `version`, signed by somebody as `signed`.
    pub fn publish(&self, version: &str, program: &[u8], signer: &Signer, signed: &str) {
        let platform = format!("linux-{}", std::env::consts::ARCH);
        let url = format!("http://127.0.0.1:{}/update", self.port);
        let release = json!({
            "version": version,
            "notes": format!("What is new in {version}"),
            "platforms": { platform: { "url": url, "signature": signer.sign(program, signed) } },
        });
        let mut served = self.served();
        served.feed = release.to_string().into_bytes();
        served.update = program.to_vec();
    }

    /// Says this in place of what there is.
    pub fn say(&self, text: &str) {
        self.served().feed = text.as_bytes().to_vec();
    }

    /// Whether connections end in the middle of an update.
    pub fn cut(&self, cut: bool) {
        self.served().cut = cut;
    }

    /// Whether the second half of an update is held back.
    pub fn hold(&self, held: bool) {
        self.served().held = held;
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().expect("no holder panics")
    }
}

fn answer(stream: &mut TcpStream, update: bool, served: &Mutex<Served>) -> std::io::Result<()> {
    let (body, cut) = {
        let served = served.lock().expect("no holder panics");
        let body = if update { &served.update } else { &served.feed };
        (body.clone(), served.cut)
    };
    let status = if body.is_empty() { "204 No Content" } else { "200 OK" };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    if !update {
        return stream.write_all(&body);
    }
    let (first, second) = body.split_at(body.len() / 2);
    stream.write_all(first)?;
    wait::until("the update may go on", || {
        let served = served.lock().expect("no holder panics");
        (!served.held).then_some(())
    });
    if cut { Ok(()) } else { stream.write_all(second) }
}
