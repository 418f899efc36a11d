//! `winipc man`: a page of the manual for each command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::error::{Error, Result};

/// Write the pages of the manual, one for each command
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  winipc man ~/.local/share/man/man1 && man winipc-pipe-serve")]
pub(crate) struct Arguments {
    /// Where to write them; it is made if it is not there
    directory: PathBuf,
}

/// # Errors
/// The directory cannot be written to.
pub(crate) fn run<Program: CommandFactory>(arguments: &Arguments) -> Result<()> {
    let directory = &arguments.directory;
    let failed = |error| Error::because(format_args!("cannot write to {}", directory.display()), error);
    fs::create_dir_all(directory).map_err(failed)?;
    let mut command = Program::command().disable_help_subcommand(true);
    command.build();
    write(&command, directory).map_err(failed)
}

/// Pages for the command and what is below it.
fn write(command: &Command, directory: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        write(subcommand, directory)?;
    }
    let man = Man::new(command.clone()).manual("winipc");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(help) = command.get_after_long_help().or(command.get_after_help()) {
        page.extend_from_slice(notes(&help.to_string()).as_bytes());
    }
    fs::write(directory.join(man.get_filename()), page)
}

/// What `--help` says after the options, with its lines where examples and tables need them.
fn notes(help: &str) -> String {
    let mut page = String::from(".SH NOTES\n");
    let mut is_filled = true;
    for line in help.lines() {
        let fills = !line.starts_with(' ');
        if line.is_empty() {
            page.push_str(if is_filled { ".PP\n" } else { "\n" });
            continue;
        }
        if fills != is_filled {
            page.push_str(if fills { ".fi\n" } else { ".nf\n" });
            is_filled = fills;
        }
        let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
        if line.starts_with('.') {
            page.push_str("\\&");
        }
        page.push_str(&line);
        page.push('\n');
    }
    if !is_filled {
        page.push_str(".fi\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines() {
        let page = notes("Some text.\n\nExamples:\n  it\\'s -N\n\n.profile");
        assert_eq!(
            page,
            ".SH NOTES\nSome text.\n.PP\nExamples:\n.nf\n  it\\e\\(aqs \\-N\n\n.fi\n\\&.profile\n"
        );
    }
}
