//! Every upstream answer cut at every byte, in both ways a connection can end.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::lab::Lab;
use crate::support::client::Answer;
use crate::support::client::Ending;
use crate::support::client::Req;
use crate::support::fixtures;
use crate::support::fixtures::COMPLETION;
use crate::support::http;
use crate::support::in_parallel;
use crate::support::script;
use crate::support::script::Cut;
use crate::support::script::STREAM_HEAD;
use crate::support::script::STREAM_HEAD_CLOSE;
use crate::support::script::Script;

/// No cut may keep a client waiting longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// The answers that are cut: name, whether it is a stream, its bytes.
fn answers() -> Vec<(&'static str, bool, Vec<u8>)> {
    let events = fixtures::stream(3);
    let mut chunked = STREAM_HEAD.as_bytes().to_vec();
    events.iter().for_each(|event| chunked.extend(http::as_chunk(event.as_bytes())));
    chunked.extend_from_slice(b"0\r\n\r\n");
    let close = format!("{STREAM_HEAD_CLOSE}{}", events.concat()).into_bytes();
    vec![
        ("length", false, script::answer_bytes(200, "", COMPLETION)),
        ("chunked", false, script::chunked_answer_bytes(COMPLETION)),
        ("stream", true, chunked),
        ("close", true, close),
    ]
}

/// One case: which answer, where, how; written into the request's `user` field.
fn case_of(user: &str) -> (usize, usize, Cut) {
    let mut parts = user.split('-').map(|part| part.parse::<usize>().expect("a number"));
    let mut next = || parts.next().expect("a part");
    let (answer, at, how) = (next(), next(), next());
    (answer, at, if how == 0 { Cut::Fin } else { Cut::Reset })
}

fn request(user: &str, stream: bool) -> Req {
    let body = fixtures::ask("real-model", stream, user);
    let options = "\"stream_options\":{\"include_usage\":true},\"user\":";
    let body = if stream { body.replace("\"user\":", options) } else { body };
    Req::chat(body).id(&format!("cut-{user}"))
}

/// A whole answer is there or it is an error; nothing in between.
fn check_whole(answer: &Answer, bytes: &[u8], at: usize) {
    if answer.status() == 200 {
        assert_eq!(at, bytes.len(), "an answer out of {at} bytes: {}", answer.text());
        assert_eq!(answer.text(), COMPLETION);
    } else {
        assert_eq!(answer.status(), 502, "{}", answer.text());
        answer.error_code();
    }
}

/// A stream is complete only after its terminator; before, it is a true beginning and an error.
fn check_stream(answer: &Answer, bytes: &[u8], at: usize) {
    if answer.status() != 200 {
        assert_eq!(answer.status(), 502, "{}", answer.text());
        answer.error_code();
        return;
    }
    let whole = fixtures::stream(3).concat();
    let done = http::find(bytes, b"data: [DONE]").expect("a terminator") + 12;
    if answer.ending == Ending::Complete || answer.text().contains("[DONE]") {
        assert!(at >= done, "success out of {at} bytes: {}", answer.text());
        assert_eq!((answer.ending, answer.text()), (Ending::Complete, whole));
        return;
    }
    let text = answer.text();
    let (true_part, error) = text.rsplit_once("data: {\"error\"").expect("an error event");
    assert!(whole.starts_with(true_part), "made up: {true_part}");
    assert!(error.ends_with("\n\n"), "{error}");
}

#[test]
fn no_cut_makes_an_answer() {
    let sent = answers();
    let lab = Lab::alone(
        |setup| setup,
        move |seen| {
            let (answer, at, how) = case_of(&seen.user());
            Script::cut(&sent[answer].2, at, how)
        },
    );
    let answers = answers();
    let mut cases = Vec::new();
    for (index, (_, _, bytes)) in answers.iter().enumerate() {
        let offsets = 0..bytes.len();
        cases.extend(offsets.flat_map(|at| [format!("{index}-{at}-0"), format!("{index}-{at}-1")]));
    }
    let slow = Mutex::new(Vec::new());
    in_parallel(8, cases.len(), |n| {
        let (answer, at, _) = case_of(&cases[n]);
        let (name, stream, bytes) = &answers[answer];
        let mut client = lab.client();
        client.patience = PATIENCE;
        let started = std::time::Instant::now();
        let answer = client.ask(&request(&cases[n], *stream));
        assert_ne!(answer.ending, Ending::Late, "{name} cut at {at}: {answer:?}");
        assert_ne!(answer.status(), 0, "{name} cut at {at}: {answer:?}");
        if *stream {
            check_stream(&answer, bytes, at);
        } else {
            check_whole(&answer, bytes, at);
        }
        if started.elapsed() > PATIENCE {
            slow.lock().expect("slow").push(cases[n].clone());
        }
    });
    assert!(slow.lock().expect("slow").is_empty(), "too slow: {:?}", slow.lock());
    assert_one_record_each(lab.gateway.stop(), &cases);
}

/// Every case has exactly one record, and none says that a cut whole answer was answered.
fn assert_one_record_each(records: Vec<serde_json::Value>, cases: &[String]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for record in records {
        let id = record["request_id"].as_str().unwrap_or_default().to_owned();
        let whole = id.starts_with("cut-0-") || id.starts_with("cut-1-");
        assert!(!whole || record["outcome"] == "upstream_failed", "{record}");
        *count.entry(id).or_default() += 1;
    }
    for case in cases {
        assert_eq!(count.remove(&format!("cut-{case}")), Some(1), "records of {case}");
    }
    assert!(count.is_empty(), "records of nobody: {count:?}");
}
