//! `winipc section`.

use super::common::World;
use super::{assert_ends, assert_prints};

#[test]
fn what_is_written_is_read() {
    let script = r#"winipc section create board 64K -- sh -c '
        printf "a\0b\377c" | winipc section write board
        winipc section read board --length 6 | od -An -tx1
        printf "end" | winipc section write board --offset 65533
        winipc section read board --offset 65532 | od -An -tx1
        winipc section read board | wc -c'"#;
    assert_prints(&World::new(), script, " 61 00 62 ff 63 00\n 00 65 6e 64\n65536\n");
}

#[test]
fn large_data_goes_through() {
    let script = "winipc section create large 5M -- sh -c '
        head -c 5242880 /dev/urandom > \"$0\"
        winipc section write large < \"$0\"
        winipc section read large | cmp - \"$0\" && echo same
        rm \"$0\"' \"$(mktemp)\"";
    assert_prints(&World::new(), script, "same\n");
}

#[test]
fn what_does_not_fit_is_not_written() {
    let script = "winipc section create small 4096 -- sh -c '
        head -c 4097 /dev/zero | tr \"\\\\0\" x | winipc section write small 2>&1; echo $?
        printf abc | winipc section write small --offset 4094 2>&1; echo $?
        winipc section read small | tr -d \"\\\\0\" | wc -c
        winipc section read small --offset 4097 2>&1; echo $?
        winipc section read small --offset 4096; echo $?'";
    let expected = "winipc: standard input has more than the 4096 bytes that the section \"small\" has there\n1\n\
                    winipc: standard input has more than the 2 bytes that the section \"small\" has there\n1\n\
                    0\nwinipc: the section \"small\" ends at 4096 bytes, before the offset\n1\n0\n";
    assert_prints(&World::new(), script, expected);
}

#[test]
fn sections_are_listed_while_they_are_held() {
    let script = "
        winipc section list
        winipc section create two 1M -- winipc section create one 4096 -- winipc section list
        winipc section list";
    assert_prints(&World::new(), script, "one\ntwo\n");
}

#[test]
fn what_is_not_there_is_told() {
    let world = World::new();
    assert_ends(&world, &["section", "read", "nothing"], 3, "the section \"nothing\"");
    assert_ends(&world, &["section", "write", "nothing"], 3, "the section \"nothing\"");
    assert_ends(&world, &["section", "create", "none", "0"], 2, "one byte at least");
    assert_ends(&world, &["section", "create", "none", "1X"], 2, "1X");
    assert_ends(&world, &["section", "create", "a\\b", "1"], 2, "the section \"a\\b\"");
    let holder =
        &["event", "create", "taken", "--", env!("CARGO_BIN_EXE_winipc"), "section", "read", "taken"];
    assert_ends(&world, holder, 1, "the section \"taken\"");
}
