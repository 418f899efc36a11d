//! `winipc completions`: scripts that have a shell complete this program's commands and options.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::error::Result;
use crate::table::print;

/// Print a script that has a shell complete winipc's commands and options
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  winipc completions bash > ~/.local/share/bash-completion/completions/winipc
  winipc completions zsh > ~/.zfunc/_winipc
  winipc completions fish > ~/.config/fish/completions/winipc.fish")]
pub(crate) struct Arguments {
    shell: Shell,
}

/// # Errors
/// Standard output does not take the script.
pub(crate) fn run<Program: CommandFactory>(arguments: &Arguments) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut visible(&Program::command()), "winipc", &mut script);
    print(String::from_utf8_lossy(&script))
}

/// The command without what is hidden, which would be completed otherwise.
pub(crate) fn visible(command: &Command) -> Command {
    let subcommands: Vec<_> =
        command.get_subcommands().filter(|one| !one.is_hide_set()).map(visible).collect();
    let mut visible = Command::new(command.get_name().to_string())
        .args(command.get_arguments())
        .groups(command.get_groups())
        .subcommands(subcommands)
        .subcommand_required(command.is_subcommand_required_set());
    visible = match command.get_version() {
        Some(version) => visible.version(version.to_string()),
        None => visible,
    };
    let help = [command.get_after_long_help(), command.get_after_help()];
    visible = match help.into_iter().flatten().next() {
        Some(help) => visible.after_help(help.clone()),
        None => visible,
    };
    match command.get_about() {
        Some(about) => visible.about(about.clone()),
        None => visible,
    }
}
