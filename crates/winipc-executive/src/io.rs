//! stub
use crate::arena::Txn;
use crate::arena::seat::SeatId;
use crate::context::Current;
use crate::records::Process;
use crate::status::Result;
pub(crate) fn deliver_for(_current: &Current) {}
pub(crate) fn drop_requests(_lock: &mut Txn<'_>, _process: &Process) -> Result<bool> { Ok(false) }
pub(crate) fn thread_ended(_lock: &mut Txn<'_>, _process: &Process, _id: SeatId) -> Result<()> { Ok(()) }
