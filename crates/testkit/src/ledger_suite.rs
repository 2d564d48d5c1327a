//! What must every ledger do?
