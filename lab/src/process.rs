//! How is a server's whole process group started, signalled and ended?

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::error::{LabError, Result};
use crate::watchdog::Watchdog;

/// A program to start, with a clean environment.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) argv: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    /// What it prints is appended here.
    pub(crate) log: PathBuf,
}

/// A program that does its work and ends, run as the laboratory runs its own.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// All of its environment but `PATH`.
    pub environment: Vec<(String, String)>,
    /// The folder that it is run in.
    pub directory: PathBuf,
}

impl Invocation {
    /// The command to run.
    pub fn command(&self) -> Command {
        let (program, arguments) = self.argv.split_first().map_or(("", &[][..]), |(p, rest)| (p.as_str(), rest));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory);
        command
    }
}

impl From<Program> for Invocation {
    fn from(program: Program) -> Invocation {
        Invocation { argv: program.argv, environment: program.environment, directory: program.directory }
    }
}

/// A server's processes: all that stay in the process group which its first process leads.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    child: Child,
    group: Pid,
    watchdog: Arc<Watchdog>,
    ended: bool,
}

impl ProcessGroup {
    /// Starts a program in a process group of its own.
    ///
    /// The program waits behind a gate until the watchdog knows its group, so that there is no
    /// moment at which killing the laboratory leaves a server behind.
    pub(crate) fn start(program: &Program, watchdog: &Arc<Watchdog>) -> Result<ProcessGroup> {
        let failed = |source| LabError::Run { program: program.argv.first().cloned().unwrap_or_default(), source };
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&program.log)
            .map_err(LabError::file("open", &program.log))?;
        let log_again = log.try_clone().map_err(LabError::file("open", &program.log))?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", "read -r go && exec \"$@\" </dev/null", "gate"])
            .args(&program.argv)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&program.directory)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(log_again)
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let gate = child.stdin.take();
        let mut started =
            ProcessGroup { group: Pid::from_child(&child), child, watchdog: Arc::clone(watchdog), ended: false };
        watchdog.group(started.group.as_raw_nonzero().get())?;
        if let Some(mut gate) = gate
            && let Err(error) = gate.write_all(b"go\n")
        {
            started.kill();
            return Err(failed(error));
        }
        Ok(started)
    }

    /// The leader's process id, which is also the group's.
    pub(crate) fn id(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Whether the leader has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.ended || !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to every process of the group.
    pub(crate) fn signal(&self, signal: Signal) {
        // The group may have ended in this very moment: then there is nobody to be told.
        let _ = rustix::process::kill_process_group(self.group, signal);
    }

    /// Sends a signal to the leader alone: how servers are asked to end in order.
    pub(crate) fn signal_leader(&self, signal: Signal) {
        let _ = rustix::process::kill_process(self.group, signal);
    }

    /// Waits until the leader has ended or the time is up; whether it has ended.
    pub(crate) fn wait(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Kills every process of the group, as a power cut would, and waits until none is left.
    pub(crate) fn kill(&mut self) {
        if self.ended {
            return;
        }
        self.signal(Signal::KILL);
        // Cannot fail but when the child was already waited for.
        let _ = self.child.wait();
        let until = Instant::now() + Duration::from_secs(10);
        while !members(self.id()).is_empty() && Instant::now() < until {
            self.signal(Signal::KILL);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.ended = true;
        // Without a watchdog there is nobody to be told.
        let _ = self.watchdog.gone(self.id());
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The living processes of a group. Processes that ended but were not yet waited for do not count:
/// where the first process of a container waits for nobody they would stay for ever.
pub(crate) fn members(group: i32) -> Vec<i32> {
    processes()
        .filter(|process| {
            stat(*process).is_some_and(|stat| stat.group == group && stat.state != b'Z' && stat.state != b'X')
        })
        .collect()
}

/// The processor time that a group's processes have used, with that of their children that ended and
/// were waited for.
pub(crate) fn cpu_time(group: i32) -> Duration {
    let ended = || stat(group).map(|leader| leader.ended_children);
    loop {
        let before = ended();
        let ticks: u64 = processes()
            .filter_map(stat)
            .filter(|stat| stat.group == group)
            .map(|stat| stat.own + stat.ended_children)
            .sum();
        // A child that is waited for in the midst of it would be missed.
        if ended() == before {
            return Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).unwrap_or(100);
        }
    }
}

/// The living processes that a process has started itself.
pub(crate) fn children(parent: i32) -> Vec<i32> {
    let is_child = |stat: Stat| stat.parent == parent && stat.state != b'Z' && stat.state != b'X';
    processes().filter(|process| stat(*process).is_some_and(is_child)).collect()
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What `/proc/N/stat` says (proc(5)).
struct Stat {
    state: u8,
    parent: i32,
    group: i32,
    /// `utime` and `stime`, in clock ticks.
    own: u64,
    /// `cutime` and `cstime`: of children that ended and were waited for.
    ended_children: u64,
}

fn stat(process: i32) -> Option<Stat> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    // The second field is the program's name in parentheses, which may itself hold any character.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let ticks = |number: usize| fields.get(number)?.parse::<u64>().ok();
    Some(Stat {
        state: *fields.first()?.as_bytes().first()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        own: ticks(11)? + ticks(12)?,
        ended_children: ticks(13)? + ticks(14)?,
    })
}
