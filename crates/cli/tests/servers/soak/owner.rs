//! The source's owner, who goes on working between two runs.

use std::collections::BTreeMap;

use limosa_lab::{Client, quoted};

use super::dice::Dice;
use crate::world::{Account, folders};

/// UIDs by folder, as the source's server names it.
pub type Uids = BTreeMap<String, Vec<u32>>;

/// All messages of a mailbox, in folders that hold any.
pub async fn uids(account: &Account<'_>) -> Uids {
    let mut client = account.client().await;
    let mut uids = Uids::new();
    for (_, name) in folders(&mut client).await {
        client.command(&format!("EXAMINE {}", quoted(&name))).await.unwrap();
        let found = search_all(&mut client).await;
        if !found.is_empty() {
            uids.insert(name, found);
        }
    }
    uids
}

async fn search_all(client: &mut Client) -> Vec<u32> {
    let answer = client.command("UID SEARCH ALL").await.unwrap().text();
    let numbers = answer.lines().filter_map(|line| line.strip_prefix("* SEARCH"));
    numbers.flat_map(str::split_ascii_whitespace).filter_map(|number| number.parse().ok()).collect()
}

/// A handful of changes: mail comes, flags change, messages are copied. Of those that are `settled` some are moved and some
/// deleted, and are settled no more. Answers what was done.
pub async fn works(account: &Account<'_>, dice: &mut Dice, settled: &mut Uids) -> Vec<String> {
    let mut client = account.client().await;
    let mut done = Vec::new();
    for _ in 0..1 + dice.roll(6) {
        let there: Vec<String> = uids(account).await.into_keys().collect();
        let (folder, other) = (dice.pick(&there), dice.pick(&there));
        client.command(&format!("SELECT {}", quoted(folder))).await.unwrap();
        let any = *dice.pick(&search_all(&mut client).await);
        let act = match dice.roll(6) {
            0 => {
                let message = message(dice);
                client
                    .append(folder, "(\\Seen)", Some("17-Jul-2019 02:44:25 -0700"), message.as_bytes())
                    .await
                    .unwrap();
                format!("APPEND {folder}")
            }
            1 => obeyed(&mut client, format!("UID STORE {any} +FLAGS (\\Flagged Important)")).await,
            2 => obeyed(&mut client, format!("UID STORE {any} FLAGS (\\Answered)")).await,
            3 => obeyed(&mut client, format!("UID COPY {any} {}", quoted(other))).await,
            what => {
                let Some(uid) = take(dice, settled.get_mut(folder)) else { continue };
                match what {
                    4 if folder != other => obeyed(&mut client, format!("UID MOVE {uid} {}", quoted(other))).await,
                    _ => {
                        obeyed(&mut client, format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)")).await;
                        obeyed(&mut client, format!("UID EXPUNGE {uid}")).await
                    }
                }
            }
        };
        done.push(format!("in {folder}: {act}"));
    }
    done
}

async fn obeyed(client: &mut Client, command: String) -> String {
    client.command(&command).await.unwrap();
    command
}

fn take(dice: &mut Dice, uids: Option<&mut Vec<u32>>) -> Option<u32> {
    let uids = uids.filter(|uids| !uids.is_empty())?;
    Some(uids.swap_remove(dice.roll(uids.len() as u64) as usize))
}

/// A new message; now and then one without Message-ID, like hundreds of others.
fn message(dice: &mut Dice) -> String {
    match dice.roll(4) {
        0 => format!("Subject: again\r\n\r\n{}\r\n", dice.roll(3)),
        _ => {
            let number = dice.roll(u64::MAX);
            let body = "All work and no play.\r\n".repeat(dice.roll(200) as usize);
            format!("Message-ID: <{number}@owner.example>\r\nSubject: {number}\r\n\r\n{body}")
        }
    }
}
