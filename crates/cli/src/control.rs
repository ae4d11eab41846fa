//! Leads the desktop app through its control socket (`docs/control.md`).

use crate::arguments::{Ctl, Order, Switch, TalkKey};
use crate::error::Failure;
use std::io::{Error, ErrorKind, Result as IoResult};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use voicehall_protocol::control::{Answer, LINE_BYTES_MAX, Phase, Reason, Request, Status};

/// Does what was asked for and says how the app then stands, on standard output.
///
/// # Errors
/// [`Failure::NoApp`] when no app listens, [`Failure::OrderRefused`] when it does not do it.
pub async fn control(ctl: &Ctl) -> Result<(), Failure> {
    let answer = async { ask(connect().await?, &request(&ctl.order)).await };
    match answer.await.map_err(|error| Failure::NoApp(error.to_string()))? {
        Answer::Done { status } if ctl.json => {
            println!("{}", serde_json::to_string(&status).expect("a status is JSON"));
            Ok(())
        }
        Answer::Done { status } => {
            println!("{}", words(&status));
            Ok(())
        }
        Answer::Failed { reason } => Err(Failure::OrderRefused(reason)),
    }
}

#[cfg(unix)]
async fn connect() -> IoResult<tokio::net::UnixStream> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .ok_or_else(|| Error::new(ErrorKind::NotFound, "XDG_RUNTIME_DIR is not set"))?;
    let path = std::path::PathBuf::from(runtime).join(voicehall_protocol::control::SOCKET);
    let connected = tokio::net::UnixStream::connect(&path).await;
    connected.map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(windows)]
async fn connect() -> IoResult<tokio::net::windows::named_pipe::NamedPipeClient> {
    let user = std::env::var("USERNAME").unwrap_or_default();
    let name = voicehall_protocol::control::pipe_name(&user);
    let opened = tokio::net::windows::named_pipe::ClientOptions::new().open(&name);
    opened.map_err(|error| Error::new(error.kind(), format!("{name}: {error}")))
}

fn request(order: &Order) -> Request {
    let wish = |on: &Option<Switch>| on.map(|on| on == Switch::On);
    match order {
        Order::Mute { on } => Request::Mute { on: wish(on) },
        Order::Deafen { on } => Request::Deafen { on: wish(on) },
        Order::Join { channel, guild } => Request::Join { channel: channel.clone(), guild: guild.clone() },
        Order::Leave => Request::Leave {},
        Order::Ptt { key } => Request::Ptt { down: *key == TalkKey::Down },
        Order::Override { on } => Request::Override { on: wish(on) },
        Order::Status => Request::Status {},
        Order::Show => Request::Show {},
    }
}

async fn ask(stream: impl AsyncRead + AsyncWrite, request: &Request) -> IoResult<Answer> {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut line = serde_json::to_vec(request).expect("a request is JSON");
    line.push(b'\n');
    writer.write_all(&line).await?;
    let mut answer = Vec::new();
    let mut reader = BufReader::new(reader).take(LINE_BYTES_MAX as u64);
    if reader.read_until(b'\n', &mut answer).await? == 0 {
        return Err(Error::new(ErrorKind::UnexpectedEof, "the app ended before it answered"));
    }
    // What this program does not know, a newer app says.
    Ok(serde_json::from_slice(&answer).unwrap_or(Answer::Failed { reason: Reason::Malformed }))
}

fn words(status: &Status) -> String {
    let call = match status.call {
        Phase::Idle => "not in a call",
        Phase::Joining => "joining",
        Phase::Connected => "in",
        Phase::Reconnecting => "reconnecting to",
        Phase::Failed => "thrown out of",
    };
    let place = match (&status.channel, &status.guild) {
        (Some(channel), Some(guild)) if status.call != Phase::Idle => format!(" {channel} of {guild}"),
        _ => String::new(),
    };
    let own = match (status.muted, status.deafened) {
        (_, true) => ", deafened",
        (true, false) => ", muted",
        (false, false) => "",
    };
    let kept_open = if status.talk_override { ", microphone kept open" } else { "" };
    format!("{call}{place}{own}{kept_open}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(call: Phase, muted: bool, deafened: bool) -> Status {
        let (guild, channel) = (Some("Club".to_owned()), Some("Lobby".to_owned()));
        Status { call, guild, channel, muted, deafened, talk_override: false }
    }

    #[test]
    fn people_are_told_in_words() {
        assert_eq!(words(&status(Phase::Connected, true, false)), "in Lobby of Club, muted");
        assert_eq!(
            words(&status(Phase::Reconnecting, false, true)),
            "reconnecting to Lobby of Club, deafened"
        );
        assert_eq!(words(&status(Phase::Idle, false, false)), "not in a call");
        let kept_open = Status { talk_override: true, ..status(Phase::Connected, true, false) };
        assert_eq!(words(&kept_open), "in Lobby of Club, muted, microphone kept open");
    }

    #[tokio::test]
    async fn an_app_that_ends_gives_an_error_and_no_answer() {
        let (near, far) = tokio::io::duplex(4096);
        let app = tokio::spawn(async move {
            let mut line = String::new();
            BufReader::new(far).read_line(&mut line).await.unwrap();
            line
        });
        let error = ask(near, &Request::Mute { on: Some(true) }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(app.await.unwrap(), "{\"command\":\"mute\",\"on\":true}\n");
    }
}
