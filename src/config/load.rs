//! From text to a checked [`Config`].

use super::Config;
use super::Env;
use super::Problem;
use super::Problems;
use super::check;
use super::file::Table;
use super::keys;
use super::provider;
use super::sections;
use super::source::Source;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use toml::de::DeTable;

/// A larger file is not a configuration; a hundred thousand keys fit.
const LARGEST_FILE: u64 = 16 << 20;

/// Reads and checks the file at `path`.
///
/// # Errors
/// All problems that were found, or that the file cannot be read.
pub fn load(path: &Path, env: &Env) -> Result<Config, Problems> {
    let file = path.display().to_string();
    let text = read_file(path).map_err(|what| {
        Problems(vec![Problem { file: file.clone(), line: None, key: String::new(), what }])
    })?;
    parse(&text, &file, env)
}

fn read_file(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
    match read {
        Err(error) => Err(format!("cannot be read: {error}")),
        Ok(_) if bytes.len() as u64 > LARGEST_FILE => {
            Err(format!("is larger than {}", super::format_size(LARGEST_FILE)))
        }
        Ok(_) => String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned()),
    }
}

/// Checks `text`; problems call it `file`.
///
/// # Errors
/// All problems that were found. Where the text is no TOML, only that is said.
pub fn parse(text: &str, file: &str, env: &Env) -> Result<Config, Problems> {
    let source = Source::new(file, text, env);
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut config = Config::default();
    if errors.is_empty() {
        read(&source, root.get_ref(), &mut config);
    }
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        source.fail(at, "", error.message().replace('\n', ", "));
    }
    let (problems, warnings) = source.into_findings();
    config.warnings = warnings;
    if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
}

/// Reads every table, then checks what concerns more than one.
pub(super) fn read<'s>(source: &'s Source<'s>, root: &'s DeTable<'s>, config: &mut Config) {
    let mut root = Table::root(source, root);
    sections::read(&mut root, config);
    if let Some(table) = root.table("providers") {
        let entries = table.each();
        let provider = |(name, value): &(String, _)| provider::read(name, value);
        config.providers = entries.iter().filter_map(provider).collect();
    }
    config.keys = root.get("keys").map(|list| keys::read(&list)).unwrap_or_default();
    root.finish();
    check::check(source, config);
}
