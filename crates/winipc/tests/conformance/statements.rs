//! The list of statements and the tests that pin them, read from the doc comments of the tests.

use crate::MODULES;
use crate::harness::Module;
use crate::wine::KNOWN_FAULTS;
use std::fmt::Write;

/// The list as it is in the repository.
const LIST: &str = include_str!("../../../../docs/conformance.md");

/// Statements in the sections covered that have no test, and why.
const WITHOUT_TEST: &[(&str, &str, &str)] = &[
    ("1.1", "CloseHandle of a bad handle raises under a debugger", "no exceptions natively"),
    ("1.2", "GetQueuedCompletionStatus, atoms", "completion ports and atoms come later"),
    ("1.3", "`Session\\` is reserved; private namespaces", "private namespaces come later"),
    ("1.3", "a pipe name of more than 256 characters", "what happens is not stated"),
    ("2.1", "rounding to the clock's tick, time asleep", "no test asserts a time"),
    ("2.2", "order among waiters", "not promised"),
    ("2.4", "QueueUserAPC2", "Wine 8 does not have it"),
    ("2.5", "a handle as signal of several requests", "a rule for callers"),
    ("3.2", "recursion overflow raises", "needs 2^31 takes, and exceptions"),
    ("3.4", "absolute timers follow changes of the clock", "a test must not set the clock"),
    ("4", "no ReadFileEx and WriteFileEx", "a rule for callers"),
    ("5.1", "missing FILE_CREATE_PIPE_INSTANCE", "needs security descriptors"),
    ("5.2", "pipes of another machine", "remote pipes come later"),
    ("5.2", "dispositions other than OPEN_EXISTING and OPEN_ALWAYS", "a rule for callers"),
    ("5.3", "DisconnectNamedPipe on a listening instance", "not settled"),
    ("5.8", "later writes do not delay a flush", "cannot be told from a flush that began later"),
    ("5.11", "the client's computer and user name", "Wine 8 lacks the former; `winipc-win32` tests both"),
    ("5.12", "impersonation", "comes later"),
    ("5.13", "completion packets of an ended process", "completion ports come later"),
    ("6.2", "messages to other machines and domains, lost and doubled ones", "remote mailslots come later"),
    ("7.1", "packets, low bit of hEvent", "completion ports come later"),
    ("7.1", "the byte count may be NULL only with an OVERLAPPED", "a rule for callers"),
    ("7.2", "an automatic hEvent that another wait consumed may hang", "a rule for callers"),
    (
        "7.3",
        "behaviour on synchronous handles and on handles bound to a port",
        "unspecified; ports come later",
    ),
    ("8.1", "touching memory that is only reserved raises", "no exceptions natively; see `docs/limits.md`"),
    ("8.1", "creating under `Global\\` needs a privilege outside session 0", "everybody has it natively"),
    ("8.3", "I/O errors and writes to a read-only view raise", "no exceptions natively"),
    ("13.1", "an id is not reused while a handle is open", "not in our hands on Linux"),
    ("13.2", "exit codes of exceptions and console handlers, TerminateThread", "come later, or are refused"),
    (
        "13.3",
        "priority class, error mode, job; `CTRL_C` ignored by children",
        "no such thing, or comes later",
    ),
    ("13.4", "SuspendThread", "refused natively"),
];

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
         `crates/winipc/tests/conformance/`; a test of the suite fails when it is out of date. The code\n\
         cites these rules by the number of their section; `?` marks one with weaker evidence.\n",
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
