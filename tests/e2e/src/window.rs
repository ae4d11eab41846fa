//! What people do in a window, app or browser: both show the same user interface, and its handles
//! (`data-testid`) are the only thing known of it here.

use crate::wait;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

/// A person at a window.
#[derive(Debug)]
pub struct Window {
    client: Client,
}

impl Window {
    /// A window that a WebDriver opened.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The WebDriver session.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Comes in for the first time: by a link that the window was not opened with, and a name.
    pub async fn come_in(&self, link: &str, name: &str) {
        self.type_into("invite-link", link).await;
        self.come_in_as(name).await;
    }

    /// Comes in for the first time, where the window shows an invite already.
    pub async fn come_in_as(&self, name: &str) {
        self.type_into("join-name", name).await;
        self.click(&test_id("join-submit")).await;
        self.see(&test_id("main")).await;
    }

    /// Joins a voice channel and waits until media flows.
    pub async fn enter(&self, channel: &str) {
        self.click(&format!("{}[data-kind=voice][data-name='{channel}']", test_id("channel"))).await;
        self.see_voice_state("connected").await;
    }

    /// Waits until the call is in this state: `idle`, `joining`, `connected`, `reconnecting`,
    /// `failed`.
    pub async fn see_voice_state(&self, state: &str) {
        self.see(&format!("{}[data-voice-state={state}]", test_id("dock"))).await;
    }

    /// Clicks what has this handle.
    pub async fn press(&self, handle: &str) {
        self.click(&test_id(handle)).await;
    }

    /// Waits until somebody's tile in the channel is shown with this attribute, as
    /// `speaking=true`.
    pub async fn see_person(&self, name: &str, attribute: &str) {
        self.see(&format!("{}[data-user='{name}'][data-{attribute}]", test_id("person"))).await;
    }

    /// Waits until somebody is no longer in the channel.
    pub async fn see_gone(&self, name: &str) {
        self.see_none(&format!("{}[data-user='{name}']", test_id("person"))).await;
    }

    /// Sets how loud one hears somebody: 1 is as it came.
    pub async fn set_volume(&self, name: &str, volume: f32) {
        self.click(&format!("{}[data-user='{name}']", test_id("person"))).await;
        self.slide("volume", volume).await;
        self.client.active_element().await.expect("a slider").send_keys("\u{e00c}").await.expect("Escape");
        self.see_none(&test_id("person-popover")).await;
    }

    /// Chooses devices by the names that people see.
    pub async fn choose_devices(&self, microphone: &str, speaker: &str) {
        self.open_voice_settings().await;
        for (handle, device) in [("input-device", microphone), ("output-device", speaker)] {
            self.choose(handle, device).await;
        }
        self.close_settings().await;
    }

    /// Chooses devices, and switches everything off that changes
    /// sound: echo cancellation, noise suppression, automatic gain, the gate, levelling, the app's sounds.
    pub async fn sound_as_it_is(&self, microphone: &str, speaker: &str) {
        self.choose_devices(microphone, speaker).await;
        self.open_voice_settings().await;
        for handle in ["echo", "noise", "gain", "levelling"] {
            self.switch_off(handle).await;
        }
        for choice in ["off", "open"].map(choice) {
            if self.exists(&choice).await {
                self.click(&choice).await;
            }
        }
        for sound in ["sound-join", "sound-leave", "sound-mute"] {
            self.slide(sound, 0.0).await;
        }
        self.close_settings().await;
    }

    /// Chooses when one is heard (`voice`, `pushToTalk`, `pushToMute`, `toggle`, `open`), and records
    /// keys for talking: `press` presses each of `presses`.
    pub async fn talk_by<T: Copy>(&self, mode: &str, presses: &[T], press: impl Fn(T)) {
        self.open_voice_settings().await;
        self.click(&choice(mode)).await;
        self.record_keys("talk", presses, press).await;
        self.close_settings().await;
    }

    /// Records keys for an action that has none yet: `press` presses each of `presses`.
    pub async fn bind<T: Copy>(&self, action: &str, presses: &[T], press: impl Fn(T)) {
        self.open_voice_settings().await;
        self.record_keys(action, presses, press).await;
        self.close_settings().await;
    }

    async fn record_keys<T: Copy>(&self, action: &str, presses: &[T], press: impl Fn(T)) {
        let here = test_id(&format!("keys-{action}"));
        for (before, what) in presses.iter().enumerate() {
            self.click(&format!("{here} {}", test_id("key-add"))).await;
            self.see(&test_id("key-recorder")).await;
            let binding = format!("{here} {}", test_id("key-binding"));
            wait::until_async("the keys are recorded", || async {
                // Again while the engine was not listening yet.
                press(*what);
                let found = self.client.find_all(Locator::Css(&binding)).await.ok()?;
                (found.len() == before + 1).then_some(())
            })
            .await;
        }
    }

    /// Switches 10 ms packets on or off (the app has the choice, a browser has not).
    pub async fn set_low_latency(&self, on: bool) {
        self.open_voice_settings().await;
        let switch = self.see(&test_id("low-latency")).await;
        if switch.is_selected().await.expect("a switch") != on {
            switch.click().await.expect("it can be clicked");
        }
        self.close_settings().await;
    }

    /// Text of what has this handle, once it is there.
    pub async fn text(&self, handle: &str) -> String {
        self.see(&test_id(handle)).await.text().await.expect("it has text")
    }

    /// Waits for an element and returns it.
    pub async fn see(&self, css: &str) -> fantoccini::elements::Element {
        wait::until_async(&format!("{css} is shown"), || async {
            self.client.find(Locator::Css(css)).await.ok()
        })
        .await
    }

    /// Runs a script in the page and returns what it returns.
    pub async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.expect("the script runs")
    }

    async fn see_none(&self, css: &str) {
        wait::until_async(&format!("{css} is gone"), || async { (!self.exists(css).await).then_some(()) })
            .await;
    }

    async fn exists(&self, css: &str) -> bool {
        !self.client.find_all(Locator::Css(css)).await.expect("the window answers").is_empty()
    }

    /// Clicks an element once it is there; again when it was replaced just then.
    async fn click(&self, css: &str) {
        wait::until_async(&format!("{css} can be clicked"), || async {
            self.client.find(Locator::Css(css)).await.ok()?.click().await.ok()
        })
        .await;
    }

    async fn type_into(&self, handle: &str, text: &str) {
        let field = self.see(&test_id(handle)).await;
        field.send_keys(text).await.expect("a field takes text");
    }

    async fn open_voice_settings(&self) {
        self.press("settings-open").await;
        self.press("settings-voice").await;
        self.see(&test_id("input-device")).await;
    }

    /// Closes the settings.
    pub async fn close_settings(&self) {
        let page = self.see("body").await;
        page.send_keys("\u{e00c}").await.expect("Escape");
        self.see_none(&test_id("settings")).await;
    }

    /// Chooses the first option of a list that names this device: browsers add words to names.
    async fn choose(&self, handle: &str, name: &str) {
        let css = test_id(handle);
        wait::until_async(&format!("{handle} offers {name}"), || async {
            let choose = "const list = document.querySelector(arguments[0]);
                const option = [...(list?.options ?? [])].find((one) => one.text.includes(arguments[1]));
                if (!option) return false;
                list.value = option.value;
                list.dispatchEvent(new Event('change', { bubbles: true }));
                return true;";
            let chosen = self.script(choose, vec![json!(css), json!(name)]).await;
            (chosen == json!(true)).then_some(())
        })
        .await;
    }

    async fn switch_off(&self, handle: &str) {
        let css = format!("input{}", test_id(handle));
        if !self.exists(&css).await {
            return;
        }
        let switch = self.see(&css).await;
        if switch.is_selected().await.expect("a switch") {
            switch.click().await.expect("it can be clicked");
        }
    }

    async fn slide(&self, handle: &str, value: f32) {
        self.see(&test_id(handle)).await;
        let slide = "const slider = document.querySelector(arguments[0]);
            slider.focus();
            slider.value = arguments[1];
            slider.dispatchEvent(new Event('input', { bubbles: true }));
            slider.dispatchEvent(new Event('change', { bubbles: true }));";
        self.script(slide, vec![json!(test_id(handle)), json!(value)]).await;
    }
}

/// One of several choices, by its value. The app offers noise suppression so, the browser as a switch.
fn choice(value: &str) -> String {
    format!("[data-testid=settings] input[type=radio][value={value}]")
}

fn test_id(handle: &str) -> String {
    format!("[data-testid='{handle}']")
}
