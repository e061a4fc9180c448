//! Where the long parts of a text end, noted while the text is checked: so that whoever walks through
//! it steps over a part without looking at its bytes again, however deep the parts are nested.
//!
//! Marks only save time. A part without one is skimmed, and a text may have none at all.

/// The shortest part that is marked; to find the end of a shorter one costs no more than a mark does.
const MIN: usize = 16;

/// Most marks of one text, 768 KiB of them. A text with more parts than this has none.
const MAX: usize = 1 << 16;

/// The place of the mark of a container that has none.
const NONE: u32 = u32::MAX;

/// A string, an array or an object.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// Where it starts, counted from where the container around it does. Of one that is still open: from
    /// the start of the text.
    start: u32,
    /// Its length. Of one that is still open: the place of the mark of the container around it.
    len: u32,
    /// How many marks are within it; they follow this one.
    inside: u32,
}

/// Is told of the parts of a text in the order in which they start.
pub trait Notes {
    /// A container that is not empty starts at `start`.
    fn open(&mut self, start: usize);
    /// The innermost container ends before `end`.
    fn close(&mut self, end: usize);
    /// There is a string.
    fn string(&mut self, start: usize, end: usize);
}

/// Notes nothing.
#[derive(Debug)]
pub struct Unmarked;

impl Notes for Unmarked {
    #[inline]
    fn open(&mut self, _start: usize) {}

    #[inline]
    fn close(&mut self, _end: usize) {}

    #[inline]
    fn string(&mut self, _start: usize, _end: usize) {}
}

/// The marks of one text.
#[derive(Debug, Default)]
pub struct Marks {
    marks: Vec<Mark>,
    /// How many there may be.
    max: usize,
    /// The place of the mark of the innermost open container.
    open: u32,
    /// Where that container starts in the text.
    base: u32,
    /// Where the outermost container starts, which has no mark.
    root: u32,
}

impl Marks {
    /// For a text of `len` bytes whose outermost container starts at `root`.
    pub fn new(len: usize, root: usize) -> Self {
        // A guess, so that few texts need more: a long text has longer parts.
        const EACH: usize = 32;
        const FIRST: usize = 256;
        let max = if u32::try_from(len).is_ok() { MAX } else { 0 };
        let marks = Vec::with_capacity((len / EACH).min(FIRST).min(max));
        let root = root as u32;
        Self { marks, max, open: NONE, base: root, root }
    }

    /// All of them.
    pub fn as_slice(&self) -> &[Mark] {
        &self.marks
    }

    #[inline]
    fn push(&mut self, mark: Mark) {
        if self.marks.len() >= self.max {
            return self.give_up();
        }
        self.marks.push(mark);
    }

    #[cold]
    fn give_up(&mut self) {
        self.marks = Vec::new();
        self.max = 0;
        self.open = NONE;
    }
}

impl Notes for Marks {
    #[inline]
    fn open(&mut self, start: usize) {
        let (at, start) = (self.marks.len() as u32, start as u32);
        let around = std::mem::replace(&mut self.open, at);
        self.base = start;
        self.push(Mark { start, len: around, inside: 0 });
    }

    #[inline]
    fn close(&mut self, end: usize) {
        let at = self.open as usize;
        let Some(Mark { start, len: around, .. }) = self.marks.get(at).copied() else { return };
        self.base = self.marks.get(around as usize).map_or(self.root, |mark| mark.start);
        self.open = around;
        let len = end as u32 - start;
        if (len as usize) < MIN {
            // What is within it is shorter still.
            self.marks.truncate(at);
            return;
        }
        let inside = (self.marks.len() - at - 1) as u32;
        if let Some(mark) = self.marks.get_mut(at) {
            *mark = Mark { start: start - self.base, len, inside };
        }
    }

    #[inline]
    fn string(&mut self, start: usize, end: usize) {
        if end - start >= MIN {
            let (start, len) = ((start as u32).wrapping_sub(self.base), (end - start) as u32);
            self.push(Mark { start, len, inside: 0 });
        }
    }
}

impl Mark {
    /// The length of the part that starts `start` bytes behind where its container does, and the marks
    /// within it, if the first of `marks` is that part's; `marks` are then those behind it.
    #[inline(always)]
    pub fn take<'a>(marks: &mut &'a [Self], start: usize) -> Option<(usize, &'a [Self])> {
        let (first, behind) = marks.split_first()?;
        if first.start as usize != start {
            return None;
        }
        let (inside, behind) = behind.split_at_checked(first.inside as usize)?;
        *marks = behind;
        Some((first.len as usize, inside))
    }
}

#[cfg(test)]
mod tests {
    use super::MAX;
    use super::MIN;
    use super::Mark;
    use crate::codec::json::Document;
    use crate::codec::json::Value;

    fn document(text: &str) -> Document<'_> {
        Document::read(text.as_bytes(), |_, _| {}).unwrap()
    }

    #[test]
    fn long_parts_are_marked_and_short_ones_are_not() {
        let (long, short) = ("x".repeat(MIN - 2), "x".repeat(MIN - 3));
        for (text, marks) in [
            (format!(r#"{{"a":"{long}","b":"{short}"}}"#), 1),
            (format!(r#" {{"a":["{long}",["{short}"],{{}}],"b":[]}} "#), 3),
            (format!(r#"{{"{long}":[1,2,3],"b":{{"c":{{"d":[[["{long}"]]]}}}}}}"#), 6),
        ] {
            assert_eq!(document(&text).marks().len(), marks, "{text}");
        }
    }

    #[test]
    fn a_marked_part_is_found_where_its_mark_says() {
        // Quotes and brackets that would end a part if its bytes were looked at.
        let hard = r#"{"b":"\\\"]}\\\"]}\\\"]}"}"#;
        let plain = r#""0123456789abcdef""#;
        let text = format!(r#"{{"a":[{hard},{plain}],"c":{plain}}}"#);
        let document = document(&text);
        assert_eq!(document.marks().len(), 5);
        let mut marks = document.marks();
        let (len, mut inside) = Mark::take(&mut marks, text.find('[').unwrap()).unwrap();
        assert_eq!(len, hard.len() + plain.len() + 3);
        assert!(Mark::take(&mut inside, 0).is_none());
        assert_eq!(Mark::take(&mut inside, 1).unwrap().0, hard.len());
        assert_eq!(Mark::take(&mut inside, 2 + hard.len()).unwrap().0, plain.len());
        assert_eq!(Mark::take(&mut marks, text.rfind(plain).unwrap()).unwrap().0, plain.len());
        assert!(inside.is_empty() && marks.is_empty());
        let a = document.value().get("a").unwrap();
        assert!(a.elements().map(Value::raw).eq([hard.as_bytes(), plain.as_bytes()]));
        assert_eq!(document.value().get("c").unwrap().raw(), plain.as_bytes());
    }

    #[test]
    fn a_text_of_too_many_parts_has_no_marks() {
        let part = format!(r#""{}""#, "x".repeat(MIN));
        for (parts, marks) in [(MAX - 1, MAX), (MAX, 0)] {
            let text = format!(r#"{{"a":[{}]}}"#, vec![&*part; parts].join(","));
            let document = document(&text);
            assert_eq!(document.marks().len(), marks);
            let a = document.value().get("a").unwrap();
            assert_eq!(a.elements().filter(|value| value.raw() == part.as_bytes()).count(), parts);
        }
    }
}
