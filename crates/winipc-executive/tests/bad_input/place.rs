//! The directory and the arena's file: whose they are, who may open them, what they hold.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use winipc_executive::namespace::attach;
use winipc_executive::{Attributes, Status, event};

use crate::child::{Scratch, command, is_root, succeeds};
use crate::omission::left_out;

fn refusal(directory: &Path) -> String {
    let text = succeeds("attach", directory);
    assert!(text.contains("attached: Err("), "{text}");
    text
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// An arena's file of this version, which nobody uses: its name is learnt from one that comes and goes.
fn file_of_this_version(directory: &Path) -> PathBuf {
    let mut child = command("forked", directory);
    // A process that is killed leaves its file behind.
    let output = child.env("WINIPC_BAD_INPUT_LEAVE", "1").output().unwrap();
    assert!(!output.status.success());
    let mut files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let file = files.next().expect("a file is left");
    assert!(files.next().is_none());
    file
}

#[test]
fn a_directory_that_is_open_to_others_is_refused() {
    let scratch = Scratch::new("open");
    for bits in [0o755, 0o710, 0o701, 0o770, 0o777] {
        mode(scratch.path(), bits);
        let text = refusal(scratch.path());
        assert!(text.contains("is open to other users") && text.contains(&format!("{bits:04o}")), "{text}");
    }
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    mode(scratch.path(), 0o700);
    assert!(succeeds("attach", scratch.path()).contains("attached: Ok"));
}

#[test]
fn a_directory_that_is_a_link_or_a_file_or_nowhere_is_refused() {
    let scratch = Scratch::new("link");
    let (real, link, file) =
        (scratch.path().join("real"), scratch.path().join("link"), scratch.path().join("file"));
    std::fs::create_dir(&real).unwrap();
    mode(&real, 0o700);
    symlink(&real, &link).unwrap();
    std::fs::write(&file, "").unwrap();
    assert!(refusal(&link).contains("cannot open the directory"));
    assert!(refusal(&file).contains("cannot open the directory"));
    assert!(refusal(&scratch.path().join("no/such")).contains("cannot make the directory"));
    assert_eq!(std::fs::read_dir(&real).unwrap().count(), 0);
}

/// Attaches as a user to whom the directory does not belong.
pub(crate) fn attach_as_nobody() {
    // SAFETY: plain system calls; the process is this test's own.
    assert_eq!(unsafe { libc::setgid(65_534) | libc::setuid(65_534) }, 0);
    println!("attached: {:?}", attach().map_err(|error| error.to_string()));
    let made = event::create(&Attributes::default(), 0, false, false);
    assert_eq!(made.map(|_| ()), Err(Status::ARENA_UNAVAILABLE));
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !is_root() {
        left_out("a_directory_of_another_user_is_refused", "root");
        return;
    }
    let scratch = Scratch::new("owner");
    mode(scratch.path(), 0o755);
    let text = succeeds("as-nobody", scratch.path());
    assert!(text.contains("belongs to user 0, not to user 65534"), "{text}");
    mode(scratch.path(), 0o700);
    let text = succeeds("as-nobody", scratch.path());
    assert!(text.contains("cannot open the directory") || text.contains("belongs to user 0"), "{text}");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_namespace_that_is_no_word_is_refused() {
    let scratch = Scratch::private("namespace");
    for name in ["a/b", "..", "a.b", "é", &"x".repeat(65)] {
        let output = command("attach", scratch.path()).env("WINIPC_NAMESPACE", name).output().unwrap();
        let text = crate::child::assert_success("attach", &output);
        assert!(text.contains("WINIPC_NAMESPACE is"), "{text}");
    }
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_is_no_arena_is_refused() {
    let scratch = Scratch::private("file");
    let path = file_of_this_version(scratch.path());
    let file = || std::fs::File::options().write(true).open(&path).unwrap();

    // The file of processes that are all dead is no obstacle, whatever it holds behind its first words.
    mode(&path, 0o644);
    assert!(refusal(scratch.path()).contains("is open to other users (mode 0644)"));
    mode(&path, 0o600);

    let length = std::fs::metadata(&path).unwrap().len();
    for wrong in [0, 1, 4096, length - 1, length + 1] {
        file().set_len(wrong).unwrap();
        let text = refusal(scratch.path());
        assert!(text.contains("is not an arena of this version"), "{text}");
    }
    // Truncated and made long again it has lost its first words.
    file().set_len(length).unwrap();
    file().set_len(0).unwrap();
    file().set_len(length).unwrap();
    assert!(refusal(scratch.path()).contains("is damaged"));

    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    refusal(scratch.path());
    std::fs::remove_dir(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    assert!(refusal(scratch.path()).contains("cannot open the arena"));
    std::fs::remove_file(&path).unwrap();
    assert!(succeeds("attach", scratch.path()).contains("attached: Ok"));
}

#[test]
fn a_wrong_magic_or_fingerprint_is_refused() {
    use std::os::unix::fs::FileExt;
    let scratch = Scratch::private("magic");
    let path = file_of_this_version(scratch.path());
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    for at in [0, 8] {
        let mut word = [0; 8];
        file.read_exact_at(&mut word, at).unwrap();
        file.write_all_at(&u64::from_ne_bytes(word).wrapping_add(1).to_ne_bytes(), at).unwrap();
        assert!(refusal(scratch.path()).contains("is damaged"));
        file.write_all_at(&word, at).unwrap();
    }
    // Of another boot, it is a leftover: a new arena takes its place.
    file.write_all_at(&[0; 16], 16).unwrap();
    assert!(succeeds("attach", scratch.path()).contains("attached: Ok"));
}

#[test]
fn an_arena_of_another_version_is_left_alone_and_mentioned() {
    let scratch = Scratch::private("sibling");
    let sibling = scratch.path().join("bad-input.0123456789abcdef");
    std::fs::write(&sibling, "another version's").unwrap();
    mode(&sibling, 0o600);
    let output = command("attach", scratch.path()).output().unwrap();
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warning.contains("another version of winipc"), "{warning}");
    assert_eq!(std::fs::read_to_string(&sibling).unwrap(), "another version's");
}
