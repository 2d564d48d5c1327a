//! Who ends the servers when their owner is killed?
//!
//! A shell process of its own group holds the reading end of a pipe. It is told which process groups
//! and folders exist, and when the pipe closes (the owner ended, however it ended) it kills those
//! groups and removes those folders. The kernel's parent-death signal would not do: it fires when the
//! *thread* that started a server ends, and tests start servers from threads of short lives.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::error::{LabError, Result};

/// The pairs `group N` / `gone N` and `dir PATH` / `kept PATH`; paths hold no blanks at their ends.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
groups=' '
dirs=
while read -r verb what; do
  case $verb in
    group) groups="$groups$what " ;;
    gone) groups="${groups%% $what *} ${groups#* $what }" ;;
    dir) dirs="$dirs$what
" ;;
    end) exit 0 ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
printf %s "$dirs" | while read -r dir; do
  for attempt in 1 2 3; do rm -rf -- "$dir" && break; done
done
"#;

/// The pipe to the watchdog process.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pipe: Mutex<Option<ChildStdin>>,
    child: Mutex<Child>,
}

impl Watchdog {
    pub(crate) fn start() -> Result<Watchdog> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "limosa-lab-watchdog"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()
            .map_err(|source| LabError::Run { program: "the watchdog".to_owned(), source })?;
        let pipe = child.stdin.take();
        Ok(Watchdog { pipe: Mutex::new(pipe), child: Mutex::new(child) })
    }

    pub(crate) fn group(&self, group: i32) -> Result<()> {
        self.tell(&format!("group {group}\n"))
    }

    pub(crate) fn gone(&self, group: i32) -> Result<()> {
        self.tell(&format!("gone {group}\n"))
    }

    pub(crate) fn dir(&self, path: &Path) -> Result<()> {
        self.tell(&format!("dir {}\n", path.display()))
    }

    fn tell(&self, line: &str) -> Result<()> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = pipe.as_mut() else {
            return Ok(());
        };
        pipe.write_all(line.as_bytes()).map_err(LabError::Watchdog)
    }
}

impl Drop for Watchdog {
    /// Closes the pipe and waits until the watchdog has cleaned up.
    fn drop(&mut self) {
        let pipe = self.pipe.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        drop(pipe);
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Nothing is left to be done about a watchdog that cannot be waited for.
        let _ = child.wait();
    }
}
