//! All levels of instructions that this CPU has find the same, byte for byte what a plain reading finds.

use super::block;
use super::block::Brackets;
use super::block::LEN;
use super::block::Level;
use super::block::Masks;
use super::block::PART;
use super::block::Stop;
use super::block::portable;
use super::vector;
use super::vector::Numerals;

/// Bytes of which half are those that matter and their neighbours.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self, common: &[u8]) -> u8 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        let byte = (self.0 >> 56) as u8;
        if self.0 >> 40 & 1 == 0 { byte } else { common[byte as usize % common.len()] }
    }
}

/// What `seek` has to find, told a byte at a time.
fn plain(text: &[u8], at: usize, carry: u64) -> Option<Stop> {
    let mut base = at - at % LEN;
    let mut escaped = carry == 1;
    while base < text.len() {
        let mut stop = Stop { end: base + LEN, ..Stop::default() };
        let mut known = false;
        for place in base..base + LEN {
            let Some(byte) = text.get(place) else { break };
            let bit = 1 << (place - base);
            let simple = b"\"\\/bfnrt".contains(byte);
            let digits = text.get(place + 1..place + 5);
            let unicode =
                *byte == b'u' && digits.is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
            if *byte < 0x20 || escaped && !simple && !unicode {
                stop.faults |= bit;
            }
            if *byte == b'"' && !escaped {
                stop.quotes |= bit;
            }
            known |= place >= at && (stop.quotes | stop.faults) & bit != 0;
            escaped = *byte == b'\\' && !escaped;
        }
        stop.carry = u64::from(escaped);
        if known {
            return Some(stop);
        }
        base += LEN;
    }
    None
}

/// Without what is told of places behind the text, where a backslash at its end may be found to make
/// no escape: the text ends there either way.
fn within(text: &[u8], at: usize, mut stop: Stop) -> Option<Stop> {
    if stop.end > text.len() {
        stop.faults &= !(u64::MAX << (text.len() % LEN));
        stop.carry = 0;
    }
    let before = at.saturating_sub(stop.end - LEN);
    ((stop.quotes | stop.faults) & u64::MAX << before != 0).then_some(stop)
}

fn levels_agree(text: &[u8], at: usize, carry: u64) {
    let expected = plain(text, at, carry).and_then(|stop| within(text, at, stop));
    let found = |seek: &dyn Fn(&mut Stop) -> bool| {
        let mut stop = Stop { end: at - at % LEN, carry, ..Stop::default() };
        seek(&mut stop).then_some(stop).and_then(|stop| within(text, at, stop))
    };
    let shown = text.escape_ascii();
    assert_eq!(found(&|s| portable::Level.seek(text, at, s)), expected, "portable, {at}: {shown}");
    #[cfg(target_arch = "x86_64")]
    for level in Level::all() {
        assert_eq!(found(&|s| level.seek(text, at, s)), expected, "{level:?}, {at}: {shown}");
    }
    #[cfg(not(target_arch = "x86_64"))]
    assert_eq!(found(&|s| Level::best().seek(text, at, s)), expected, "{at}: {shown}");
}

#[test]
fn stops_are_the_same_on_every_level() {
    // From bytes that are all stops to those that mostly make good escapes and long runs.
    let alphabets: [&[u8]; 4] = [
        b"\"\\\\\\/bfnrtu0aF\x1f\x20\x7f\x80!#Z^z~",
        b"\\\\\\u00e9\\n",
        b"\\u4F60\\ud83D09afAF",
        b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\n\"",
    ];
    let mut bytes = Bytes(0x9E37_79B9_7F4A_7C15);
    for round in 0..3000 {
        let alphabet = alphabets[round % 4];
        let text: Vec<u8> = (0..round % 331).map(|_| bytes.next(alphabet)).collect();
        let at = if text.is_empty() { 0 } else { round * 7 % text.len() };
        levels_agree(&text, at, (round / 2 % 2) as u64);
    }
}

#[test]
fn runs_of_good_escapes_are_passed_on_every_level() {
    let escapes = ["\\u4f60", "\\uD83D\\uDe00", "\\n", "\\\\", "\\\"", "\\/", "\\b\\f\\r\\t", "x"];
    let mut bytes = Bytes(0x0123_4567_89AB_CDEF);
    for round in 0..1000_usize {
        let mut text: String =
            (0..round % 97).map(|_| escapes[bytes.next(b"\x00\x00\x01") as usize % 8]).collect();
        text.push('"');
        levels_agree(text.as_bytes(), 0, 0);
        // Each place once at fault: a digit that is none, an escape that is none.
        let mut wrong = text.into_bytes();
        let place = round * 13 % wrong.len();
        wrong[place] = b"gG/:@`\xB0\xE9"[round % 8];
        levels_agree(&wrong, 0, 0);
    }
}

#[test]
fn quotes_are_found_on_every_level() {
    let escapes = ["\\u4f60", "\\\\", "\\\"", "xxxxxxxxxxxxxxxxxxxxxxx"];
    let mut bytes = Bytes(0x0FED_CBA9_8765_4321);
    for round in 0..500 {
        let mut text: String =
            (0..round % 61).map(|_| escapes[bytes.next(b"\x00\x01\x02") as usize % 4]).collect();
        let length = text.len();
        text.push_str("\",\n");
        let quote = |seek: &dyn Fn(&mut Stop) -> bool| {
            let mut stop = Stop::default();
            assert!(seek(&mut stop));
            stop.end - LEN + stop.quotes.trailing_zeros() as usize
        };
        let text = text.as_bytes();
        assert_eq!(quote(&|s| portable::Level.seek_quote(text, 0, s)), length);
        #[cfg(target_arch = "x86_64")]
        for level in Level::all() {
            assert_eq!(quote(&|s| level.seek_quote(text, 0, s)), length, "{level:?}");
        }
    }
}

#[test]
fn every_byte_behind_a_backslash_is_judged_alike() {
    for byte in 0..=u8::MAX {
        for before in [0, 1, 15, 30, 31, 32, 62, 63, 64] {
            let text = [&vec![b'a'; before], &b"\\"[..], &[byte], &[b'0'; 70], b"\""].concat();
            levels_agree(&text, 0, 0);
            let text = [&vec![b'a'; before], &b"\\u0"[..], &[byte], &[b'0'; 70], b"\""].concat();
            levels_agree(&text, 0, 0);
        }
    }
}

#[test]
fn masks_are_the_same_on_every_target() {
    let mut random = Bytes(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4096 {
        let bytes = std::array::from_fn(|_| random.next(b"\"\\[]{}\x1f\x20\x7f\x80!#Z^z~"));
        let bits = |wanted: &dyn Fn(u8) -> bool| {
            bytes.iter().rev().fold(0_u64, |mask, byte| mask << 1 | u64::from(wanted(*byte)))
        };
        for masks in [block::masks(&bytes), portable::masks(&bytes)] {
            assert_eq!(masks.quote, bits(&|b| b == b'"'));
            assert_eq!(masks.slash, bits(&|b| b == b'\\'));
            assert_eq!(masks.control, bits(&|b| b < 0x20));
        }
        for brackets in [block::brackets(&bytes), portable::brackets(&bytes)] {
            assert_eq!(brackets.open, bits(&|b| b == b'[' || b == b'{'));
            assert_eq!(brackets.close, bits(&|b| b == b']' || b == b'}'));
        }
    }
}

#[test]
fn numerals_are_the_same_on_every_level() {
    // Each byte, between others that must not change what is said of it.
    for byte in 0..=u8::MAX {
        for (other, at) in (0..LEN).flat_map(|at| [b'0', b'9', b',', 0x7F, 0xFF].map(|o| (o, at))) {
            let mut bytes = [other; LEN];
            bytes[at] = byte;
            let bits = |wanted: &dyn Fn(u8) -> bool| {
                bytes.iter().rev().fold(0_u64, |mask, byte| mask << 1 | u64::from(wanted(*byte)))
            };
            let expected = Numerals {
                digit: bits(&|b| b.is_ascii_digit()),
                zero: bits(&|b| b == b'0'),
                minus: bits(&|b| b == b'-'),
                point: bits(&|b| b == b'.'),
                comma: bits(&|b| b == b','),
                space: bits(&|b| b == b' ' || b == b'\n'),
            };
            assert_eq!(vector::numerals(&bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}

/// Lists of numbers, with pieces in some of them that make them none.
#[test]
fn lists_of_numbers_are_passed_alike_on_every_level() {
    let good = [",-0.25", ",3", ", 0.125", ",\n  -7.5", ",10", ",-0"];
    let odd = ["0", "-", ".", ",", " ", "e", "1e5", "\t", "]", "x", "\u{e9}", ".5", "00", "1.2.3"];
    let mut random = Bytes(0x00C0_FFEE_0DDB_A115);
    let bytes: [u8; 256] = std::array::from_fn(|n| n as u8);
    let mut next = |below: usize| usize::from(random.next(&bytes)) * below / 256;
    let mut passed = 0;
    for round in 0..20_000 {
        let mut text = "0.5".to_owned();
        while text.len() < 200 {
            text.push_str(good[next(good.len())]);
            if next(128) < round % 8 {
                text.push_str(odd[next(odd.len())]);
            }
        }
        let behind = portable::Level.pass_numbers(text.as_bytes(), 0);
        #[cfg(target_arch = "x86_64")]
        for level in Level::all() {
            assert_eq!(level.pass_numbers(text.as_bytes(), 0), behind, "{level:?}: {text}");
        }
        if behind > 0 {
            let list = text[..behind].strip_suffix(',').map(|list| format!("[{list}]"));
            let numbers = list.as_deref().map(serde_json::from_str::<Vec<f64>>);
            assert!(matches!(numbers, Some(Ok(_))), "{list:?}: {numbers:?}");
        }
        passed += behind;
    }
    assert!(passed > 1_000_000, "{passed}");
}

#[test]
fn short_blocks_show_nothing_behind_their_end() {
    let mut random = Bytes(0x0BAD_5EED_0BAD_5EED);
    for round in 0..4096 {
        let text: Vec<u8> =
            (0..round % 64).map(|_| random.next(b"\"\\[]{}\x1f\x20\x7f\x80!#Z^z~")).collect();
        let bits = |wanted: &dyn Fn(u8) -> bool| {
            text.iter().rev().fold(0_u64, |mask, byte| mask << 1 | u64::from(wanted(*byte)))
        };
        let expected = Masks {
            quote: bits(&|b| b == b'"'),
            slash: bits(&|b| b == b'\\'),
            control: bits(&|b| b < 0x20),
        };
        let open = bits(&|b| b == b'[' || b == b'{');
        let close = bits(&|b| b == b']' || b == b'}');
        let brackets = Brackets { open, close };
        let some = !text.is_empty();
        assert_eq!(block::masks_at(&text, 0), some.then_some(expected));
        assert_eq!(block::brackets_at(&text, 0), some.then_some(brackets));
        if let Some(part) = text.first_chunk::<PART>() {
            let first = u64::from(u16::MAX);
            let quote = expected.quote & first;
            let (slash, control) = (expected.slash & first, expected.control & first);
            for masks in [block::masks_16(part), portable::masks_16(part)] {
                assert_eq!(masks, Masks { quote, slash, control });
            }
            for found in [block::brackets_16(part), portable::brackets_16(part)] {
                assert_eq!(found, Brackets { open: open & first, close: close & first });
            }
        }
    }
}
