//! What comes with the program: completions and pages of the manual.
#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::process::{Command, Output};

use common::World;

/// Every command with what is below it, as `--help` tells it: "winipc pipe serve", ...
fn commands() -> BTreeSet<String> {
    let mut commands = BTreeSet::new();
    let mut left = vec![String::new()];
    while let Some(command) = left.pop() {
        let mut arguments: Vec<_> = command.split_whitespace().collect();
        arguments.push("-h");
        let help = String::from_utf8(World::new().run(&arguments).stdout).unwrap();
        let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in listed.take_while(|line| !line.is_empty()) {
            // A line without a name goes on with the one before.
            let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '));
            if let Some(name) = name.and_then(|line| line.split(' ').next()).filter(|name| *name != "help") {
                left.push(format!("{command} {name}"));
            }
        }
        commands.insert(format!("winipc{command}"));
    }
    assert!(commands.contains("winipc pipe serve") && commands.len() > 20, "{commands:?}");
    commands
}

fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("{program} cannot be run here: {error}");
            None
        }
    }
}

/// The shells that are installed find no fault with the scripts, and every command is in them.
#[test]
fn completions() {
    let world = World::new();
    let commands = commands();
    for shell in ["bash", "zsh", "fish"] {
        let output = world.run(&["completions", shell]);
        assert!(output.status.success());
        let script = String::from_utf8(output.stdout).unwrap();
        let path = world.directory().join(shell);
        std::fs::write(&path, &script).unwrap();
        if let Some(output) = run(shell, &["-n", path.to_str().unwrap()]) {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && errors.is_empty(), "{shell}: {errors}");
        }
        for command in &commands {
            let name = command.rsplit(' ').next().unwrap();
            let is_there = script.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == name);
            assert!(is_there, "{shell}: no {command}");
        }
        assert!(!script.contains("tour-actor"), "{shell} completes what is hidden");
    }
}

#[test]
fn bash_completes() {
    let world = World::new();
    let script = r#"
        source /dev/stdin
        complete_line() {
            COMP_WORDS=($1 "") COMP_CWORD=$(wc -w <<< "$1") COMPREPLY=()
            _winipc winipc "" "${COMP_WORDS[COMP_CWORD-1]}"
            echo "${COMPREPLY[*]}"
        }
        complete_line winipc
        complete_line "winipc pipe"
        complete_line "winipc pipe serve""#;
    let completions = world.directory().join("completions");
    std::fs::write(&completions, world.run(&["completions", "bash"]).stdout).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).stdin(std::fs::File::open(completions).unwrap());
    let output = bash.output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split(' ').collect()).collect();
    assert!(errors.is_empty() && lines.len() == 3, "{errors}{text}");
    for (line, word) in lines.iter().zip(["semaphore", "connect", "--receive-only"]) {
        assert!(line.contains(&word), "no {word} in {line:?}");
    }
}

#[test]
fn pages_of_the_manual() {
    let world = World::new();
    let directory = world.directory().join("man1");
    assert!(world.run(&["man", directory.to_str().unwrap()]).status.success());
    let pages: BTreeSet<_> = directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<_> =
        commands().iter().map(|command| format!("{}.1", command.replace(' ', "-"))).collect();
    assert_eq!(pages, expected);
    for page in &pages {
        let path = directory.join(page);
        if let Some(output) = run("groff", &["-man", "-ww", "-z", path.to_str().unwrap()]) {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && errors.is_empty(), "{page}: {errors}");
        }
    }
    // As a reader sees it, if that can be had here.
    let page = directory.join("winipc-event-create.1");
    if let Some(output) = run("groff", &["-man", "-Tascii", "-P-cbou", page.to_str().unwrap()]) {
        let text = String::from_utf8(output.stdout).unwrap();
        for line in ["124  the time was up", "winipc event set go"] {
            assert!(text.lines().any(|found| found.trim() == line), "no line {line:?} in:\n{text}");
        }
    }
}
