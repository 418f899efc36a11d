//! The list of statements and the tests that pin them, read from the doc comments of the tests.

use crate::MODULES;
use crate::harness::Module;
use crate::wine::KNOWN_FAULTS;
use std::fmt::Write;

/// The list as it is in the repository.
const LIST: &str = include_str!("../../../../docs/conformance.md");

/// Statements in the sections covered that have no test, and why.
const WITHOUT_TEST: &[(&str, &str, &str)] = &[];

/// Functions of a module with the text of their doc comments.
fn documented(module: &Module) -> Vec<(String, String)> {
    let (mut found, mut comment) = (Vec::new(), String::new());
    for line in module.source.lines() {
        if let Some(text) = line.strip_prefix("///") {
            comment = format!("{comment}{text}").trim().to_owned();
        } else if let Some(rest) = line.strip_prefix("fn ") {
            let name = rest.split('(').next().unwrap_or_default();
            if module.tests.iter().any(|test| test.name == name) {
                found.push((name.to_owned(), std::mem::take(&mut comment)));
            }
            comment.clear();
        } else {
            comment.clear();
        }
    }
    found
}

/// The whole list as Markdown.
pub(crate) fn markdown() -> String {
    let mut list = String::from(
        "# Conformance: statements and tests\n\n\
         Made by `cargo test -p winipc --test conformance -- --statements` from the doc comments of the tests in\n\
         `crates/winipc/tests/conformance/`; a test of the suite fails when it is out of date. Section numbers are\n\
         those of the specification of behaviour; `?` marks a rule with weaker evidence.\n",
    );
    for module in MODULES {
        writeln!(list, "\n## {}\n\n| section | statement | test |\n| --- | --- | --- |", module.title)
            .unwrap();
        for (name, comment) in documented(module) {
            let (section, statement) = comment.split_once(": ").unwrap_or(("", &comment));
            let statement = statement.replace('|', "\\|");
            writeln!(list, "| {section} | {statement} | `{}::{name}` |", module.name).unwrap();
        }
    }
    list.push_str("\n## Statements without a test\n\n| section | statement | why |\n| --- | --- | --- |\n");
    for (section, statement, why) in WITHOUT_TEST {
        writeln!(list, "| {section} | {statement} | {why} |").unwrap();
    }
    list.push_str("\n## Known faults of Wine 8\n\nUnder Wine these tests must fail.\n\n");
    list.push_str("| test | Windows | Wine 8 |\n| --- | --- | --- |\n");
    for (name, documented, observed) in KNOWN_FAULTS {
        writeln!(list, "| `{name}` | {documented} | {observed} |").unwrap();
    }
    list
}

/// Every test has a comment that begins with a section, names are unambiguous, every fault names a test, and the
/// list in the repository is the one these sources make.
pub(crate) fn check() {
    let mut names = Vec::new();
    for module in MODULES {
        let documented = documented(module);
        for test in module.tests {
            let name = format!("{}::{}", module.name, test.name);
            let comment =
                documented.iter().find(|(found, _)| found == test.name).map_or("", |(_, text)| text);
            let has_section =
                comment.starts_with(|first: char| first.is_ascii_digit()) && comment.contains(": ");
            assert!(has_section, "{name}: the doc comment must begin with a section, as in `3.2: ...`");
            assert!(!names.contains(&name), "{name} is listed twice");
            names.push(name);
        }
    }
    for (fault, _, _) in KNOWN_FAULTS {
        assert!(names.iter().any(|name| name == fault), "{fault}: a known fault without test");
    }
    let current = LIST.replace("\r\n", "\n");
    assert!(current == markdown(), "docs/conformance.md is out of date: make it with --statements");
}
