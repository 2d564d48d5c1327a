//! What goes wrong.

use std::fmt;
use std::time::Duration;

use limosa_lab::chaos::{At, Fault, Harm, Plan, Way};

use super::dice::Dice;

/// A side of the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

/// What goes wrong in one run, and what the network is like meanwhile.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub weather: Weather,
    pub what: What,
}

/// What the network is like, both ways on both sides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// How much later each byte arrives.
    pub delay: Duration,
    /// At most so many bytes a second.
    pub bytes_per_second: Option<u64>,
}

/// What goes wrong in one run.
#[derive(Clone, Debug)]
pub enum What {
    /// Connections to this side break, or fall silent.
    Broken { side: Side, to_server: bool, fault: Fault, connections: u64 },
    /// The program is killed.
    ProgramKilled(Duration),
    /// This side's server is killed, and started again.
    ServerKilled(Side, Duration),
    /// The ledger's files cannot grow beyond so many KiB.
    DiskFull(u64),
}

impl What {
    /// A word for each kind, to be counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Broken { fault: Fault { harm, .. }, .. } => match harm {
                Harm::Cut => "cut",
                Harm::Reset => "reset",
                Harm::HalfClose => "half-closed",
                Harm::Stall => "stalled",
            },
            Self::ProgramKilled(_) => "program killed",
            Self::ServerKilled(Side::Source, _) => "source killed",
            Self::ServerKilled(Side::Target, _) => "target killed",
            Self::DiskFull(_) => "disk full",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in {:?}", self.what, self.weather)
    }
}

impl Weather {
    /// A plan without faults.
    pub fn plan(self) -> Plan {
        let way = Way { delay: self.delay, bytes_per_second: self.bytes_per_second, fault: None };
        Plan { to_server: way.clone(), to_client: way, faulty_connections: None }
    }
}

/// Rolls a trouble for a copy of so many bytes.
pub fn trouble(dice: &mut Dice, bytes: u64) -> Trouble {
    let weather = match dice.roll(6) {
        0 => Weather { delay: dice.moment(1, 20), bytes_per_second: None },
        1 => Weather { delay: Duration::ZERO, bytes_per_second: Some(*dice.pick(&[4_000_000, 10_000_000])) },
        _ => Weather::default(),
    };
    let side = *dice.pick(&[Side::Source, Side::Target]);
    let what = match dice.roll(8) {
        0..4 => broken(dice, side, bytes),
        4 => What::ProgramKilled(dice.moment(20, 420)),
        5 | 6 => What::ServerKilled(side, dice.moment(20, 320)),
        // From too little for an empty ledger to enough for the whole copy.
        _ => What::DiskFull(16 + dice.roll(600)),
    };
    Trouble { weather, what }
}

fn broken(dice: &mut Dice, side: Side, bytes: u64) -> What {
    let at = match dice.roll(3) {
        0 => At::Command(dice.roll(12)),
        _ => At::Byte(dice.roll(bytes)),
    };
    let harm = *dice.pick(&[Harm::Cut, Harm::Reset, Harm::HalfClose, Harm::Stall]);
    // Each connection that falls silent costs a whole time-out.
    let most = if harm == Harm::Stall { 2 } else { 4 };
    What::Broken { side, to_server: dice.roll(2) == 0, fault: Fault { at, harm }, connections: 1 + dice.roll(most) }
}
