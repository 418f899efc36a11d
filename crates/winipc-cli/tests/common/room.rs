//! Chat rooms as the tests enter them.

use super::{Process, World, mechanisms, unique};

/// A room that no other test uses, in a world of its own.
pub(crate) struct Room {
    pub(crate) world: World,
    pub(crate) name: String,
    pub(crate) mechanism: String,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::over("named-pipe")
    }

    pub(crate) fn over(mechanism: &str) -> Self {
        Self { world: World::new(), name: unique("room"), mechanism: mechanism.into() }
    }

    /// One for each mechanism.
    pub(crate) fn of_each_kind() -> impl Iterator<Item = Self> {
        mechanisms().into_iter().map(|mechanism| {
            println!("over {mechanism}:");
            Self::over(&mechanism)
        })
    }

    pub(crate) fn enter_with(&self, name: &str, arguments: &[&str]) -> Process {
        let ours = ["chat", &self.name, "--name", name, "--over", &self.mechanism];
        Process::start(self.world.winipc().args(ours).args(arguments))
    }

    /// Starts a member and waits until it is in.
    pub(crate) fn enter(&self, name: &str, others: &[&str]) -> Process {
        let mut member = self.enter_with(name, &[]);
        let line = member.expect("serves");
        if others.is_empty() {
            assert_eq!(line, format!("* you are the first here; {name} serves the room"));
        }
        for other in others {
            assert!(line.contains(other), "{line}");
        }
        member
    }
}
