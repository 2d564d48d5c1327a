//! Where a run is cut: a hook before and after every step that leaves the process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{PowerHook, When};

/// On which side of a step we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The step has not begun: cut here, and it is not done.
    Before,
    /// The step is done, its answer not yet read: cut here, and it is done but nobody was told.
    After,
}

/// One step: something asked of an endpoint or a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in this run, from 0.
    pub number: u64,
    /// Who takes it: the connector's label, `source`, `target`, `ledger`.
    pub who: String,
    /// What it does: `survey`, `append`, `fetch.next`, …
    pub name: &'static str,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.number, self.who, self.name)
    }
}

/// What a hook wants to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing: the step goes on.
    GoOn,
    /// The step waits until [`Faults::release`]: the process was stopped, or is slow. A ledger's step cannot wait, and goes on.
    Hold,
    /// The connection that takes the step breaks. The run goes on and sees an error.
    Cut,
    /// The process dies: this step and every later one never answers. Whoever drives the run waits for
    /// [`Faults::killed`] and drops it.
    Kill,
}

/// A step was cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cut {moment:?} step {step}")]
pub struct Cut {
    /// The step.
    pub step: Step,
    /// Whether it was done.
    pub moment: Moment,
}

type Hook = Box<dyn FnMut(&Step, Moment) -> Verdict + Send>;

/// Counts and logs the steps of a run, and cuts where its hook says. Cloning shares all of it: source, target and
/// ledger of one run use the same.
///
/// The hook runs with no lock of the memory server held, so that it may also play the other client; it must not take steps
/// of its own through the contract.
#[derive(Clone)]
pub struct Faults {
    log: Arc<Mutex<Vec<Step>>>,
    hook: Arc<Mutex<Option<Hook>>>,
    killed: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Default for Faults {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("steps", &self.steps()).finish_non_exhaustive()
    }
}

impl Faults {
    /// No faults; steps are counted and logged all the same.
    pub fn none() -> Self {
        Self::build(None)
    }

    /// Asks `hook` at both moments of every step.
    pub fn hook(hook: impl FnMut(&Step, Moment) -> Verdict + Send + 'static) -> Self {
        Self::build(Some(Box::new(hook)))
    }

    /// At that moment of the step of that number, `verdict` once; otherwise nothing.
    pub fn at(number: u64, moment: Moment, verdict: Verdict) -> Self {
        Self::hook(move |step, now| if step.number == number && now == moment { verdict } else { Verdict::GoOn })
    }

    /// At that moment of the `nth` step (from 0) of that name by whomever, `verdict` once; otherwise nothing.
    pub fn at_name(name: &'static str, nth: u64, moment: Moment, verdict: Verdict) -> Self {
        let mut seen = 0;
        Self::hook(move |step, now| {
            if step.name != name || now != moment {
                return Verdict::GoOn;
            }
            seen += 1;
            if seen == nth + 1 { verdict } else { Verdict::GoOn }
        })
    }

    fn build(hook: Option<Hook>) -> Self {
        Self {
            log: Arc::default(),
            hook: Arc::new(Mutex::new(hook)),
            killed: watch::Sender::new(false),
            released: watch::Sender::new(false),
        }
    }

    /// A step begins. The answer goes to [`Faults::after`] when it is done.
    ///
    /// # Errors
    /// The hook cut it: it must not be done.
    pub async fn before(&self, who: &str, name: &'static str) -> Result<Step, Cut> {
        let step = self.begin(who, name);
        self.ask(&step, Moment::Before).await?;
        Ok(step)
    }

    /// A step is done.
    ///
    /// # Errors
    /// The hook cut it: its answer must not be told.
    pub async fn after(&self, step: Step) -> Result<(), Cut> {
        self.ask(&step, Moment::After).await
    }

    async fn ask(&self, step: &Step, moment: Moment) -> Result<(), Cut> {
        match self.decide(step, moment) {
            Verdict::GoOn => Ok(()),
            Verdict::Hold => {
                until(&self.released).await;
                Ok(())
            }
            Verdict::Cut => Err(Cut { step: step.clone(), moment }),
            Verdict::Kill => std::future::pending().await,
        }
    }

    /// Numbers and logs a step, for those who cannot wait; [`Faults::decide`] says what happens to it.
    pub fn begin(&self, who: &str, name: &'static str) -> Step {
        let mut log = held(&self.log);
        let step = Step { number: log.len() as u64, who: who.to_owned(), name };
        log.push(step.clone());
        step
    }

    /// What happens to a step at that moment. After a kill, always [`Verdict::Kill`].
    pub fn decide(&self, step: &Step, moment: Moment) -> Verdict {
        if self.is_killed() {
            return Verdict::Kill;
        }
        let verdict = held(&self.hook).as_mut().map_or(Verdict::GoOn, |hook| hook(step, moment));
        if verdict == Verdict::Kill {
            self.killed.send_replace(true);
        }
        verdict
    }

    /// The same as a ledger asks it: its durable steps are numbered among the others, under the name `ledger`.
    pub fn power_hook(&self) -> PowerHook {
        let faults = self.clone();
        let last = Mutex::new(None);
        Arc::new(move |when, name| {
            let (step, moment) = match when {
                When::Before => (faults.begin("ledger", name), Moment::Before),
                When::After => {
                    let begun: Option<Step> = held(&last).take();
                    (begun.unwrap_or_else(|| faults.begin("ledger", name)), Moment::After)
                }
            };
            let goes_on = matches!(faults.decide(&step, moment), Verdict::GoOn | Verdict::Hold);
            *held(&last) = Some(step);
            goes_on
        })
    }

    /// Steps begun so far.
    pub fn steps(&self) -> u64 {
        held(&self.log).len() as u64
    }

    /// All steps begun so far.
    pub fn log(&self) -> Vec<Step> {
        held(&self.log).clone()
    }

    /// Whether the process has died.
    pub fn is_killed(&self) -> bool {
        *self.killed.borrow()
    }

    /// Waits until the process dies.
    pub async fn killed(&self) {
        until(&self.killed).await;
    }

    /// Lets steps that wait go on, and those to come not wait.
    pub fn release(&self) {
        self.released.send_replace(true);
    }
}

async fn until(told: &watch::Sender<bool>) {
    let mut told = told.subscribe();
    if told.wait_for(|told| *told).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
