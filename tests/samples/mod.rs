//! Captures to be explained: of every ending, link type and tunnel.

#![allow(dead_code, reason = "each test program uses the part that it needs")]

pub mod made;
pub mod talk;

/// A capture file.
pub struct Sample {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Sample {
    pub fn new(name: &str, bytes: Vec<u8>) -> Sample {
        let name = name.to_owned();
        Sample { name, bytes }
    }
}
