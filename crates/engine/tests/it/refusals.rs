//! What becomes of messages that the target refuses, by each policy.

use std::sync::Arc;

use limosa_engine::options::Attempts;
use limosa_engine::{Grade, Outcome, Refusals, Report};
use limosa_model::ledger::Settlement;
use limosa_model::{
    Approval, Connector, ErrorKind, Exception, FolderPath, Keywords, Ledger, PermanentFlags, SystemFlags,
};
use limosa_testkit::MemoryLedger;
use limosa_testkit::memory::{Faults, MemoryConnector, MemoryServer, MemoryTraits, Moment, Verdict};

use crate::world::{World, contents, flags, kinds, put, put_bytes};

const BARE: &str = "Message-ID: <bare@example>\r\nSubject: bare\r\n\r\none\ntwo\r\n";
const MENDED: &str = "Message-ID: <bare@example>\r\nSubject: bare\r\n\r\none\r\ntwo\r\n";
const NAMELESS: &str = "Subject: x\n\nnobody\n";
const BOTH: &str = "Message-ID: <both@example>\r\n\r\nNUL \0 and\nbare\nlast\r\n";
const EMPTY: &str = "";
const HOPELESS: &str = "Message-ID: <no@example>\r\n\r\nforbidden\r\n";

/// As Cyrus does: no bare line feeds, no NUL, nothing empty; and one word that nothing can mend.
fn refuses(bytes: &[u8]) -> Option<ErrorKind> {
    let text = String::from_utf8_lossy(bytes);
    let is_bad =
        text.replace("\r\n", "").contains('\n') || text.contains('\0') || text.contains("forbidden") || text.is_empty();
    is_bad.then_some(ErrorKind::Malformed)
}

#[derive(Clone, Copy)]
enum Policy {
    Exact,
    Repair,
    Park,
}

/// A world whose target refuses, and a mailbox aside.
struct Refusing {
    world: World,
    aside: MemoryServer,
}

impl Refusing {
    fn new(source: MemoryTraits, target: MemoryTraits) -> Self {
        let target = MemoryTraits { refuse: Some(Arc::new(refuses)), ..target };
        let mut world = World::new(source, target);
        world.options.attempts = Attempts(2);
        put(&world.source, "INBOX", "well", &["\\Seen"]);
        for bytes in [BARE, NAMELESS, BOTH, HOPELESS, EMPTY] {
            put_bytes(&world.source, "INBOX", bytes, &["\\Flagged"]);
        }
        Self { world, aside: MemoryServer::new(MemoryTraits::default()) }
    }

    async fn pass_with(&mut self, policy: Policy, faults: &Faults) -> Option<Report> {
        let originals: Arc<dyn Connector> = Arc::new(MemoryConnector::new(&self.aside, "aside").with_faults(faults));
        self.world.options.refusals = match policy {
            Policy::Exact => Refusals::Exact,
            Policy::Repair => Refusals::Repair(originals),
            Policy::Park => Refusals::Park(originals),
        };
        self.world.pass_with(faults).await.and_then(Result::ok)
    }

    async fn pass(&mut self, policy: Policy) -> Report {
        self.pass_with(policy, &Faults::none()).await.expect("it can work")
    }

    /// A pass that finds nothing to do, whatever the policy.
    async fn has_nothing_to_do(&mut self, policy: Policy) {
        let before = (self.stands(), self.kept());
        let report = self.pass(policy).await;
        let did = (report.copied.messages, report.found, report.flags_set, report.removed, report.moved);
        assert_eq!(did, (0, 0, 0, 0, 0), "{report:#?}");
        assert_eq!((self.stands(), self.kept()), before);
    }

    fn stands(&self) -> Vec<String> {
        bodies(&self.world.target)
    }

    fn kept(&self) -> Vec<String> {
        bodies(&self.aside)
    }

    async fn approve_all(&self) {
        let ledger = self.world.ledger.reopen();
        for exception in ledger.exceptions().await.expect("the ledger is there") {
            let approval = Approval::new("Ada", "seen", 1).ok();
            let path = exception.folder.clone();
            let exceptions = vec![Exception { approval, ..exception }];
            let settlement = Settlement { exceptions, ..Settlement::default() };
            ledger.settle(&path, &settlement).await.expect("it is written");
        }
    }
}

fn bodies(server: &MemoryServer) -> Vec<String> {
    contents(server).into_values().flatten().map(|(bytes, ..)| bytes).collect()
}

fn sorted(texts: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    let mut texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
    texts.sort();
    texts
}

fn codes(report: &Report) -> Vec<(&str, bool)> {
    report.exceptions.iter().map(|one| (one.code.as_str(), one.original.is_some())).collect()
}

const WELL: &str = "Message-ID: <well@example>\r\nSubject: well\r\n\r\nBody of well.\r\n";

/// What stands on the target in the end when what can be mended is.
fn all_mended() -> Vec<String> {
    sorted([
        WELL,
        MENDED,
        "\r\n",
        "Subject: x\r\n\r\nnobody\r\n",
        "Message-ID: <both@example>\r\n\r\nNUL  and\r\nbare\r\nlast\r\n",
    ])
}

#[tokio::test(start_paused = true)]
async fn exactly_or_not_at_all_unless_told_otherwise() {
    for (source, target) in kinds() {
        let mut refusing = Refusing::new(source, target);
        let report = refusing.pass(Policy::Exact).await;
        assert_eq!((report.outcome, report.grade), (Outcome::Exceptions, Grade::Investigate));
        assert_eq!(codes(&report), [("malformed", false); 5]);
        let bare = report.exceptions.iter().find(|one| one.subject.as_deref() == Some("bare")).expect("it is named");
        assert_eq!(bare.message_id.as_deref(), Some("<bare@example>"));
        assert!(bare.date.is_some() && bare.hint.is_some() && bare.size.is_some(), "{bare:#?}");
        assert_eq!((refusing.stands(), refusing.kept()), (sorted([WELL]), vec![]));
        refusing.has_nothing_to_do(Policy::Exact).await;
    }
}

#[tokio::test(start_paused = true)]
async fn parked_messages_are_kept_as_they_are_and_once() {
    for (source, target) in kinds() {
        let mut refusing = Refusing::new(source, target);
        let report = refusing.pass(Policy::Park).await;
        assert_eq!(codes(&report), [("malformed", true); 5]);
        let all = sorted([BARE, NAMELESS, BOTH, HOPELESS, EMPTY]);
        assert_eq!((refusing.stands(), refusing.kept()), (sorted([WELL]), all.clone()));
        refusing.has_nothing_to_do(Policy::Park).await;
        refusing.world.options.retry_exceptions = true;
        refusing.pass(Policy::Park).await;
        assert_eq!(refusing.kept(), all);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_mended_by_the_smallest_change_and_its_original_kept() {
    for (source, target) in kinds() {
        let mut refusing = Refusing::new(source, target);
        let report = refusing.pass(Policy::Repair).await;
        assert_eq!((report.outcome, report.grade), (Outcome::Exceptions, Grade::Investigate), "{report:#?}");
        let mut codes = codes(&report);
        codes.sort_unstable();
        assert_eq!(
            codes,
            [("malformed", true), ("repaired", true), ("repaired", true), ("repaired", true), ("repaired", true)]
        );
        let reasons = |id: &str| {
            let named = report.exceptions.iter().find(|one| one.message_id.as_deref() == Some(id));
            named.expect("it is named").reason.clone()
        };
        assert_eq!(reasons("<bare@example>"), "mended to be taken by the target: bare line ends made CRLF");
        let both = "mended to be taken by the target: bare line ends made CRLF, NUL bytes taken out";
        assert_eq!(reasons("<both@example>"), both);
        assert_eq!(refusing.stands(), all_mended());
        assert_eq!(refusing.kept(), sorted([BARE, NAMELESS, BOTH, HOPELESS, EMPTY]));
        let flagged =
            contents(&refusing.world.target)["INBOX"].iter().filter(|(_, names, _)| names == &["\\Flagged"]).count();
        assert_eq!(flagged, 4);
        refusing.has_nothing_to_do(Policy::Repair).await;
        // Flags follow, and so does the owner's removal.
        let inbox = refusing.world.source.contents("INBOX");
        refusing.world.source.set_flags("INBOX", &inbox[1].id, &flags(&["\\Answered"]));
        refusing.world.source.expunge("INBOX", &inbox[3].id);
        let report = refusing.pass(Policy::Repair).await;
        assert_eq!((report.flags_set, report.removed, report.exceptions.len()), (1, 1, 4), "{report:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_can_do_more_acts_on_an_unchanged_mailbox() {
    let mut refusing = Refusing::new(MemoryTraits::default(), MemoryTraits::default());
    refusing.pass(Policy::Exact).await;
    refusing.pass(Policy::Park).await;
    assert_eq!(refusing.kept().len(), 5);
    let trips = refusing.pass(Policy::Park).await.round_trips;
    assert_eq!((trips.source, trips.target), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn without_its_ledger_a_mended_message_is_found_by_content_and_still_named() {
    for (source, target) in kinds() {
        let mut refusing = Refusing::new(source, target);
        refusing.pass(Policy::Repair).await;
        refusing.world.ledger = MemoryLedger::new();
        let report = refusing.pass(Policy::Repair).await;
        assert_eq!((report.copied.messages, report.found), (0, 5), "{report:#?}");
        let mut codes = codes(&report);
        codes.sort_unstable();
        assert_eq!(
            codes,
            [("malformed", true), ("repaired", true), ("repaired", true), ("repaired", true), ("repaired", true)]
        );
        assert_eq!((refusing.stands(), refusing.kept().len()), (all_mended(), 5));
        refusing.has_nothing_to_do(Policy::Repair).await;
    }
}

/// A mended message that is moved on the source is told where it is then, however the pass that moves it is cut.
#[tokio::test(start_paused = true)]
async fn what_was_mended_is_told_where_it_was_moved() {
    let mut cuts = 0;
    for (source, target) in kinds() {
        let moved = async || {
            let mut refusing = Refusing::new(source.clone(), target.clone());
            refusing.pass(Policy::Repair).await;
            let server = &refusing.world.source;
            let bare = server.contents("INBOX").into_iter().find(|one| one.bytes == BARE).expect("it is there");
            server.add_folder("Else");
            server.move_message("INBOX", &bare.id, "Else");
            refusing
        };
        let undisturbed = Faults::none();
        moved().await.pass_with(Policy::Repair, &undisturbed).await;
        for step in 0..undisturbed.steps() {
            for moment in [Moment::Before, Moment::After] {
                let mut refusing = moved().await;
                refusing.pass_with(Policy::Repair, &Faults::at(step, moment, Verdict::Kill)).await;
                let mut report = refusing.pass(Policy::Repair).await;
                if report.outcome == Outcome::Unfinished {
                    report = refusing.pass(Policy::Repair).await;
                }
                let told = report.exceptions.iter().filter(|one| one.subject.as_deref() == Some("bare"));
                let told: Vec<_> = told.map(|one| (one.folder.to_string(), one.code.as_str())).collect();
                let what = format!("{moment:?} {}: {report:#?}", undisturbed.log()[step as usize]);
                assert_eq!(told, [("Else".to_owned(), "repaired")], "{what}");
                cuts += 1;
            }
        }
    }
    assert!(cuts >= 300, "{cuts} cuts");
}

/// Cut at every step, a message is neither mended twice nor kept twice.
#[tokio::test(start_paused = true)]
async fn cut_off_at_any_step_nothing_is_mended_or_kept_twice() {
    let mut cuts = 0;
    for (source, target) in kinds() {
        for verdict in [Verdict::Kill, Verdict::Cut] {
            let undisturbed = Faults::none();
            Refusing::new(source.clone(), target.clone()).pass_with(Policy::Repair, &undisturbed).await;
            for step in 0..undisturbed.steps() {
                for moment in [Moment::Before, Moment::After] {
                    let mut refusing = Refusing::new(source.clone(), target.clone());
                    refusing.pass_with(Policy::Repair, &Faults::at(step, moment, verdict)).await;
                    let mut report = refusing.pass(Policy::Repair).await;
                    if report.outcome == Outcome::Unfinished {
                        report = refusing.pass(Policy::Repair).await;
                    }
                    let what = format!("{verdict:?} {moment:?} {}: {report:#?}", undisturbed.log()[step as usize]);
                    assert_eq!(refusing.stands(), all_mended(), "{what}");
                    assert_eq!(refusing.kept(), sorted([BARE, NAMELESS, BOTH, HOPELESS, EMPTY]), "{what}");
                    let mut codes = codes(&report);
                    codes.sort_unstable();
                    let repaired = ("repaired", true);
                    assert_eq!(codes, [("malformed", true), repaired, repaired, repaired, repaired], "{what}");
                    refusing.has_nothing_to_do(Policy::Repair).await;
                    cuts += 1;
                }
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts >= 300, "{cuts} cuts");
}

#[tokio::test(start_paused = true)]
async fn where_originals_cannot_be_kept_nothing_is_mended() {
    let mut refusing = Refusing::new(MemoryTraits::default(), MemoryTraits::default());
    refusing.aside.change_traits(|traits| traits.read_only = true);
    let report = refusing.pass(Policy::Repair).await;
    let unfinished = report.unfinished.expect("it is told");
    assert_eq!(unfinished.code, "local-io");
    assert_eq!(refusing.stands(), sorted([WELL]));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_approved_is_good_until_something_else_fails() {
    let mut refusing = Refusing::new(MemoryTraits::default(), MemoryTraits::default());
    refusing.pass(Policy::Exact).await;
    refusing.approve_all().await;
    let report = refusing.pass(Policy::Exact).await;
    assert_eq!((report.outcome, report.grade), (Outcome::Complete, Grade::Good), "{:?}", report.reasons);
    refusing.world.options.retry_exceptions = true;
    let report = refusing.pass(Policy::Exact).await;
    assert_eq!((report.outcome, report.grade), (Outcome::Complete, Grade::Good), "refused the same way again");
    put_bytes(&refusing.world.source, "INBOX", "Subject: y\r\n\r\nforbidden too", &[]);
    let report = refusing.pass(Policy::Exact).await;
    assert_eq!((report.outcome, report.grade), (Outcome::Exceptions, Grade::Investigate), "{:?}", report.reasons);
}

fn few_keywords() -> MemoryTraits {
    let permanent_flags =
        PermanentFlags { system: SystemFlags::ALL, new_keywords: false, keywords: vec!["$Forwarded".into()] };
    MemoryTraits { permanent_flags, ..MemoryTraits::default() }
}

#[tokio::test(start_paused = true)]
async fn keywords_are_translated_from_the_moment_that_the_table_says_so() {
    let mut world = World::new(MemoryTraits::default(), few_keywords());
    put(&world.source, "INBOX", "one", &["Forwarded", "\\Seen"]);
    put(&world.source, "INBOX", "two", &["Gone"]);
    let report = world.pass().await;
    let dropped = |report: &Report| report.dropped_flags.iter().map(|one| one.flag.clone()).collect::<Vec<_>>();
    assert_eq!(dropped(&report), ["Forwarded", "Gone"]);

    world.options.keywords = Keywords::new([("forwarded", "$Forwarded"), ("Gone", "")]);
    let report = world.pass().await;
    assert_eq!((report.flags_set, report.grade, dropped(&report)), (1, Grade::Perfect, vec![]), "{report:#?}");
    let names = |world: &World| world.target.contents("INBOX")[0].flags.names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&world), ["\\Seen", "$Forwarded"]);

    let report = world.pass().await;
    assert_eq!((report.flags_set, report.round_trips.target), (0, 1), "{report:#?}");
    let inbox = FolderPath::inbox();
    let known = world.ledger.reopen().folders().await.expect("the ledger is there");
    assert!(known.iter().any(|folder| folder.source == inbox && !folder.keywords.is_empty()));
}
