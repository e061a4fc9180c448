//! Long conversations: most of their bytes go on from where the client's were read, in another
//! protocol too.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;

use crate::lab::Lab;
use crate::support::providers::every_kind;
use crate::support::script::Script;
use crate::translate::ask;
use crate::translate::each;
use crate::translate::kinds;
use crate::translate::message;

/// A conversation of so many long turns.
pub fn talk(turns: usize) -> Vec<Value> {
    let turn = |at: usize| {
        let role = if at.is_multiple_of(2) { "user" } else { "assistant" };
        json!({"role": role, "content": format!("{at}: \"\u{e9}\"\n{}", "text ".repeat(400))})
    };
    (0..turns).map(turn).collect()
}

#[test]
fn a_long_conversation_crosses_whole() {
    let lab = kinds(each);
    for turns in [1, 3, 5, 41, 1001] {
        let talk = talk(turns);
        let more = json!({"messages": &talk, "temperature": 0.5});
        for model in ["claude/c", "llama/l"] {
            assert_eq!(lab.ask(&ask(model, more.clone())).status(), 200, "{model}");
        }
        for model in ["az/a", "llama/l"] {
            assert_eq!(lab.ask(&message(model, more.clone())).status(), 200, "{model}");
        }
        let seen = lab.upstream.requests();
        for seen in seen.iter().rev().take(4) {
            assert!(seen.json()["messages"] == json!(talk), "{turns} turns: {:?}", seen.head.start);
        }
    }
    assert_eq!(lab.upstream.violations(), Vec::<String>::new());
}

#[test]
fn a_long_conversation_with_calls_crosses_whole() {
    let lab = kinds(each);
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let calls = [
        json!({"role": "assistant", "content": null, "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": "c1", "content": "sunny"}),
    ];
    let (before, behind) = (talk(9), talk(31).split_off(1));
    let messages = [&before[..], &calls, &behind].concat();
    assert_eq!(lab.ask(&ask("claude/c", json!({"messages": messages}))).status(), 200);
    let seen = lab.upstream.requests().pop().expect("a request").json();
    let sent = seen["messages"].as_array().expect("messages");
    assert_eq!(sent.len(), messages.len());
    assert_eq!((&sent[..9], &sent[11..]), (&before[..], &behind[..]));
    assert_eq!(sent[9]["content"][0]["type"], "tool_use");
    assert_eq!(sent[10]["content"][0]["type"], "tool_result");
}

#[test]
fn a_long_conversation_is_sent_again_whole() {
    let count = AtomicUsize::new(0);
    let lab = Lab::with(
        |setup| every_kind(setup.shards(1)),
        move |seen| match count.fetch_add(1, Ordering::Relaxed) {
            1 => Script::default().fin(),
            _ => each(seen),
        },
    );
    let talk = talk(61);
    for _ in 0..2 {
        assert_eq!(lab.ask(&ask("claude/c", json!({"messages": talk}))).status(), 200);
    }
    let seen = lab.upstream.requests();
    assert_eq!(seen.len(), 3, "the second on a connection that died, and once more");
    assert_ne!(seen[1].conn, seen[2].conn);
    assert!(seen.iter().all(|seen| seen.json()["messages"] == json!(talk)));
}
