//! The IMAP connector on real Dovecots.

mod imap_common;

use imap_common::*;
use limosa_lab::{DovecotOptions, Lab, Storage};
use limosa_model::mailbox::{Basis, Batching, Detail};
use limosa_model::{Connector, FolderPath, IdList};

#[tokio::test]
async fn real_mail_goes_from_one_dovecot_to_another() {
    let lab = Lab::shared().await.unwrap();
    let maildir = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions { storage: Storage::Sdbox, ..DovecotOptions::default() }).await.unwrap();
    let alice = new_user(&maildir, "alice").await;
    let bob = new_user(&sdbox, "bob").await;

    let mut source = alice.open_target().await.unwrap();
    let inbox = folder(&mut *source, "INBOX").await;
    let messages: Vec<Vec<u8>> = (1..=450).map(|number| message(number, (number as usize * 37) % 9000)).collect();
    let uids = write_all(&mut *source, &inbox, &messages).await;
    assert_eq!(uids, (1..=450).map(Some).collect::<Vec<_>>());
    source.close().await;

    let mut source = alice.open().await.unwrap();
    let before = folder(&mut *source, "INBOX").await;
    let mut target = bob.open_target().await.unwrap();
    let to = target.create_folder(&FolderPath::from("Entwürfe/x"), None).await.unwrap();
    let page = source.changes(&before, None, Detail::Metadata, None).await.unwrap();
    assert_eq!((page.basis, page.present.len(), page.next), (Basis::Full, 450, None));
    assert_eq!(page.watermark.as_ref(), Some(&before.state.as_ref().unwrap().watermark));
    let ids: IdList = page.present.iter().map(|item| item.id.clone()).collect();
    let receipts = copy(&mut *source, &before, &ids, &mut *target, &to, Batching::Free).await;
    assert_eq!(stored(&receipts), (1..=450).map(Some).collect::<Vec<_>>());

    let copied = target.changes(&to, None, Detail::Metadata, None).await.unwrap();
    for (old, new) in page.present.iter().zip(&copied.present) {
        assert_eq!((&old.flags, &old.internal_date), (&new.flags, &new.internal_date));
    }
    let all = bodies(&mut *target, &to, &ids).await;
    for ((uid, body), message) in all.iter().zip(&messages) {
        assert!(body == message, "message {uid} is another one");
    }
    let after = folder(&mut *source, "INBOX").await;
    assert_eq!(before.state, after.state);
}
