//! Tests of the mock's pages.

use serde_json::Value;

use super::wire::Pages;
use crate::http::response::Reader;

fn body_of(page: &[u8]) -> Value {
    let mut reader = Reader::default();
    let mut body = Vec::new();
    let used = reader.read(page, |bytes| body.extend_from_slice(bytes)).unwrap();
    assert!(reader.is_done() && used == page.len());
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn an_answer_is_a_chat_completion_of_about_600_bytes() {
    let body = body_of(&Pages::new().chat);
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["usage"]["total_tokens"], 241);
    assert!((550..=650).contains(&body.to_string().len()), "{}", body.to_string().len());
}

#[test]
fn every_content_event_is_a_chunk_of_180_to_200_bytes() {
    for chunk in Pages::new().contents {
        let text = String::from_utf8(chunk).unwrap();
        let (size, rest) = text.split_once("\r\n").unwrap();
        let event = rest.strip_suffix("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(size, 16).unwrap(), event.len());
        assert!((175..=200).contains(&event.len()), "{}", event.len());
        let json = event.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(value["object"], "chat.completion.chunk");
    }
}

#[test]
fn the_other_pages_are_json_too() {
    let pages = Pages::new();
    assert_eq!(body_of(&pages.embeddings)["object"], "list");
    assert_eq!(body_of(&pages.bad_request)["error"]["type"], "invalid_request_error");
    assert_eq!(body_of(&pages.unauthorized)["error"]["code"], "invalid_api_key");
}
