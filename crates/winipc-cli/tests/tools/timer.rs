//! `winipc timer`.

use super::assert_prints;
use super::common::World;

#[test]
fn a_timer_is_due_again_and_again() {
    let script = "winipc timer create tick --every 20ms -- sh -c '
        winipc timer wait tick; echo $?
        winipc timer wait tick; echo $?
        winipc timer cancel tick
        winipc timer wait tick --timeout 0 >/dev/null
        winipc timer wait tick --timeout 100ms; echo $?'";
    assert_prints(&World::new(), script, "0\n0\n124\n");
}

#[test]
fn a_timer_is_due_when_it_is_set_to() {
    let script = "winipc timer create alarm --manual -- sh -c '
        winipc timer wait alarm --timeout 0; echo $?
        winipc timer set alarm --at 2020-02-29T00:00:00Z
        winipc timer wait alarm; echo $?
        winipc timer wait alarm; echo $?
        winipc timer set alarm --after 1h
        winipc timer wait alarm --timeout 0; echo $?'";
    assert_prints(&World::new(), script, "124\n0\n0\n124\n");
}

#[test]
fn a_timer_that_is_there_is_left_as_it_is() {
    let script = "winipc timer create alarm --after 0 --manual -- \
        winipc timer create alarm --after 1h -- \
        winipc wait alarm";
    assert_prints(&World::new(), script, "alarm\n");
}
