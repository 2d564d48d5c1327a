//! The crash matrix: a run is cut at every step it takes, in every way, then run again; the end must be as if nothing had
//! happened.

use std::fmt;
use std::future::Future;

use crate::memory::{Faults, Moment, Verdict};

/// Which cuts are tried.
#[derive(Clone, Debug)]
pub struct Cuts {
    /// Every how many-th step is cut; 1 cuts each.
    pub stride: u64,
    /// The ways: a connection that breaks, a process that dies.
    pub verdicts: Vec<Verdict>,
    /// Also cut the run that comes after the cut, at every how many-th of its steps. Costs the square.
    pub second_stride: Option<u64>,
}

impl Default for Cuts {
    /// Every step, before and after it, by a lost connection and by death; once.
    fn default() -> Self {
        Self { stride: 1, verdicts: vec![Verdict::Cut, Verdict::Kill], second_stride: None }
    }
}

/// What a matrix has tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Steps of the undisturbed run.
    pub steps: u64,
    /// Runs that were cut.
    pub cuts: u64,
    /// Cuts that were never reached: the run took fewer steps than the undisturbed one, so it is not deterministic.
    pub missed: u64,
}

/// Where one run was cut.
#[derive(Clone, Copy, Debug)]
struct Place {
    step: u64,
    moment: Moment,
    verdict: Verdict,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} step {}", self.verdict, self.moment, self.step)
    }
}

/// Cuts runs at every step and compares the end.
///
/// - `make` makes a fresh world: source, target and ledger as they are before the first run. The same each time.
/// - `run` runs one whole pass over a world, with these faults. Its error is of no interest when it was cut; when it was
///   not, it must succeed.
/// - `end` says how a world has ended, in whatever form can be compared.
///
/// # Panics
/// If an undisturbed run fails or a second one changes the end; if a run after a cut fails or ends otherwise than the
/// undisturbed one: the message names the cut and the steps taken until then.
pub async fn crash_matrix<World, End, Running>(
    cuts: &Cuts,
    make: impl Fn() -> World,
    run: impl Fn(World, Faults) -> Running,
    end: impl Fn(&World) -> End,
) -> Tried
where
    World: Clone,
    End: PartialEq + fmt::Debug,
    Running: Future<Output = Result<(), String>>,
{
    let world = make();
    let undisturbed = Faults::none();
    run(world.clone(), undisturbed.clone()).await.expect("the undisturbed run");
    let wanted = end(&world);
    run(world.clone(), Faults::none()).await.expect("the second undisturbed run");
    let again = end(&world);
    assert!(again == wanted, "a second run changes the end from {wanted:#?} to {again:#?}");

    let mut tried = Tried { steps: undisturbed.steps(), ..Tried::default() };
    for place in places(tried.steps, cuts.stride, &cuts.verdicts) {
        let world = make();
        let faults = cut(&run, &world, place, &mut tried).await;
        let about = || {
            let steps: Vec<String> = faults.log().iter().map(ToString::to_string).collect();
            format!("after {place}; steps until then:\n{}", steps.join("\n"))
        };
        let recovery = Faults::none();
        if let Err(error) = run(world.clone(), recovery.clone()).await {
            panic!("the next run failed: {error}\n{}", about());
        }
        let ended = end(&world);
        assert!(ended == wanted, "the end is {ended:#?}\nbut should be {wanted:#?}\n{}", about());

        let Some(stride) = cuts.second_stride else { continue };
        for second in places(recovery.steps(), stride, &cuts.verdicts) {
            let world = make();
            cut(&run, &world, place, &mut tried).await;
            cut(&run, &world, second, &mut tried).await;
            if let Err(error) = run(world.clone(), Faults::none()).await {
                panic!("the third run failed: {error}\nafter {second} of the second run, {}", about());
            }
            let ended = end(&world);
            assert!(
                ended == wanted,
                "the end is {ended:#?}\nbut should be {wanted:#?}\nafter {second} of the second run, {}",
                about()
            );
        }
    }
    tried
}

fn places(steps: u64, stride: u64, verdicts: &[Verdict]) -> Vec<Place> {
    let mut places = Vec::new();
    for step in (0..steps).step_by(usize::try_from(stride.max(1)).unwrap_or(usize::MAX)) {
        for moment in [Moment::Before, Moment::After] {
            places.extend(verdicts.iter().map(|&verdict| Place { step, moment, verdict }));
        }
    }
    places
}

/// One run that is cut.
async fn cut<World: Clone, Running: Future<Output = Result<(), String>>>(
    run: impl Fn(World, Faults) -> Running,
    world: &World,
    place: Place,
    tried: &mut Tried,
) -> Faults {
    let faults = Faults::at(place.step, place.moment, place.verdict);
    tokio::select! {
        // What a run that lost a connection says of it is its own affair.
        _ = run(world.clone(), faults.clone()) => {}
        () = faults.killed() => {}
    }
    tried.cuts += 1;
    if faults.steps() <= place.step {
        tried.missed += 1;
    }
    faults
}
