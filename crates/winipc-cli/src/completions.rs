//! `winipc completions`: scripts that have a shell complete this program's commands and options.

use clap::CommandFactory;
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
    clap_complete::generate(arguments.shell, &mut Program::command(), "winipc", &mut script);
    print(String::from_utf8_lossy(&script))
}
