//! What watches over every run of a cluster in virtual or real time: panics wherever they happen, and the recording of
//! all nodes, judged at the end.

pub(crate) mod panics;
pub(crate) mod recording;
