//! `limosa-lab`: real mail servers on loopback, started, seeded, reset and stopped by hand.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use limosa_lab::{Kind, run_folder};

/// Real mail servers on loopback, from Debian's packages, without installing them.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The folder of the lab's servers and mail [default: ~/.cache/limosa/lab/run, as root
    /// /var/cache/limosa/lab/run].
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start servers and say where they are; Ctrl-C ends them.
    Up {
        /// Which servers.
        #[arg(long, value_delimiter = ',', default_value = "dovecot-maildir,dovecot-sdbox,cyrus,courier")]
        servers: Vec<Kind>,
        /// Users on each server, all with the password `secret`.
        #[arg(long, value_delimiter = ',', default_value = "alice,bob")]
        users: Vec<String>,
        /// Let Dovecot ask the disk to keep what it takes, as it does by default elsewhere.
        #[arg(long)]
        fsync: bool,
        /// Leave the servers running in the background until `limosa-lab down`.
        #[arg(long)]
        detach: bool,
    },
    /// Fill a user's mailbox with generated mail.
    Seed {
        /// The server's name, as `up` prints it.
        #[arg(long)]
        server: String,
        /// Whose mailbox.
        #[arg(long, default_value = "alice")]
        user: String,
        /// What kind of mail.
        #[arg(long, value_enum, default_value_t = Workload::Ordinary)]
        workload: Workload,
        /// How many messages (`nasty` has its own number).
        #[arg(long, default_value_t = 1_000)]
        messages: usize,
        /// Equal seeds make equal mail.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Remove all mail; servers, users and ports stay.
    Reset,
    /// Say what runs, and where.
    Status,
    /// End a lab that runs in the background. Its mail stays.
    Down,
    /// Download and unpack the servers and PostgreSQL, and start none.
    Deps {
        /// Which servers.
        #[arg(long, value_delimiter = ',', default_value = "dovecot-maildir,dovecot-sdbox,cyrus,courier")]
        servers: Vec<Kind>,
    },
}

/// What kind of mail to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// As in a grown mailbox: median 8 kB, mean 60 kB, 12 folders.
    Ordinary,
    /// Many messages of 2–6 kB.
    Small,
    /// Few messages of 10–25 MB.
    Large,
    /// Whatever has broken mail programs, and odd folder names.
    Nasty,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(code) => code,
        Err(error) => {
            let mut text = format!("limosa-lab: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> limosa_lab::Result<ExitCode> {
    let dir = match arguments.dir {
        Some(dir) => dir,
        None => run_folder()?,
    };
    match arguments.command {
        Command::Up { servers, users, fsync, detach: false } => commands::up(&dir, &servers, &users, fsync).await,
        Command::Up { servers, users, fsync, detach: true } => {
            commands::up_detached(&dir, &servers, &users, fsync).await
        }
        Command::Seed { server, user, workload, messages, seed } => {
            commands::seed(&dir, &server, &user, workload, messages, seed).await
        }
        Command::Reset => commands::reset(&dir).await,
        Command::Status => commands::status(&dir),
        Command::Down => commands::down(&dir).await,
        Command::Deps { servers } => commands::deps(&servers).await,
    }
}
