//! A programme to plan: organisations of very unequal sizes, and grants, most of them among people who work together.

use limosa_model::programme::{OrganisationId, PairId, Right};

use crate::mail::Random;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub struct Dimensions {
    /// Number of pairs.
    pub pairs: usize,
    /// Number of organisations.
    pub organisations: usize,
    /// Number of grants.
    pub grants: usize,
    /// How many grants in a thousand are to somebody of another organisation.
    pub across: usize,
}

impl Dimensions {
    /// The model deployment: two million mailboxes in 22,000 organisations.
    pub const NATION: Self = Self { pairs: 2_100_000, organisations: 22_000, grants: 8_000_000, across: 20 };
}

/// A pair of the programme.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Which; ascending.
    pub pair: PairId,
    /// Whose.
    pub organisation: OrganisationId,
    /// Bytes of its mailbox: 1.1 GB in the mean, most far below.
    pub bytes: u64,
}

/// A programme.
#[derive(Clone, Debug)]
pub struct Programme {
    /// By id, and organisation after organisation in no order of size.
    pub members: Vec<Member>,
    /// Whose mailbox is opened by whom.
    pub grants: Vec<(PairId, PairId, Right)>,
}

/// People who work together: most grants are among so many.
const TEAM: usize = 12;

/// Makes up a programme. The same seed makes the same.
pub fn generate(seed: u64, dimensions: Dimensions) -> Programme {
    let mut random = Random::for_part(seed, 0);
    let sizes = sizes(&mut random, dimensions);
    let mut members = Vec::with_capacity(dimensions.pairs);
    let mut starts = Vec::with_capacity(sizes.len());
    for (organisation, size) in sizes.iter().enumerate() {
        starts.push(members.len());
        for _ in 0..*size {
            let pair = PairId(members.len() as i64 + 1);
            // From 1 MB to 4 GB evenly by magnitude, which has its mean far above its middle; one in a hundred is ten times as large.
            let bytes = (1_000_000_u64 << random.below(12)) * (1 + random.below(1_000) as u64) / 500;
            let bytes = if random.below(100) == 0 { bytes * 10 } else { bytes };
            members.push(Member { pair, organisation: OrganisationId(organisation as i64 + 1), bytes });
        }
    }
    let mut random = Random::for_part(seed, 1);
    // Organisations have neighbours, in an order that is not that of their ids.
    let mut ring: Vec<usize> = (0..sizes.len()).collect();
    shuffle(&mut ring, &mut random);
    let mut place = vec![0; sizes.len()];
    for (position, organisation) in ring.iter().enumerate() {
        place[*organisation] = position;
    }
    let grants = (0..dimensions.grants).map(|_| {
        let owner = random.below(members.len());
        let organisation = members[owner].organisation.0 as usize - 1;
        let (start, size) = (starts[organisation], sizes[organisation]);
        let trustee = match random.below(1_000) {
            kind if kind < dimensions.across => {
                let neighbour = ring[(place[organisation] + 1 + random.below(5)) % sizes.len()];
                starts[neighbour] + random.below(sizes[neighbour])
            }
            kind if kind < 850 => {
                let team = (owner - start) / TEAM * TEAM;
                start + team + random.below(TEAM.min(size - team))
            }
            _ => start + random.below(size),
        };
        let right = match random.below(10) {
            0..5 => Right::FullAccess,
            5..7 => Right::SendAs,
            7 => Right::SendOnBehalf,
            _ => Right::Folder { path: "INBOX".to_owned(), rights: "lr".to_owned() },
        };
        (members[owner].pair, members[trustee].pair, right)
    });
    let grants = grants.collect();
    Programme { members, grants }
}

/// Sizes of organisations: the `n`th largest is a part of the largest, by Zipf's law, and each has at least one pair.
fn sizes(random: &mut Random, dimensions: Dimensions) -> Vec<usize> {
    let Dimensions { pairs, organisations, .. } = dimensions;
    let shares: Vec<f64> = (1..=organisations).map(|rank| (rank as f64).powf(-0.8)).collect();
    let whole: f64 = shares.iter().sum();
    let spare = pairs - organisations;
    let mut sizes: Vec<_> = shares.iter().map(|share| 1 + (share / whole * spare as f64) as usize).collect();
    sizes[0] += pairs - sizes.iter().sum::<usize>();
    shuffle(&mut sizes, random);
    sizes
}

fn shuffle(things: &mut [usize], random: &mut Random) {
    for place in (1..things.len()).rev() {
        things.swap(place, random.below(place + 1));
    }
}
