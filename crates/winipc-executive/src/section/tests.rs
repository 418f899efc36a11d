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

fn files(current: &Current) -> usize {
    current.context.place.section_files().len()
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
        (handle, make_memory(&current, handle, 4096, true).unwrap())
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
