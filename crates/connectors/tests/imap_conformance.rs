//! Does the IMAP connector keep the contract, on every kind of server?
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod imap_common;

use std::sync::atomic::{AtomicU32, Ordering};

use imap_common::eyes::Eyes;
use limosa_connectors::imap::ImapSettings;
use limosa_lab::{CourierOptions, CyrusOptions, DovecotOptions, Lab, Server, Storage};
use limosa_testkit::conformance::Declared;
use tokio::sync::OnceCell;

static USERS: AtomicU32 = AtomicU32::new(1);

/// What any Dovecot does.
fn dovecot() -> Declared {
    Declared {
        batches: true,
        // CREATE-SPECIAL-USE is not offered by Dovecot 2.3.
        roles: false,
        // "Can't save a zero byte message". Lines end with CRLF when they are read, whatever they were; NUL is read as 0x80;
        // a date in the future becomes the present.
        refused_samples: vec!["empty", "bare-lf", "lf-only", "lone-cr", "nul", "no-header"],
        // "Invalid mailbox name: Begins with '~'"
        refused_names: vec!["~tilde"],
        ..Declared::default()
    }
}

/// What any Cyrus does.
fn cyrus() -> Declared {
    Declared {
        batches: true,
        // "Zero-length message literal", "Message contains invalid header", "Message contains bare newlines"; NUL only as
        // binary, which the second pair of eyes cannot send; the date 0 becomes the present.
        refused_samples: vec!["empty", "one-byte", "bare-lf", "lf-only", "nul", "no-message-id"],
        // "Invalid mailbox name"
        refused_names: vec!["50% * off", "\"quoted\"", "{3}"],
        // "Mailbox has inferior hierarchical names"
        removes_parents: false,
        ..Declared::default()
    }
}

/// A new user of a server that all tests of a kind share.
async fn eyes(server: &Server, declared: Declared, adjust: impl FnOnce(&mut ImapSettings)) -> Eyes {
    let user = format!("user{}", USERS.fetch_add(1, Ordering::Relaxed));
    Eyes::new(server, &user, declared, adjust).await
}

/// Dovecot with Maildir.
mod dovecot_maildir {
    use super::*;

    static SERVER: OnceCell<Server> = OnceCell::const_new();

    async fn harness() -> Eyes {
        let start = || async { Lab::shared().await.unwrap().dovecot(DovecotOptions::default()).await.unwrap() };
        eyes(SERVER.get_or_init(start).await, dovecot(), |_| {}).await
    }

    limosa_testkit::conformance_suite!(harness().await);
}

/// Dovecot with its own format.
mod dovecot_sdbox {
    use super::*;

    static SERVER: OnceCell<Server> = OnceCell::const_new();

    async fn harness() -> Eyes {
        let options = DovecotOptions { compress: true, ..DovecotOptions::default().with_storage(Storage::Sdbox) };
        let start = || async { Lab::shared().await.unwrap().dovecot(options).await.unwrap() };
        eyes(SERVER.get_or_init(start).await, dovecot(), |settings| settings.compress = true).await
    }

    limosa_testkit::conformance_suite!(harness().await);
}

/// A server that can do next to nothing.
mod poor {
    use super::*;

    static SERVER: OnceCell<Server> = OnceCell::const_new();

    async fn harness() -> Eyes {
        let options = DovecotOptions { capability: Some("IMAP4rev1 NAMESPACE".into()), ..DovecotOptions::default() };
        let start = || async { Lab::shared().await.unwrap().dovecot(options).await.unwrap() };
        let declared = Declared {
            batches: false,
            delta: false,
            proves_unchanged: false,
            survey_round_trips: Some(2),
            ..dovecot()
        };
        eyes(SERVER.get_or_init(start).await, declared, |_| {}).await
    }

    limosa_testkit::conformance_suite!(harness().await);
}

/// A server in between: mod-sequences, but no word of who is gone; small literals without waiting; folders below INBOX.
mod condstore {
    use super::*;

    static SERVER: OnceCell<Server> = OnceCell::const_new();

    async fn harness() -> Eyes {
        let capability = "IMAP4rev1 NAMESPACE LITERAL- UIDPLUS ENABLE CONDSTORE ESEARCH LIST-EXTENDED UNSELECT MOVE";
        let options =
            DovecotOptions { capability: Some(capability.into()), inbox_prefix: true, ..DovecotOptions::default() };
        let start = || async { Lab::shared().await.unwrap().dovecot(options).await.unwrap() };
        let declared =
            Declared { batches: false, delta: false, survey_round_trips: Some(2), below_inbox: false, ..dovecot() };
        eyes(SERVER.get_or_init(start).await, declared, |_| {}).await
    }

    limosa_testkit::conformance_suite!(harness().await);
}

/// Cyrus.
mod cyrus {
    use super::*;

    static SERVER: OnceCell<Server> = OnceCell::const_new();

    async fn harness() -> Eyes {
        let start = || async { Lab::shared().await.unwrap().cyrus(CyrusOptions::default()).await.unwrap() };
        eyes(SERVER.get_or_init(start).await, super::cyrus(), |_| {}).await
    }

    limosa_testkit::conformance_suite!(harness().await);
}

/// Cyrus as it was set up for many years: folders below INBOX, separated by a dot.
mod cyrus_below_inbox {
    use super::*;

    static SERVER: OnceCell<Server> = OnceCell::const_new();

    async fn harness() -> Eyes {
        let options = CyrusOptions { separator: '.', beside_inbox: false, ..CyrusOptions::default() };
        let start = || async { Lab::shared().await.unwrap().cyrus(options).await.unwrap() };
        let declared = Declared { below_inbox: false, ..super::cyrus() };
        eyes(SERVER.get_or_init(start).await, declared, |_| {}).await
    }

    limosa_testkit::conformance_suite!(harness().await);
}

/// Courier.
mod courier {
    use super::*;

    static SERVER: OnceCell<Server> = OnceCell::const_new();

    async fn harness() -> Eyes {
        let start = || async { Lab::shared().await.unwrap().courier(CourierOptions::default()).await.unwrap() };
        let declared = Declared {
            delta: false,
            proves_unchanged: false,
            object_ids: false,
            roles: false,
            survey_round_trips: Some(2),
            below_inbox: false,
            // Lines end with CRLF when they are read, whatever they were; the date 0 becomes the present.
            refused_samples: vec![
                "empty",
                "one-byte",
                "bare-lf",
                "lf-only",
                "lone-cr",
                "no-last-line-end",
                "no-message-id",
            ],
            // "Error in IMAP command" for surrogate pairs in modified UTF-7; a tilde is expanded to somebody's home.
            refused_names: vec!["Wave 🌊 emoji", "~tilde"],
            ..Declared::default()
        };
        eyes(SERVER.get_or_init(start).await, declared, |_| {}).await
    }

    limosa_testkit::conformance_suite!(harness().await);
}
