//! Names and ports held for subjects.
