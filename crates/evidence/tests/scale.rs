//! What 200,000 messages cost: bytes a message in the file, and memory, which must not grow with their number. A process of its
//! own, since the memory of a process is what is measured.

use std::sync::Arc;

use limosa_evidence::{Digest, FolderPair, Header, MessageIdHash, Record, SigningKey, Writer, check};
use limosa_model::{Flags, FolderPath, InternalDate, MessageId, SystemFlags};

const MESSAGES: u64 = 200_000;

/// SplitMix64, so that the numbers are the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// The most memory that the process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it tells the peak");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("a number") * 1024
}

#[test]
fn two_hundred_thousand_messages_take_few_bytes_each_and_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = SigningKey::create(&folder.path().join("key")).expect("a key");
    let path = folder.path().join("evidence");
    let header = Header {
        source: "imap://a@old.example:993".into(),
        target: "imap://a@new.example:993".into(),
        begun: 0,
        software: "limosa test".into(),
        only: Vec::new(),
        exclude: Vec::new(),
        algorithms: Default::default(),
    };
    let before = peak();
    let mut writer = Writer::create(&path, &header, &key).expect("it begins");
    let mut random = Random(7);
    let combinations = [
        Flags::from(SystemFlags::SEEN),
        Flags::default(),
        Flags::from(SystemFlags::SEEN.union(SystemFlags::ANSWERED)),
        Flags::new(SystemFlags::SEEN, ["$Forwarded"]),
        Flags::new(SystemFlags::SEEN, ["NonJunk", "$label1"]),
    ];
    // As mailboxes are: ids with gaps on the source and none on the target, irregular times, sizes over four decades, a
    // twentieth without a Message-ID, summer and winter.
    for folder_number in 0..20 {
        let name = format!("Folder {folder_number}");
        let path = FolderPath::new([name]);
        let pair = Arc::new(FolderPair { source: path.clone(), target: path });
        let (mut uid, mut seconds) = (0, 1_300_000_000);
        for number in 0..MESSAGES / 20 {
            uid += 1 + if random.below(4) == 0 { random.below(30) } else { 0 };
            let magnitude = random.below(17);
            seconds += 1 + random.below(1 << magnitude) as i64;
            let decade = 10u64.pow(random.below(4) as u32);
            let digest = Digest::of(&(folder_number * MESSAGES + number).to_be_bytes());
            let record = Record {
                folder: pair.clone(),
                source_id: MessageId::Uid(uid as u32),
                target_id: MessageId::Uid(number as u32 + 1),
                internal_date: Some(InternalDate {
                    seconds,
                    offset_minutes: if (seconds / 15_000_000) % 2 == 0 { 60 } else { 120 },
                }),
                size: 1500 + random.below(9000) * decade,
                digest,
                message_id: (random.below(20) > 0).then(|| MessageIdHash::of(&digest.to_string())),
                flags: combinations[random.below(8).saturating_sub(3) as usize].clone(),
            };
            writer.record(&record).expect("it is written");
        }
    }
    writer.finish(1).expect("it ends");
    let report = check(&path, &key.public_key()).expect("it is believed");
    assert_eq!(report.counts.messages, MESSAGES);
    let bytes = std::fs::metadata(&path).expect("it is there").len();
    let each = bytes as f64 / MESSAGES as f64;
    let grown = (peak() - before) / 1024;
    println!("{bytes} bytes, {each:.1} a message; memory grew by {grown} kB");
    assert!(each <= 60.0, "{each:.1} bytes a message");
    assert!(grown < 20 * 1024, "memory grew by {grown} kB");
}
