//! The safe interface.
