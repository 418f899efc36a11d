//! The Win32 layer.
