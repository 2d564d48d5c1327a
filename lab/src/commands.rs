//! What do the commands of `limosa-lab` do?

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use limosa_lab::{Description, Fsync, Kind, Lab, LabError, Result, Server, fetch_postgres};
use limosa_testkit::mail;
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use crate::Workload;

/// Held by the process that owns a folder's servers, so that others can tell whether it lives.
fn lock_file(dir: &Path) -> PathBuf {
    dir.join("lab.lock")
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LabError {
    let path = path.to_owned();
    move |source| LabError::File { operation, path, source }
}

fn unsupported(what: String) -> LabError {
    LabError::Unsupported { what }
}

/// Starts servers and keeps them until a signal comes; SIGHUP resets them.
pub(crate) async fn up(dir: &Path, kinds: &[Kind], users: &[String], fsync: bool) -> Result<ExitCode> {
    std::fs::create_dir_all(dir).map_err(failed("create", dir))?;
    let path = lock_file(dir);
    let lock = File::create(&path).map_err(failed("create", &path))?;
    if lock.try_lock().is_err() {
        return Err(unsupported(format!("a lab already runs in {}", dir.display())));
    }
    let lab = Lab::at(dir).await?;
    let listen = |kind| signal(kind).map_err(failed("wait for signals for", dir));
    let (mut interrupt, mut terminate, mut hangup) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    let fsync = if fsync { Fsync::Optimized } else { Fsync::Never };
    let mut servers: Vec<(Kind, Server)> = Vec::new();
    for kind in kinds {
        let server = kind.start(&lab, fsync).await?;
        for user in users {
            server.add_user(user, "secret").await?;
        }
        servers.push((*kind, server));
    }
    let mut resets = 0;
    let description = Description::of(&lab, &servers, resets);
    description.write(dir)?;
    print!("{description}");
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => {
                for (_, server) in &servers {
                    server.wipe().await?;
                }
                resets += 1;
                Description::of(&lab, &servers, resets).write(dir)?;
            }
        }
    }
    for (_, server) in &servers {
        server.stop().await?;
    }
    Description::remove(dir)?;
    Ok(ExitCode::SUCCESS)
}

/// Starts this program again in the background and waits until its servers run.
pub(crate) async fn up_detached(dir: &Path, kinds: &[Kind], users: &[String], fsync: bool) -> Result<ExitCode> {
    std::fs::create_dir_all(dir).map_err(failed("create", dir))?;
    let program = std::env::current_exe().map_err(failed("find this program for", dir))?;
    let log_path = dir.join("lab.log");
    let log = File::create(&log_path).map_err(failed("create", &log_path))?;
    let log_again = log.try_clone().map_err(failed("open", &log_path))?;
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let mut command = std::process::Command::new(&program);
    command
        .arg("--dir")
        .arg(dir)
        .args(["up", "--servers", &kinds.join(","), "--users", &users.join(",")])
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_again)
        .process_group(0);
    if fsync {
        command.arg("--fsync");
    }
    let mut child = command.spawn().map_err(failed("run", &program))?;
    loop {
        if let Ok(Some(_)) = child.try_wait() {
            let log = std::fs::read_to_string(&log_path).unwrap_or_default();
            return Err(unsupported(log.trim().to_owned()));
        }
        if let Some(description) = Description::read(dir)?
            && description.process == child.id()
        {
            print!("{description}");
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The description of the lab that runs in a folder, or `None` if none runs.
fn running(dir: &Path) -> Result<Option<Description>> {
    let path = lock_file(dir);
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", &path)(error)),
    };
    if lock.try_lock_shared().is_ok() {
        return Ok(None);
    }
    Description::read(dir)
}

fn running_or_error(dir: &Path) -> Result<Description> {
    running(dir)?.ok_or_else(|| {
        unsupported(format!("no lab runs in {}; start one with `limosa-lab up --detach`", dir.display()))
    })
}

pub(crate) fn status(dir: &Path) -> Result<ExitCode> {
    match running(dir)? {
        Some(description) => {
            print!("{description}");
            Ok(ExitCode::SUCCESS)
        }
        None => {
            println!("no lab runs in {}", dir.display());
            Ok(ExitCode::from(3))
        }
    }
}

pub(crate) async fn seed(
    dir: &Path,
    server: &str,
    user: &str,
    workload: Workload,
    messages: usize,
    seed: u64,
) -> Result<ExitCode> {
    let description = running_or_error(dir)?;
    let mailbox = match workload {
        Workload::Ordinary => mail::ordinary(seed, messages),
        Workload::Small => mail::small(seed, messages),
        Workload::Large => mail::large(seed, messages),
        Workload::Nasty => mail::nasty(seed),
    };
    let before = Instant::now();
    let seeded = description.seed(server, user, &mailbox).await?;
    let seconds = before.elapsed().as_secs_f64();
    println!("{user} on {server}: {} messages, {:.1} MB in {seconds:.1} s", seeded.messages, seeded.bytes as f64 / 1e6,);
    for refusal in &seeded.refused {
        let place = refusal.folder.join("/");
        match refusal.position {
            Some(position) => println!("refused: {place}, message {position}: {}", refusal.answer),
            None => println!("refused: {place}: {}", refusal.answer),
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn reset(dir: &Path) -> Result<ExitCode> {
    let before = running_or_error(dir)?;
    send(&before, Signal::HUP)?;
    loop {
        let now = running_or_error(dir)?;
        if now.resets > before.resets {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn down(dir: &Path) -> Result<ExitCode> {
    let Some(description) = running(dir)? else {
        return Ok(ExitCode::SUCCESS);
    };
    send(&description, Signal::TERM)?;
    // The link is there as long as the process runs, and not while it waits to be waited for.
    let program = format!("/proc/{}/exe", description.process);
    while running(dir)?.is_some() || std::fs::read_link(&program).is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(ExitCode::SUCCESS)
}

fn send(description: &Description, signal: Signal) -> Result<()> {
    let process = i32::try_from(description.process).ok().and_then(Pid::from_raw);
    let sent = match process {
        Some(process) => kill_process(process, signal).map_err(std::io::Error::from),
        None => Err(std::io::ErrorKind::InvalidInput.into()),
    };
    sent.map_err(|source| LabError::Run { program: "a signal to the lab".to_owned(), source })
}

pub(crate) async fn deps(kinds: &[Kind]) -> Result<ExitCode> {
    for kind in kinds {
        kind.fetch().await?;
        println!("{kind} is ready");
    }
    fetch_postgres().await?;
    println!("postgresql is ready");
    Ok(ExitCode::SUCCESS)
}
