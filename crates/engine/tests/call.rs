//! Whole calls against a real voice node.

mod common;

use common::signal::{likeness, sweep};
use common::{Node, Person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_says_the_other_hears() {
    let node = Node::start().await;
    let (speaker, listener) = (Person::joined(&node).await, Person::joined(&node).await);
    let said = sweep(48_000);
    speaker.sound.say(&said);
    let heard = listener.sound.listen(2 * 48_000).await;
    std::fs::write("/tmp/vh/heard.f32", heard.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<_>>())
        .unwrap();
    let likeness = likeness(&said, &heard);
    assert!(likeness > 0.95, "heard only {likeness} of it");
}
