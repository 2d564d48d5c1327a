//! Evidence: the checkable manifest of a pair's move.
//!
//! One file a pair says of every message where it stands, since when, how big it is, its digest and its flags; what was left
//! behind and who approved that. It is signed, and can be checked years later without a server, a ledger or this code: the
//! format is described byte by byte in `docs/evidence-format.md`.
//!
//! # Words
//!
//! A **row** is one thing attested: a message, an exception, a folder's total. Its **leaf** is the row as bytes that depend on
//! nothing else in the file; the **root** is the Merkle tree's over all leaves (RFC 6962 §2.1). A **block** holds some
//! thousand rows, compressed. A **proof** shows that one message is under the root, and holds nothing of the others.
//!
//! # Modules, in reading order
//!
//! - [`row`]: what is attested.
//! - [`leaf`] and `wire`: the same as bytes.
//! - `block`: rows packed, some thousand at a time.
//! - [`tree`]: the Merkle tree, built while rows pass.
//! - [`key`]: who signs.
//! - `frame`: what stands before and after the blocks.
//! - [`writer`], [`reader`]: the file.
//! - [`proof`]: one message, proven.
//! - [`against`]: a mailbox as it is now, beside what was attested.
//!
//! # Price
//!
//! Memory: one block, the tree's right edge (a hash for each doubling of the rows), and a total for each folder. Disk: 44
//! bytes a message of hashes that cannot be compressed, and 6 to 9 of all else.

pub mod against;
mod block;
mod error;
mod frame;
pub mod hash;
pub mod key;
pub mod leaf;
pub mod proof;
pub mod reader;
pub mod row;
pub mod tree;
mod wire;
pub mod writer;

pub use error::EvidenceError;
pub use frame::{Algorithms, Counts, Footer, Header};
pub use hash::{Digest, MessageIdHash, Root};
pub use key::{PublicKey, SigningKey};
pub use limosa_model::Approval;
pub use proof::{Proof, prove};
pub use reader::{Reader, Report, check, inspect};
pub use row::{FolderPair, FolderTotal, LeftBehind, Record, Row};
pub use writer::Writer;
