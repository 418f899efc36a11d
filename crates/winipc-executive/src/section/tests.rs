use super::*;
use crate::context::attach_in_memory;
use crate::inspect::check_arena;

fn parameters(size: u64) -> Parameters {
    Parameters { size, protection: Protection::ReadWrite, reserve: false }
}

fn whole(access: Access) -> View {
    View { access, execute: false, offset: 0, length: 0, base: None }
}

fn give_up(address: usize) -> Unused {
    #[allow(unsafe_code)]
    // SAFETY: the tests keep no reference into a view.
    unsafe {
        Unused::at(address)
    }
}

/// Files of sections, but for the one that the process keeps for the next.
fn files(current: &Current) -> usize {
    let kept = current.process().spare_section.peek() != 0;
    current.context.place.section_files().len() - usize::from(kept)
}

#[test]
#[cfg(not(miri))]
fn a_section_lives_while_it_has_a_handle_or_a_view() {
    let current = attach_in_memory();
    let (section, _) = create(&Attributes::default(), ALL_RIGHTS, &parameters(100_000)).unwrap();
    let first = map(section, &whole(Access::Write)).unwrap();
    let second = map(section, &View { offset: 65536, ..whole(Access::Read) }).unwrap();
    assert_eq!((first % 65536, second % 65536), (0, 0));
    assert_eq!(check_arena(&current), []);
    handle::close(section).unwrap();
    assert_eq!(files(&current), 1);
    assert_eq!(check_arena(&current), []);
    // Any address inside will do.
    assert_eq!(unmap(give_up(first + 102_399)), Ok(()));
    assert_eq!(unmap(give_up(first)), Err(Status::NOT_MAPPED_VIEW));
    assert_eq!(files(&current), 1);
    assert_eq!(unmap(give_up(second)), Ok(()));
    assert_eq!((files(&current), check_arena(&current)), (0, vec![]));
    assert_eq!(current.process().charge.peek(), 0);
}

#[test]
#[cfg(not(miri))]
fn what_fails_leaves_nothing() {
    let current = attach_in_memory();
    let name: Vec<u16> = "section".encode_utf16().collect();
    let named = Attributes { name: Some(&name), inherit: false };
    assert_eq!(create(&named, ALL_RIGHTS, &parameters(1 << 50)).unwrap_err(), Status::COMMITMENT_LIMIT);
    assert_eq!(create(&named, ALL_RIGHTS, &parameters(u64::MAX)).unwrap_err(), Status::SECTION_TOO_BIG);
    assert_eq!(open(&name, ALL_RIGHTS, false), Err(Status::OBJECT_NAME_NOT_FOUND));
    assert_eq!(files(&current), 0);
    let (section, _) = create(&named, ALL_RIGHTS, &parameters(1)).unwrap();
    let base = map(section, &whole(Access::Read)).unwrap();
    for (view, status) in [
        (View { base: Some(base), ..whole(Access::Read) }, Status::CONFLICTING_ADDRESSES),
        (View { base: Some(usize::MAX & !0xFFFF), ..whole(Access::Read) }, Status::CONFLICTING_ADDRESSES),
        (View { base: Some(base + 4096), ..whole(Access::Read) }, Status::MAPPED_ALIGNMENT),
        (View { offset: 4096, ..whole(Access::Read) }, Status::MAPPED_ALIGNMENT),
        (View { offset: 65536, ..whole(Access::Read) }, Status::INVALID_VIEW_SIZE),
        (View { length: 4097, ..whole(Access::Read) }, Status::INVALID_VIEW_SIZE),
        (View { execute: true, ..whole(Access::Read) }, Status::ACCESS_DENIED),
    ] {
        assert_eq!(map(section, &view), Err(status), "{view:?}");
    }
    assert_eq!(check_arena(&current), []);
    unmap(give_up(base)).unwrap();
    handle::close(section).unwrap();
    assert_eq!((files(&current), check_arena(&current)), (0, vec![]));
}

/// To touch what is behind the end of a file kills the process.
#[test]
#[cfg(not(miri))]
fn a_file_that_is_too_short_is_not_mapped() {
    let current = attach_in_memory();
    let (section, _) = create(&Attributes::default(), ALL_RIGHTS, &parameters(200_000)).unwrap();
    let id = id_of(&look_up(&current, section).unwrap());
    current.context.place.open_section(id, 0).unwrap().set_len(65536).unwrap();
    assert_eq!(map(section, &whole(Access::Read)), Err(Status::ARENA_CORRUPT));
    let first = map(section, &View { length: 65536, ..whole(Access::Read) }).unwrap();
    unmap(give_up(first)).unwrap();
    handle::close(section).unwrap();
    assert_eq!((files(&current), check_arena(&current)), (0, vec![]));
}

/// Programs that do not use the library can make a file shorter that a section is over.
#[test]
#[cfg(not(miri))]
fn a_callers_file_that_is_too_short_is_not_mapped() {
    let current = attach_in_memory();
    let path = format!("/dev/shm/winipc-test-short-{}", std::process::id());
    let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(200_000).unwrap();
    let handle = crate::file::adopt(file.try_clone().unwrap().into(), 0xC000_0000, false).unwrap();
    let name: Vec<u16> = "section".encode_utf16().collect();
    let named = Attributes { name: Some(&name), inherit: false };
    let (section, _) = create_over(&named, ALL_RIGHTS, handle, 0, Protection::ReadWrite).unwrap();
    let first = View { length: 65536, ..whole(Access::Write) };
    let arena = current.arena();
    let map_elsewhere = |view: View| {
        std::thread::scope(|scope| {
            let map = || crate::context::visit(arena, || map(open(&name, ALL_RIGHTS, false)?, &view));
            scope.spawn(map).join().unwrap()
        })
    };
    for (length, expected) in [(200_000, Ok(())), (65536, Err(Status::FILE_INVALID))] {
        file.set_len(length).unwrap();
        assert_eq!(map(section, &whole(Access::Write)).map(|view| unmap(give_up(view)).unwrap()), expected);
        assert!(map(section, &first).is_ok_and(|view| unmap(give_up(view)).is_ok()));
        // Who has not made it opens the file by its path.
        assert_eq!(map_elsewhere(whole(Access::Write)).map(drop), expected);
        assert!(map_elsewhere(first).is_ok());
    }
    std::fs::remove_file(path).unwrap();
    for handle in [section, handle] {
        handle::close(handle).unwrap();
    }
    assert_eq!(check_arena(&current), []);
}

/// The number of a section's object.
fn number(current: &Current, section: Handle) -> u32 {
    look_up(current, section).unwrap().reference.index()
}

#[test]
#[cfg(not(miri))]
fn a_small_section_that_was_given_up_is_the_next() {
    let current = attach_in_memory();
    let kept = || current.process().spare_section.peek();
    let make = |size| create(&Attributes::default(), ALL_RIGHTS, &parameters(size)).unwrap().0;
    let first = make(8192);
    let id = number(&current, first);
    let view = map(first, &whole(Access::Write)).unwrap();
    handle::close(first).unwrap();
    assert_eq!(kept(), 0, "a view is left");
    unmap(give_up(view)).unwrap();
    assert_eq!((kept(), check_arena(&current)), (id, vec![]));
    assert_eq!(
        crate::inspect::objects().unwrap().objects.iter().filter(|it| it.kind == Kind::Section).count(),
        0
    );
    // There is one of them, and it serves its own size.
    let (second, third) = (make(8192), make(8192));
    assert_eq!((number(&current, second), kept()), (id, 0));
    handle::close(second).unwrap();
    handle::close(third).unwrap();
    assert_eq!((kept(), files(&current), check_arena(&current)), (id, 0, vec![]));
    let other = make(4096);
    assert_eq!((kept(), files(&current), check_arena(&current)), (0, 1, vec![]));
    handle::close(other).unwrap();
    assert_eq!(files(&current), 0);
}

#[test]
#[cfg(not(miri))]
fn a_section_that_another_process_has_mapped_is_not_kept() {
    let current = attach_in_memory();
    let name: Vec<u16> = "section".encode_utf16().collect();
    let named = Attributes { name: Some(&name), inherit: false };
    let (section, _) = create(&named, ALL_RIGHTS, &parameters(4096)).unwrap();
    let arena = current.arena();
    let map_there = || {
        crate::context::visit(arena, || {
            // Whether it finds the file in its own directory does not matter.
            let _ = map(open(&name, ALL_RIGHTS, false).unwrap(), &whole(Access::Write));
        });
    };
    std::thread::scope(|scope| scope.spawn(map_there).join().unwrap());
    handle::close(section).unwrap();
    assert_eq!((current.process().spare_section.peek(), files(&current)), (0, 0));
    assert_eq!(check_arena(&current), []);
}

/// Who had looked its handle up before mapped what was another section by then.
#[test]
#[cfg(not(miri))]
fn a_section_that_has_gone_is_known_to_have_gone() {
    let current = attach_in_memory();
    for size in [4096, 100_000] {
        let (section, _) = create(&Attributes::default(), ALL_RIGHTS, &parameters(size)).unwrap();
        let found = look_up(&current, section).unwrap();
        handle::close(section).unwrap();
        let lock = current.begin().unwrap();
        assert!(!found.is_current(&lock), "{size}");
        lock.commit().unwrap();
        assert_eq!(check_arena(&current), []);
    }
}

/// Writes over files that are none, and a process that cannot be buried, would be the end of others.
#[test]
#[cfg(not(miri))]
fn what_a_neighbour_makes_of_a_kept_section_is_not_used() {
    let current = attach_in_memory();
    let process = current.process();
    let set = |word: &crate::arena::word::Guarded32, value: u32| {
        let mut lock = current.begin().unwrap();
        word.set(&mut lock, value);
        lock.commit().unwrap();
    };
    let make = |size| create(&Attributes::default(), ALL_RIGHTS, &parameters(size)).unwrap().0;
    // Another size than its file's.
    let first = make(4096);
    let object = look_up(&current, first).unwrap().object;
    handle::close(first).unwrap();
    let mut lock = current.begin().unwrap();
    object.body[SIZE].set(&mut lock, 16384);
    lock.commit().unwrap();
    handle::close(make(16384)).unwrap();
    // A section that somebody uses, one over a file, and nothing at all.
    let path = format!("/dev/shm/winipc-test-kept-{}", std::process::id());
    std::fs::write(&path, [7; 4096]).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let handle = crate::file::adopt(file.into(), 0xC000_0000, false).unwrap();
    let (disk, _) =
        create_over(&Attributes::default(), ALL_RIGHTS, handle, 0, Protection::ReadWrite).unwrap();
    let used = make(4096);
    for word in [number(&current, disk), number(&current, used), 900, u32::MAX] {
        assert_eq!(process.spare_section.peek(), 0);
        set(&process.spare_section, word);
        let other = make(4096);
        assert_ne!(number(&current, other), word);
        // As long as it seems to have one it keeps no other.
        set(&process.spare_section, word);
        handle::close(other).unwrap();
        let mut lock = current.begin().unwrap();
        assert_eq!(spare::drop_kept(&mut lock, process), Ok(()));
        lock.commit().unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), [7; 4096]);
    std::fs::remove_file(path).unwrap();
    for handle in [disk, handle, used] {
        handle::close(handle).unwrap();
    }
    sweep(&current);
    assert_eq!(check_arena(&current), []);
}

/// What lies behind the end of its file is nothing.
#[test]
#[cfg(not(miri))]
fn a_small_section_that_is_longer_than_its_file_is_not_mapped() {
    let current = attach_in_memory();
    let (section, _) = create(&Attributes::default(), ALL_RIGHTS, &parameters(4096)).unwrap();
    let mut lock = current.begin().unwrap();
    look_up(&current, section).unwrap().object.body[SIZE].set(&mut lock, 1 << 30);
    lock.commit().unwrap();
    assert_eq!(map(section, &whole(Access::Write)), Err(Status::ARENA_CORRUPT));
    let offset = View { offset: 1 << 29, ..whole(Access::Write) };
    assert_eq!(map(section, &offset), Err(Status::ARENA_CORRUPT));
}

/// Somebody else may make a section of the same name while one's memory is made.
#[test]
#[cfg(not(miri))]
fn the_first_to_publish_has_the_name() {
    let current = attach_in_memory();
    let name: Vec<u16> = "section".encode_utf16().collect();
    let named = Attributes { name: Some(&name), inherit: false };
    let make = || {
        let (handle, _) =
            object::create(&current, &Attributes::default(), Kind::Section, ALL_RIGHTS, |lock| {
                allocate(lock, 4096, Protection::ReadWrite, false)
            })
            .unwrap();
        let found = look_up(&current, handle).unwrap();
        current.context.place.create_section(id_of(&found), 4096, true).unwrap();
        (handle, found)
    };
    let (first, second) = (make(), make());
    assert_eq!(map(second.0, &whole(Access::Read)), Err(Status::INVALID_HANDLE), "nobody knows of it yet");
    assert_eq!(publish(&current, &second.1, &named, ALL_RIGHTS), Ok(None));
    let found = publish(&current, &first.1, &named, ALL_RIGHTS).unwrap().unwrap();
    assert_eq!(handle::same_object(found, second.0), Ok(true));
    for handle in [first.0, second.0, found] {
        handle::close(handle).unwrap();
    }
    assert_eq!((files(&current), check_arena(&current)), (0, vec![]));
}
