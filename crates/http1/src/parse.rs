//! One head out of the front of a buffer.
