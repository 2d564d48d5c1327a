mod imap_common;
use limosa_lab::*;

#[tokio::test]
async fn probes() {
    let lab = Lab::shared().await.unwrap();
    for server in [lab.courier(CourierOptions::default()).await.unwrap(), lab.cyrus(CyrusOptions::default()).await.unwrap()] {
        server.add_user("u", "secret").await.unwrap();
        let mut c = server.client("u", "secret").await.unwrap();
        for cmd in ["CREATE \"INBOX.~tilde\"", "LIST \"\" INBOX.~tilde", "LIST \"\" \"INBOX.~tilde\"", "LIST \"\" \"INBOX.a[b\"", "LIST \"\" INBOX.a[b", "LSUB \"\" INBOX.a[b", "LSUB \"\" \"INBOX.~tilde\"", "STATUS INBOX.~tilde (MESSAGES)", "CREATE \"a/{3}\"", "CREATE \"{3}\"", "STATUS \"{3}\" (MESSAGES)", "LIST \"\" \"{3}\"", "LIST \"\" \"{3}\" RETURN (STATUS (MESSAGES))", "LIST \"\" \"{3}\" RETURN (STATUS (MESSAGES MAILBOXID))", "DELETE \"{3}\"", "LIST \"\" \"*\" RETURN (STATUS (MESSAGES MAILBOXID))", "STATUS INBOX (MAILBOXID)"] {
            match c.exchange(cmd).await { Ok(a) => println!("{cmd} -> {} {}", a.text(), a.status), Err(e) => { println!("{cmd} -> ERROR {e}"); c = server.client("u", "secret").await.unwrap(); } }
        }
    }
}
