//! stub
use crate::arena::{Ref, Txn};
use crate::records::Object;
use crate::status::Result;
pub(crate) fn end_closed(_lock: &mut Txn<'static>, _reference: Ref<Object>, _object: &'static Object) -> Result<()> { Ok(()) }
