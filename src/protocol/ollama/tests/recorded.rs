//! Real traffic: `ollama.jsonl` of the folder named by `CRABLLM_RECORDED`. Without it there is none.

use serde_json::Value as Tree;

use crate::protocol::ollama::fuzz::drive;
use crate::protocol::ollama::fuzz::folded;
use crate::protocol::ollama::request;
use crate::protocol::ollama::tests::answer;
use crate::protocol::ollama::tests::answer_text;
use crate::protocol::ollama::tests::json;
use crate::protocol::ollama::tests::through;

fn rows() -> Vec<Tree> {
    let Some(folder) = std::env::var_os("CRABLLM_RECORDED").filter(|path| !path.is_empty()) else {
        eprintln!("CRABLLM_RECORDED is not set: no real traffic is tested");
        return Vec::new();
    };
    let path = std::path::Path::new(&folder).join("ollama.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(json).filter(|row: &Tree| row["path"] == "/api/chat").collect()
}

/// What says nothing in a request, and what the lines of an answer lose.
fn strip(mut tree: Tree) -> Tree {
    let Some(members) = tree.as_object_mut() else { return tree };
    members.retain(|_, value| {
        let empty = value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(|object| object.is_empty());
        !(value.is_null() || empty || *value == "")
    });
    members.remove("created_at");
    members.remove("model");
    tree
}

#[test]
fn requests_come_out_as_they_went_in() {
    for row in rows() {
        let body = row["req"].to_string();
        assert!(request::read(body.as_bytes()).is_ok(), "{body}");
        let mut written = strip(json(&through(&body)));
        for message in written["messages"].as_array_mut().unwrap() {
            // Looked up where the client did not say it.
            message.as_object_mut().unwrap().remove("tool_name");
        }
        assert_eq!(written, strip(row["req"].clone()));
    }
}

#[test]
fn answers_come_out_as_they_went_in() {
    for row in rows().iter().filter(|row| row["stream"] == false) {
        let body = row["body"].as_str().unwrap();
        let mut expected = strip(json(body));
        let read = answer(body).unwrap();
        let calls = expected.pointer_mut("/message/tool_calls").and_then(Tree::as_array_mut);
        calls.into_iter().flatten().enumerate().for_each(|(at, call)| {
            // Old servers give no ids.
            call["id"] = crate::protocol::ollama::tests::SEED.id("call_", at as u64).into();
            call["function"]["index"] = at.into();
        });
        assert_eq!(strip(json(&answer_text(&read))), expected);
    }
}

#[test]
fn streams_are_whole_however_they_are_cut() {
    for row in rows().iter().filter(|row| row["stream"] == true) {
        let body = row["body"].as_str().unwrap().as_bytes();
        let whole = drive(&[body]);
        assert_eq!(whole.1, Ok(()));
        for cut in 0..=body.len() {
            let (head, tail) = body.split_at(cut);
            assert_eq!(drive(&[head, tail]), whole, "cut at {cut}");
        }
        let last = body.trim_ascii_end().iter().rposition(|byte| *byte == b'\n').unwrap();
        assert!(drive(&[&body[..last]]).1.is_err());
        assert!(folded(whole.0).complete);
    }
}
