//! How many tokens a prompt has, about, where nobody can be asked.
//!
//! Text is cut into pieces as the tokenizers of today's models do before they merge bytes (words
//! with the space before them, up to three digits, runs of punctuation, single characters of
//! scripts without spaces), and each piece counts by its length. What is no text counts flat.

use crate::chat::Content;
use crate::chat::Part;
use crate::chat::Request;
use crate::chat::Text;
use crate::chat::ToolKind;

/// Tokens around each turn and each tool.
const AROUND: u64 = 4;

/// Tokens of an image of a common size.
const IMAGE: u64 = 1_000;

/// Letters of a word that one token holds, on average over long words.
const LETTERS: u64 = 7;

/// Tokens of all that a model reads for `request`.
#[must_use]
pub fn tokens(request: &Request<'_>) -> u64 {
    let turns: u64 = request.turns.iter().map(|turn| AROUND + parts(&turn.parts)).sum();
    let tools = request.tools.iter().map(|tool| {
        let schema = match &tool.kind {
            ToolKind::Function(schema) | ToolKind::Custom(schema) => {
                schema.as_ref().map_or(0, |schema| of_bytes(schema.raw()))
            }
            ToolKind::Own(own) => of_bytes(own.value.raw()),
        };
        let description = tool.description.as_ref().map_or(0, of_text);
        2 * AROUND + of_text(&tool.name) + description + schema
    });
    turns + tools.sum::<u64>()
}

fn parts(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(part).sum()
}

fn part(part: &Part<'_>) -> u64 {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) | Content::Thinking(text) => of_text(text),
        Content::Media(_) => IMAGE,
        Content::Call(call) => AROUND + of_text(&call.name) + of_bytes(&call.arguments.json()),
        Content::Result(result) => AROUND + parts(&result.parts),
        Content::Redacted => 0,
        Content::Other(other) => of_bytes(other.value.raw()),
    }
}

fn of_text(text: &Text<'_>) -> u64 {
    of_str(&text.decode())
}

fn of_bytes(bytes: &[u8]) -> u64 {
    of_str(&String::from_utf8_lossy(bytes))
}

/// Tokens of plain text.
#[must_use]
pub fn of_str(text: &str) -> u64 {
    let (mut tokens, mut run, mut last) = (0, 0_u64, Class::Space);
    for class in text.chars().map(Class::of).chain([Class::Space]) {
        if class == last {
            run += 1;
            continue;
        }
        tokens += last.tokens(run);
        (last, run) = (class, 1);
    }
    tokens
}

/// What a character is, as far as the cutting goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Space,
    Letter,
    Digit,
    Mark,
    /// A character of a script that is written without spaces, or a picture.
    Alone,
}

impl Class {
    fn of(character: char) -> Self {
        match character {
            ' ' | '\n' | '\r' | '\t' => Self::Space,
            '0'..='9' => Self::Digit,
            '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{1f000}'.. => Self::Alone,
            letter if letter.is_alphabetic() => Self::Letter,
            _ => Self::Mark,
        }
    }

    /// Tokens of a run of so many characters.
    const fn tokens(self, run: u64) -> u64 {
        match self {
            // One space belongs to the word behind it; more are a token of their own.
            Self::Space => (run > 1) as u64,
            Self::Letter => run.div_ceil(LETTERS),
            Self::Digit => run.div_ceil(3),
            Self::Mark => run.div_ceil(3),
            Self::Alone => run,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::of_str;

    #[test]
    fn it_is_near_what_tokenizers_count() {
        // The second figures are those of o200k.
        for (text, real) in [
            ("", 0),
            ("Hello, world!", 4),
            ("The quick brown fox jumps over the lazy dog.", 10),
            ("What is the weather like in Berlin today?", 9),
            ("1234567", 3),
            ("fn main() { println!(\"hi\"); }", 10),
            ("\u{4eca}\u{5929}\u{5929}\u{6c14}", 3),
        ] {
            let guess = of_str(text);
            assert!(guess.abs_diff(real) <= 1 + real / 3, "{text}: {guess} for {real}");
        }
    }
}
