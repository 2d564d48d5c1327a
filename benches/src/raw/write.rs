//! How fast does a server take mail? Commands stand ready in memory before the clock starts.

use std::io::{Result, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use limosa_testkit::mail::{Folder, Mailbox};

use super::connection::{Connection, TAG};
use super::{BATCH_BYTES, How, Moved, Work};

/// So much mail is made at most; from there on it is sent again.
const PREPARED_BYTES: u64 = 1 << 30;

/// One APPEND.
#[derive(Clone)]
struct Command {
    bytes: Arc<Vec<u8>>,
    moved: Moved,
}

/// What one connection sends to one folder.
struct Share {
    folder: String,
    commands: Vec<Command>,
}

pub(super) fn prepare(
    (server, user): &(SocketAddr, String),
    mailbox: &Mailbox,
    how: How,
    connections: usize,
) -> Result<Vec<Work>> {
    let mut maker = Connection::open(*server, user)?;
    let mut shares: Vec<Vec<Share>> = (0..connections).map(|_| Vec::new()).collect();
    let all = mailbox.message_count().max(1) as u64;
    for folder in &mailbox.folders {
        let name = maker.make(&folder.path)?;
        let room = PREPARED_BYTES * folder.message_count as u64 / all;
        let commands = commands(&name, folder, how, room);
        for (part, shares) in shares.iter_mut().enumerate() {
            let commands = commands.iter().skip(part).step_by(connections).cloned().collect();
            shares.push(Share { folder: name.clone(), commands });
        }
    }
    shares
        .into_iter()
        .map(|shares| {
            let connection = Connection::open(*server, user)?;
            let work: Work = Box::new(move |start| {
                start.wait();
                match how {
                    How::OneByOne => send_one_by_one(connection, &shares),
                    How::Pipelined | How::Batches(_) => send_ahead(connection, &shares),
                }
            });
            Ok(work)
        })
        .collect()
}

fn commands(name: &str, folder: &Folder, how: How, room: u64) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let (mut prepared, mut position, mut again) = (0, 0, 0);
    while position < folder.message_count {
        let command = match commands.get(again) {
            Some(made) if prepared >= room && position + made.moved.messages <= folder.message_count => {
                again += 1;
                made.clone()
            }
            _ => command(name, folder, position, how),
        };
        prepared += command.moved.bytes;
        position += command.moved.messages;
        commands.push(command);
    }
    commands
}

/// The command for the messages from a position on, as many as fit.
fn command(name: &str, folder: &Folder, position: usize, how: How) -> Command {
    let most = match how {
        How::OneByOne | How::Pipelined => 1,
        How::Batches(messages) => messages,
    };
    let mut bytes = format!("{TAG} APPEND {name}").into_bytes();
    let mut moved = Moved::default();
    for position in (position..folder.message_count).take(most) {
        let message = folder.message(position);
        if moved.messages > 0 && bytes.len() + message.bytes.len() > BATCH_BYTES {
            break;
        }
        let (flags, date, size) = (message.flag_list(), message.internal_date, message.bytes.len());
        bytes.extend_from_slice(format!(" {flags} \"{date}\" {{{size}+}}\r\n").as_bytes());
        bytes.extend_from_slice(&message.bytes);
        moved.add(Moved { messages: 1, bytes: size as u64 });
    }
    bytes.extend_from_slice(b"\r\n");
    Command { bytes: Arc::new(bytes), moved }
}

fn select(folder: &str) -> String {
    // Dovecot appends to a selected folder without reading its list of messages anew each time.
    format!("SELECT {folder}")
}

fn send_one_by_one(mut connection: Connection, shares: &[Share]) -> Result<Moved> {
    let mut moved = Moved::default();
    for share in shares.iter().filter(|share| !share.commands.is_empty()) {
        connection.command(&select(&share.folder))?;
        for command in &share.commands {
            connection.stream.write_all(&command.bytes)?;
            connection.answers.skip("APPEND")?;
            moved.add(command.moved);
        }
    }
    Ok(moved)
}

/// One thread writes, another reads answers.
fn send_ahead(connection: Connection, shares: &[Share]) -> Result<Moved> {
    let Connection { mut answers, mut stream } = connection;
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || -> Result<()> {
            for share in shares.iter().filter(|share| !share.commands.is_empty()) {
                stream.write_all(format!("{TAG} {}\r\n", select(&share.folder)).as_bytes())?;
                for command in &share.commands {
                    stream.write_all(&command.bytes)?;
                }
            }
            Ok(())
        });
        let mut moved = Moved::default();
        for share in shares.iter().filter(|share| !share.commands.is_empty()) {
            answers.skip("SELECT")?;
            for command in &share.commands {
                answers.skip("APPEND")?;
                moved.add(command.moved);
            }
        }
        writer.join().map_err(|_| std::io::Error::other("the writing thread panicked"))??;
        Ok(moved)
    })
}

impl Moved {
    fn add(&mut self, other: Moved) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

#[cfg(test)]
mod tests {
    use limosa_testkit::mail::Sizes;

    use super::*;

    fn check(how: How, room: u64, expect: &[usize]) {
        let folder = Folder::composed(&["INBOX"], 10, 1, Sizes::Uniform { min: 2_000, max: 3_000 });
        let commands = commands("INBOX", &folder, how, room);
        let messages: Vec<usize> = commands.iter().map(|command| command.moved.messages).collect();
        assert_eq!(messages, expect, "{how} in {room} bytes");
    }

    #[test]
    fn every_message_has_its_place_in_a_command() {
        check(How::Batches(3), u64::MAX, &[3, 3, 3, 1]);
        check(How::Pipelined, u64::MAX, &[1; 10]);
    }

    #[test]
    fn where_there_is_no_room_for_all_mail_some_is_sent_again() {
        check(How::Batches(4), 1, &[4, 4, 2]);
        check(How::OneByOne, 1, &[1; 10]);
    }
}
