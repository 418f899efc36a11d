//! Which Win32 symbols this crate defines, in a program that uses it (this one) and in the shared library.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSymbol};

/// The symbols that a program or library defines.
fn symbols(file: &Path) -> BTreeSet<String> {
    let file = std::fs::read(file).unwrap();
    let file = object::File::parse(&*file).unwrap();
    let defined = file.symbols().chain(file.dynamic_symbols()).filter(|symbol| symbol.is_definition());
    defined.map(|symbol| symbol.name().unwrap().to_owned()).collect()
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// The shared library, which Cargo builds beside this program.
fn library() -> PathBuf {
    program().with_file_name("libwinipc_win32.so")
}

/// Calls something, so that the functions are in the program.
fn use_the_crate() {
    // SAFETY: none of the calls takes a pointer that is read.
    unsafe {
        winipc_win32::SetLastError(5);
        assert_eq!(winipc_win32::GetLastError(), 5);
        winipc_win32::SetEvent(std::ptr::null_mut());
        winipc_win32::CloseHandle(std::ptr::null_mut());
    }
}

#[test]
#[cfg(not(feature = "export"))]
fn without_export_there_is_no_win32_symbol() {
    use_the_crate();
    assert!(
        symbols(&program()).iter().any(|symbol| symbol.contains("winipc_win32")),
        "there is a table to look at"
    );
    for file in [program(), library()] {
        let symbols = symbols(&file);
        let win32: Vec<_> = winipc_win32::FUNCTIONS.iter().filter(|name| symbols.contains(**name)).collect();
        assert!(win32.is_empty(), "{}: {win32:?}", file.display());
    }
}

#[test]
#[cfg(feature = "export")]
fn with_export_the_functions_are_symbols() {
    use_the_crate();
    let own = symbols(&program());
    for name in ["SetLastError", "GetLastError", "SetEvent", "CloseHandle"] {
        assert!(own.contains(name), "{name}");
    }
    let library = symbols(&library());
    let missing: Vec<_> = winipc_win32::FUNCTIONS.iter().filter(|name| !library.contains(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
