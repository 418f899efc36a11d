//! `winipc tour` and what all commands have in common.

mod common;

use std::process::Stdio;

use common::{World, mechanisms};

#[test]
fn the_tour_loses_nothing() {
    let output = World::new().run(&["tour", "--messages", "12"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    for mechanism in mechanisms() {
        assert!(rows.iter().any(|row| row.starts_with(&[&mechanism, "4", "12", "12", "0"])), "{text}");
    }
    for part in ["ann: Good morning", "bob: Yes, I hear you", "mechanism"] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn the_tour_for_machines() {
    for mechanism in mechanisms() {
        let output = World::new().run(&["tour", "--json", "--messages", "200", "--only", &mechanism]);
        assert!(output.status.success(), "{mechanism}: {}", String::from_utf8_lossy(&output.stderr));
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let row = &rows[0];
        assert_eq!(row["mechanism"], *mechanism);
        for (field, value) in [("processes", 4), ("sent", 200), ("received", 200), ("lost", 0)] {
            assert_eq!(row[field], value, "{mechanism}: {field}");
        }
        let median = row["median_microseconds"].as_f64().unwrap();
        assert!(median > 0.0 && row["percentile_99_microseconds"].as_f64().unwrap() >= median);
    }
}

#[test]
fn the_tour_knows_its_mechanisms() {
    let output = World::new().run(&["tour", "--only", "smoke signals"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("[possible values: named-pipe"), "{errors}");
}

/// `winipc tour | head -1`
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::new();
    let mut command = world.winipc();
    command.args(["tour", "--messages", "1000"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tour = command.spawn().unwrap();
    // Closed before anything is written.
    drop(tour.stdout.take());
    let output = tour.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
}

#[cfg(unix)]
#[test]
fn the_tour_tells_of_a_process_that_dies() {
    use rustix::process::{Pid, Signal, kill_process};
    for mechanism in mechanisms() {
        let world = World::new();
        let mut command = world.winipc();
        command.args(["tour", "--messages", "1000000", "--only", &mechanism]);
        let mut tour = common::Process::start(&mut command);
        tour.expect("ann: Good morning");
        // Its last child: a client.
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", tour.id())).unwrap();
        let client: i32 = children.split_whitespace().last().unwrap().parse().unwrap();
        kill_process(Pid::from_raw(client).unwrap(), Signal::KILL).unwrap();
        let (status, _, errors) = tour.finish();
        assert_eq!(status.code(), Some(1), "{errors}");
        assert!(errors.contains(&format!("{mechanism}: ")), "{errors}");
    }
}

#[test]
fn help_explains() {
    for (arguments, part) in [
        (&["--help"][..], "Talk with everybody in a room"),
        (&["chat", "--help"], "no typed line is lost"),
        (&["chat", "--help"], "named-pipe: A duplex message pipe"),
        (&["tour", "--help"], "The exit status is 1 if a message was lost"),
        (&["bench", "--help"], "--only <ROW>"),
    ] {
        let output = World::new().run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        // However wide the terminal.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(output.status.success() && text.contains(part), "{arguments:?}:\n{text}");
        assert!(!text.contains("bench-helper") && !text.contains("tour-actor"), "hidden commands are hidden");
    }
}

#[test]
fn help_lists_what_can_be_chosen() {
    let names_of = |arguments: &[&str]| {
        let text = String::from_utf8(World::new().run(arguments).stdout).unwrap();
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_once(':'));
        lines.map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names_of(&["tour", "--help"]), mechanisms());
    let labs = names_of(&["lab", "--help"]);
    assert!(labs.contains(&"race".to_string()), "{labs:?}");
}

/// `winipc tuor` was told of a command that is none for people.
#[test]
fn what_is_mistyped_is_not_taken_for_what_is_hidden() {
    for typed in ["tuor", "tour-acto", "lab-actr", "bench-hlper"] {
        let output = World::new().run(&[typed]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        let hint = errors.replacen(typed, "", 1);
        assert!(!hint.contains("actor") && !hint.contains("helper"), "{errors}");
    }
}
