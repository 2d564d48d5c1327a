//! Documents in which every field holds something.

use limosa_engine::audit::{AuditReport, AuditedFolder, Counts, Depth, Difference, Kind};
use limosa_engine::check::{
    CheckReport, CheckedFolder, CheckedMessage, CheckedSide, Estimate, ManyMailboxes, MeasuredSide, QuotaCheck, Rate,
    ScratchFolder, SpeedReport, TooBig, UnkeptFlag,
};
use limosa_engine::report::{
    Discrepancy, FolderNote, FolderReport, PassKind, Sides, Unfinished, Verified, Volume, WireBytes,
};
use limosa_engine::{Grade, Outcome, Report, Side};
use limosa_model::ledger::DroppedFlag;
use limosa_model::{Exception, FolderPath, InternalDate, MessageId, Role};

/// What a pass may answer.
pub fn sample_report() -> Report {
    let folder = FolderPath::new(["Gesendet"]);
    let copied = Volume { messages: 3, bytes: 9000 };
    let wire = WireBytes { received: 10_000, sent: 500 };
    Report {
        source: "imap://a@old.example:993".into(),
        target: "imap://a@new.example:993".into(),
        pass: PassKind::Initial,
        dry_run: false,
        outcome: Outcome::Exceptions,
        grade: Grade::Investigate,
        reasons: vec!["1 message was left behind".into()],
        folders: vec![FolderReport {
            source: folder.clone(),
            source_name: "INBOX.Gesendet".into(),
            target: FolderPath::new(["Sent"]),
            source_messages: 12,
            target_messages: 11,
            copied,
            found: 1,
            flags_set: 2,
            removed: 1,
            moved: 1,
            unchanged: 5,
            exceptions: 1,
        }],
        folder_notes: vec![FolderNote {
            folder: FolderPath::new(["All Mail"]),
            code: "view".into(),
            reason: "its messages stand in other folders".into(),
        }],
        copied,
        found: 1,
        flags_set: 2,
        removed: 1,
        moved: 1,
        renamed: 1,
        unchanged: 5,
        exceptions: vec![Exception {
            folder: folder.clone(),
            id: MessageId::Uid(7),
            message_id: Some("<m@example.org>".into()),
            date: Some(InternalDate { seconds: 1_700_000_000, offset_minutes: 60 }),
            subject: Some("Photos".into()),
            size: Some(5000),
            code: "too-big".into(),
            reason: "the server says no".into(),
            hint: Some("raise the limit".into()),
            original: Some("maildir:/originals Gesendet 1".into()),
            approval: None,
        }],
        verify: Some(Verified {
            depth: Depth::Content,
            grade: Grade::Good,
            reasons: vec!["the target does not keep 1 flag(s) or keyword(s)".into()],
            compared: 11,
            counts: Counts::default(),
        }),
        dropped_flags: vec![DroppedFlag { folder: folder.clone(), flag: "Work".into() }],
        discrepancies: vec![Discrepancy {
            folder: folder.clone(),
            id: Some(MessageId::Uid(9)),
            what: "it is not on the target".into(),
        }],
        unfinished: Some(Unfinished {
            code: "connection-lost".into(),
            what: "the connection was lost".into(),
            hint: Some("run it again".into()),
        }),
        steps: vec!["copy 3 messages from Gesendet to Sent".into()],
        attempts: 1,
        round_trips: Sides { source: 4, target: 5 },
        wire_bytes: Sides { source: wire, target: wire },
        connections: Sides { source: 1, target: 1 },
        seconds: 1.5,
        peak_rss_bytes: 20_000_000,
        ledger_bytes: 40,
    }
}

/// What a check may answer.
pub fn sample_check() -> CheckReport {
    let side = |account: &str| CheckedSide {
        account: account.into(),
        server: "Dovecot".into(),
        capabilities: vec!["IMAP4rev1".into(), "IDLE".into()],
        used: vec!["CONDSTORE".into()],
        quirks: vec!["it is a sample".into()],
        connections: 4,
        message_bytes: Some(25_000),
        room_bytes: Some(30_000),
    };
    let folder = FolderPath::new(["Gesendet"]);
    let message = CheckedMessage { folder: folder.clone(), id: MessageId::Uid(7), bytes: 30_000 };
    CheckReport {
        source: side("imap://a@old.example:993"),
        target: Some(side("imap://a@new.example:993")),
        folders: vec![CheckedFolder {
            source: folder.clone(),
            source_name: "INBOX.Gesendet".into(),
            role: Some(Role::Sent),
            target: Some(FolderPath::new(["Sent"])),
            create: true,
            messages: 12,
            bytes: 36_000,
        }],
        folder_notes: vec![FolderNote {
            folder: FolderPath::new(["All Mail"]),
            code: "view".into(),
            reason: "its messages stand in other folders".into(),
        }],
        total: Volume { messages: 12, bytes: 36_000 },
        largest: vec![message.clone()],
        too_big: TooBig { messages: 1, bytes: 30_000, named: vec![message] },
        quota: Some(QuotaCheck { room_bytes: 30_000, needed_bytes: 36_000, fits: false }),
        unkept_flags: vec![UnkeptFlag { folder, flag: "Work".into(), messages: 2 }],
        estimate: Some(Estimate {
            seconds: 1.5,
            messages_per_second: 8.0,
            bytes_per_second: 24_000.0,
            sample: Volume { messages: 12, bytes: 36_000 },
            assumptions: vec!["it holds".into()],
        }),
        speed: Some(sample_speed()),
        seconds: 0.3,
    }
}

fn sample_speed() -> SpeedReport {
    let rate = Rate {
        connections: 1,
        messages: 12,
        bytes: 36_000,
        seconds: 1.0,
        messages_per_second: 12.0,
        bytes_per_second: 36_000.0,
    };
    let side = MeasuredSide {
        sign_in_seconds: Some(0.02),
        round_trip_seconds: Some(0.002),
        alone: Some(rate),
        together: Some(Rate { connections: 4, ..rate }),
    };
    let lost = Unfinished {
        code: "connection-lost".into(),
        what: "the connection was lost".into(),
        hint: Some("try again".into()),
    };
    let earlier = ScratchFolder { folder: FolderPath::new(["Limosa speed test 0"]), left: Some(lost.clone()) };
    SpeedReport {
        source: side.clone(),
        target: side,
        connections: 1,
        bound: Some(Side::Target),
        seconds: Some(1.5),
        many: Some(ManyMailboxes { mailboxes: 1_000, jobs: 4, least_seconds: 375.0, most_seconds: 1_500.0 }),
        scratch: ScratchFolder { folder: FolderPath::new(["Limosa speed test 1"]), left: Some(lost.clone()) },
        earlier: vec![ScratchFolder { left: None, ..earlier.clone() }, earlier],
        unfinished: Some(lost),
    }
}

/// What an audit may answer.
pub fn sample_audit() -> AuditReport {
    let folder = FolderPath::new(["Gesendet"]);
    let wire = WireBytes { received: 10_000, sent: 500 };
    let difference = |kind, id, what: &str| Difference {
        kind,
        folder: folder.clone(),
        source_id: Some(MessageId::Uid(id)),
        target_id: Some(MessageId::Uid(id + 10)),
        message_id: Some(format!("<{id}@example.org>")),
        messages: 1,
        what: what.into(),
    };
    AuditReport {
        source: "imap://a@old.example:993".into(),
        target: "imap://a@new.example:993".into(),
        depth: Depth::Content,
        grade: Grade::Poor,
        reasons: vec!["1 difference(s) that nothing explains".into()],
        folders: vec![AuditedFolder {
            source: folder.clone(),
            source_name: "INBOX.Gesendet".into(),
            target: FolderPath::new(["Sent"]),
            exists: true,
            source_messages: 12,
            target_messages: 11,
            compared: 10,
            by_content: 1,
        }],
        folder_notes: vec![FolderNote {
            folder: FolderPath::new(["All Mail"]),
            code: "view".into(),
            reason: "its messages stand in other folders".into(),
        }],
        compared: 10,
        read: Volume { messages: 10, bytes: 30_000 },
        looked_again: 2,
        counts: Counts { missing: 1, arrived: 1, ..Counts::default() },
        differences: vec![
            difference(Kind::Missing, 9, "the ledger says that it stands on the target, and it does not"),
            difference(Kind::Arrived, 12, "has come since the last pass"),
        ],
        dropped_flags: vec![DroppedFlag { folder: folder.clone(), flag: "Work".into() }],
        unfinished: Some(Unfinished {
            code: "connection-lost".into(),
            what: "the connection was lost".into(),
            hint: Some("run it again".into()),
        }),
        round_trips: Sides { source: 4, target: 5 },
        wire_bytes: Sides { source: wire, target: wire },
        connections: Sides { source: 1, target: 1 },
        seconds: 1.5,
        peak_rss_bytes: 20_000_000,
    }
}
