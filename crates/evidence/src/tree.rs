//! The Merkle tree of RFC 6962 §2.1 with SHA-256, built while leaves pass: its right edge is all that is kept.

use crate::hash::{Node, Root, sha256};

/// `SHA-256(0x00 ‖ leaf)`: no leaf can be taken for a node.
fn leaf_hash(leaf: &[u8]) -> Node {
    let mut bytes = Vec::with_capacity(leaf.len() + 1);
    bytes.push(0);
    bytes.extend_from_slice(leaf);
    Node(sha256(&bytes))
}

/// `SHA-256(0x01 ‖ left ‖ right)`
fn parent(left: Node, right: Node) -> Node {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Node(sha256(&bytes))
}

/// A tree that grows to the right.
#[derive(Debug, Default)]
pub struct Tree {
    /// Whole subtrees from left to right, each smaller than the one before.
    edge: Vec<Subtree>,
    leaves: u64,
    followed: Vec<(u64, Vec<Node>)>,
}

#[derive(Clone, Copy, Debug)]
struct Subtree {
    first: u64,
    leaves: u64,
    node: Node,
}

impl Tree {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: &[u8]) {
        let mut grown = Subtree { first: self.leaves, leaves: 1, node: leaf_hash(leaf) };
        self.leaves += 1;
        while let Some(left) = self.edge.pop_if(|left| left.leaves == grown.leaves) {
            grown = self.join(left, grown);
        }
        self.edge.push(grown);
    }

    /// Adds a leaf and follows it: the tree will give its path.
    pub fn push_followed(&mut self, leaf: &[u8]) {
        // Before the leaf: joining adds to the paths of those that are followed.
        self.followed.push((self.leaves, Vec::new()));
        self.push(leaf);
    }

    /// Number of leaves.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root, and for each leaf followed its index and its path from the leaf upwards.
    pub fn finish(mut self) -> (Root, Vec<(u64, Vec<Node>)>) {
        let Some(mut joined) = self.edge.pop() else { return (Root(sha256(&[])), Vec::new()) };
        while let Some(left) = self.edge.pop() {
            joined = self.join(left, joined);
        }
        (Root(joined.node.0), self.followed)
    }

    fn join(&mut self, left: Subtree, right: Subtree) -> Subtree {
        let end = right.first + right.leaves;
        for (index, path) in &mut self.followed {
            if (left.first..right.first).contains(index) {
                path.push(right.node);
            } else if (right.first..end).contains(index) {
                path.push(left.node);
            }
        }
        Subtree { first: left.first, leaves: left.leaves + right.leaves, node: parent(left.node, right.node) }
    }
}

/// The root that a leaf's path leads to (RFC 9162 §2.1.3.2); `None` if the path does not fit the leaf's place.
pub fn root_of_path(leaf: &[u8], index: u64, leaves: u64, path: &[Node]) -> Option<Root> {
    if index >= leaves {
        return None;
    }
    let (mut at, mut last) = (index, leaves - 1);
    let mut node = leaf_hash(leaf);
    for &sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            node = parent(sibling, node);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            node = parent(node, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(Root(node.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 §2.1, word by word.
    fn by_definition(leaves: &[Vec<u8>]) -> Node {
        match leaves {
            [] => Node(sha256(&[])),
            [leaf] => leaf_hash(leaf),
            _ => {
                let half = (leaves.len() as u64).next_power_of_two() as usize / 2;
                parent(by_definition(&leaves[..half]), by_definition(&leaves[half..]))
            }
        }
    }

    #[test]
    fn the_tree_is_the_one_of_the_definition_and_every_path_leads_to_its_root() {
        for count in 0..70u64 {
            let leaves: Vec<Vec<u8>> = (0..count).map(|number| number.to_be_bytes().to_vec()).collect();
            let mut tree = Tree::default();
            leaves.iter().for_each(|leaf| tree.push_followed(leaf));
            assert!(tree.edge.len() <= 7, "the edge stays short");
            let (root, paths) = tree.finish();
            assert_eq!(root.0, by_definition(&leaves).0, "{count}");
            assert_eq!(paths.len() as u64, count);
            for (index, path) in paths {
                let leaf = &leaves[index as usize];
                assert_eq!(root_of_path(leaf, index, count, &path), Some(root), "{index} of {count}");
                assert_ne!(root_of_path(b"another", index, count, &path), Some(root));
                assert_ne!(root_of_path(leaf, (index + 1) % count.max(2), count, &path), Some(root));
                assert_eq!(root_of_path(leaf, count, count, &path), None);
                let longer = [path.as_slice(), &[Node([0; 32])]].concat();
                assert_ne!(root_of_path(leaf, index, count, &longer), Some(root));
            }
        }
    }

    /// The vectors of RFC 6962's reference implementation (Certificate Transparency).
    #[test]
    fn the_tree_is_that_of_certificate_transparency() {
        let leaves: [&[u8]; 3] = [b"", b"\0", b"\x10"];
        let mut tree = Tree::default();
        leaves.iter().for_each(|leaf| tree.push(leaf));
        let root = tree.finish().0.to_string();
        assert_eq!(root, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
    }
}
