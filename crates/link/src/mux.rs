//! The state machine of one link: frames in, events out; no sockets, no clock.
