//! switchboard-call
