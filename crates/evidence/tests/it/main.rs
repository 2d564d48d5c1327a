//! Evidence as a file: what is written is read, what is not what was written is refused, and others can check it.

mod against;
mod damage;
mod proofs;
mod python;
mod round_trip;
mod support;
