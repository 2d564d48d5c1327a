//! How is a Maildir++ filled without the server?

/// Whose Maildir++ it is: they differ in where keywords and UIDs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Dovecot: `dovecot-keywords`, `dovecot-uidlist`.
    Dovecot,
    /// Courier: `courierimapkeywords`, `courierimapuiddb`.
    Courier,
}
