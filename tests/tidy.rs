//! Holds the architecture: layers, one import a line, purpose lines, file length, plain ASCII.
//!
//! The layers are read from the comments of `src/lib.rs` (`// 3. Decisions: ...`), so the rule is
//! written once. Every rule is shown to catch a broken sample.

#![expect(clippy::expect_used, reason = "a test gives up on what it did not expect")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Most code lines of one file; blank lines, comments and test modules do not count.
const MAX_LINES: usize = 400;

/// The layer from which on code may wait: its heading begins with this word.
const FIRST_ASYNC: &str = "World";

/// The folders whose Rust sources are held to the rules.
const ROOTS: [&str; 5] = ["src", "tests", "benches", "fuzz", "loadtest"];

/// Folders below them that are not ours.
const SKIPPED: [&str; 3] = ["target", ".venv", "corpus"];

/// What `lib.rs` says about the layers.
#[derive(Debug, Default)]
struct Layers {
    of: BTreeMap<String, usize>,
    first_async: usize,
}

/// Reads the numbered headings and the modules below each.
fn layers(lib: &str) -> Layers {
    let mut found = Layers { of: BTreeMap::new(), first_async: usize::MAX };
    let mut current = None;
    for line in lib.lines().map(str::trim) {
        if let Some((number, name)) =
            line.strip_prefix("// ").and_then(|text| text.split_once(". "))
            && let Ok(number) = number.parse()
        {
            current = Some(number);
            if name.starts_with(FIRST_ASYNC) {
                found.first_async = number;
            }
        }
        let module = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';'));
        if let (Some(module), Some(number)) = (module, current) {
            found.of.insert(module.to_owned(), number);
        }
    }
    found
}

/// The lines of a file that are code: no comments, and the bodies of test modules cut out.
fn code_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut inside_tests: Option<usize> = None;
    let mut test_next = false;
    for line in text.lines() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if let Some(outer) = inside_tests {
            if indent == outer && trimmed.starts_with('}') {
                inside_tests = None;
            }
            continue;
        }
        if trimmed.is_empty() || trimmed.starts_with("//") {
            continue;
        }
        if trimmed == "#[cfg(test)]" {
            test_next = true;
            continue;
        }
        if test_next && trimmed.starts_with("mod ") && trimmed.ends_with('{') {
            inside_tests = Some(indent);
        } else if !test_next || !trimmed.starts_with("mod ") {
            lines.push(line);
        }
        test_next = false;
    }
    lines
}

/// The modules of this crate that a line names.
fn named_modules(line: &str) -> Vec<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    let named = line.split("crate::").skip(1).map(name);
    named.filter(|module| !module.is_empty()).collect()
}

/// Whether a line makes something wait.
fn is_async(line: &str) -> bool {
    line.contains("async fn")
        || line.contains("async move")
        || line.contains("async {")
        || line.contains(".await")
}

/// Layers: a module of `src/` uses lower layers only, and nothing waits below the world.
fn layer_problems(path: &str, text: &str, layers: &Layers) -> Vec<String> {
    let Some(inner) = path.strip_prefix("src/") else { return Vec::new() };
    let module = inner.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    if matches!(module, "lib" | "main") {
        return Vec::new();
    }
    let Some(&own) = layers.of.get(module) else {
        return vec![format!("{path}: `{module}` is in no layer of src/lib.rs")];
    };
    let mut problems = Vec::new();
    for line in code_lines(text) {
        for used in named_modules(line) {
            match layers.of.get(&used) {
                _ if used == module => {}
                Some(&layer) if layer < own => {}
                Some(_) => problems.push(format!("{path}: may not use `{used}`: {}", line.trim())),
                None => problems.push(format!("{path}: `crate::{used}` is no module")),
            }
        }
        if own < layers.first_async && is_async(line) {
            problems.push(format!(
                "{path}: waits below layer {}: {}",
                layers.first_async,
                line.trim()
            ));
        }
    }
    problems
}

/// What holds for every Rust file wherever it lies.
fn file_problems(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push(format!("{path}: does not open with a `//!` line about its purpose"));
    }
    if let Some(at) = text.lines().position(|line| !line.is_ascii()) {
        problems.push(format!("{path}:{}: not ASCII", at + 1));
    }
    let code = code_lines(text);
    let import = |line: &&str| line.trim().trim_start_matches("pub ").starts_with("use crate::");
    if code.iter().copied().filter(import).any(|line| line.contains('{')) {
        problems.push(format!("{path}: one `use crate::...` a line"));
    }
    let (todo, fixme) = (concat!("TO", "DO"), concat!("FIX", "ME"));
    if text.contains(todo) || text.contains(fixme) {
        problems.push(format!("{path}: a {todo} or {fixme}"));
    }
    let is_tests = path.ends_with("/tests.rs") || path.contains("/tests/");
    if !is_tests && code.len() > MAX_LINES {
        problems.push(format!("{path}: {} code lines of at most {MAX_LINES}", code.len()));
    }
    problems
}

/// Every Rust file below `dir`, with its path from the root.
fn sources(root: &Path, dir: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.join(dir)];
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
            let entries = fs::read_dir(&path).expect("a readable folder");
            open.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if name.ends_with(".rs") && path.is_file() {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let inner = path.strip_prefix(root).expect("below the root");
            found.push((inner.to_string_lossy().into_owned(), text));
        }
    }
    found
}

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let layers = layers(&fs::read_to_string(root.join("src/lib.rs")).expect("src/lib.rs"));
    assert!(layers.of.len() > 5, "the layers of src/lib.rs were not found: {layers:?}");
    assert!(layers.first_async < usize::MAX, "no layer is called {FIRST_ASYNC}");
    let mut problems = Vec::new();
    let mut count = 0;
    for dir in ROOTS {
        for (path, text) in sources(root, dir) {
            count += 1;
            problems.extend(file_problems(&path, &text));
            problems.extend(layer_problems(&path, &text, &layers));
        }
    }
    assert!(count > 20, "only {count} files were found");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn sample_layers() -> Layers {
    layers(
        "//! Doc.\n// 0. Leaves: bytes.\npub mod codec;\npub mod error;\n\n// 3. Decisions: pure.\n\
         pub mod auth;\n// 4. World: sockets.\npub mod net;\npub mod config;\n",
    )
}

#[test]
fn layers_are_read_from_the_comments() {
    let layers = sample_layers();
    assert_eq!((layers.of["codec"], layers.of["auth"], layers.of["net"]), (0, 3, 4));
    assert_eq!(layers.first_async, 4);
}

#[test]
fn a_use_of_the_same_or_a_higher_layer_is_caught() {
    let layers = sample_layers();
    let check = |path: &str, text: &str| layer_problems(path, text, &layers);
    assert!(check("src/auth/mod.rs", "use crate::codec::http1;\n").is_empty());
    assert!(check("src/auth/mod.rs", "use crate::auth::key::Key;\n").is_empty());
    assert!(check("src/net/tcp.rs", "async fn x() { y().await }\nuse crate::auth::A;").is_empty());
    assert!(check("src/auth/mod.rs", "// use crate::net::Tcp;\n").is_empty());
    for (path, text) in [
        ("src/auth/mod.rs", "use crate::net::Tcp;\n"),
        ("src/codec/mod.rs", "use crate::error::Kind;\n"),
        ("src/error.rs", "fn f() -> crate::auth::Key {}\n"),
        ("src/net/tcp.rs", "pub use crate::config;\n"),
        ("src/auth/mod.rs", "use crate::unknown::X;\n"),
        ("src/stray.rs", "fn f() {}\n"),
        ("src/auth/mod.rs", "pub async fn f() {}\n"),
        ("src/codec/sse.rs", "let x = y.await;\n"),
    ] {
        assert_eq!(check(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn every_file_rule_catches_its_break() {
    let good = "//! Purpose.\n\nuse crate::a::B;\n\nfn f() {}\n";
    assert_eq!(file_problems("src/a.rs", good), Vec::<String>::new());
    let long = format!("//! Purpose.\n{}", "fn f() {}\n".repeat(MAX_LINES + 1));
    for broken in [
        good.replace("//! Purpose.\n\n", ""),
        good.replace("//! ", "// "),
        good.replace("fn f", "fn \u{f6}"),
        good.replace("use crate::a::B", "use crate::{a::B, c::D}"),
        good.replace("use crate::a::B", "use crate::a::{B, C}"),
        good.replace("fn f() {}", concat!("fn f() {} // TO", "DO later")),
        good.replace("fn f() {}", concat!("fn f() {} // FIX", "ME")),
        long.clone(),
    ] {
        assert_eq!(file_problems("src/a.rs", &broken).len(), 1, "{broken}");
    }
    assert!(file_problems("src/a/tests.rs", &long).is_empty());
}

#[test]
fn code_lines_leave_out_comments_and_test_modules() {
    let text = "//! P.\n\nfn a() {\n    // why\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n\
                fn c() {}\n#[cfg(test)]\nmod more;\n#[cfg(test)]\nfn helper() {}\n";
    assert_eq!(code_lines(text), ["fn a() {", "    b();", "}", "fn c() {}", "fn helper() {}"]);
    let exact = format!("//! P.\n{}", "x();\n".repeat(MAX_LINES));
    assert!(file_problems("src/a.rs", &exact).is_empty());
}
