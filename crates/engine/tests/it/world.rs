//! Two mailboxes, a ledger, and passes over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use limosa_engine::{Options, Pair, PassError, Progress, Report, run};
use limosa_model::{Flags, FolderPath, InternalDate, Ledger, MessageId};
use limosa_testkit::MemoryLedger;
use limosa_testkit::memory::{Changes, Faults, MemoryConnector, MemoryServer, MemoryTraits};

/// What people see of a mailbox: folders, and in each the messages, in no order.
pub type Contents = BTreeMap<String, Vec<(String, Vec<String>, i64)>>;

pub struct World {
    pub source: MemoryServer,
    pub target: MemoryServer,
    pub ledger: MemoryLedger,
    pub options: Options,
}

impl World {
    pub fn new(source: MemoryTraits, target: MemoryTraits) -> Self {
        let target = MemoryTraits { first_validity: 1_001, ..target };
        let (source, target) = (MemoryServer::new(source), MemoryServer::new(target));
        Self { source, target, ledger: MemoryLedger::new(), options: Options::default() }
    }

    /// A pass in a life of its own, until it ends or the faults kill it (`None`). It takes the pair from whoever has it.
    pub async fn pass_with(&self, faults: &Faults) -> Option<Result<Report, PassError>> {
        let ledger: Arc<dyn Ledger> = Arc::new(self.ledger.reopen_with_hook(faults.power_hook()));
        let source = MemoryConnector::new(&self.source, "source").with_faults(faults);
        let target = MemoryConnector::new(&self.target, "target").with_faults(faults);
        let progress = Progress::default();
        tokio::select! {
            biased;
            () = faults.killed() => None,
            done = run(Pair { source: &source, target: &target, ledger }, &self.options, &progress) => Some(done),
        }
    }

    /// An undisturbed pass.
    pub async fn pass(&self) -> Report {
        self.pass_with(&Faults::none()).await.expect("nothing kills it").expect("it can work")
    }
}

/// Ways in which stores differ; what is tested of a pass or an audit holds for each.
pub fn kinds() -> Vec<(MemoryTraits, MemoryTraits)> {
    let friendly = MemoryTraits::default;
    let poor = || MemoryTraits { changes: Changes::FlagsUnseen, object_ids: false, ..friendly() };
    let batches = || MemoryTraits { batch: 3, window: 7, page: 2, piece: 5, ..friendly() };
    let awkward = MemoryTraits::awkward;
    vec![
        (friendly(), friendly()),
        (poor(), batches()),
        (awkward(), friendly()),
        (friendly(), awkward()),
        (awkward(), awkward()),
    ]
}

pub fn contents(server: &MemoryServer) -> Contents {
    let folders = server.folders().into_iter().filter(|folder| folder.selectable);
    folders
        .map(|folder| {
            let mut messages: Vec<_> = server
                .contents(folder.path.clone())
                .into_iter()
                .map(|message| {
                    let flags = message.flags.names().map(str::to_owned).collect();
                    (String::from_utf8_lossy(&message.bytes).into_owned(), flags, message.internal_date.seconds)
                })
                .collect();
            messages.sort();
            (folder.path.to_string(), messages)
        })
        .collect()
}

pub fn flags(names: &[&str]) -> Flags {
    Flags::from_names(names.iter().copied()).0
}

/// Puts a message there as another client does; its name makes its content.
pub fn put(server: &MemoryServer, folder: &str, name: &str, names: &[&str]) -> MessageId {
    let bytes = format!("Message-ID: <{name}@example>\r\nSubject: {name}\r\n\r\nBody of {name}.\r\n");
    put_bytes(server, folder, &bytes, names)
}

pub fn put_bytes(server: &MemoryServer, folder: &str, bytes: &str, names: &[&str]) -> MessageId {
    if !server.folders().iter().any(|known| known.path == FolderPath::from(folder)) {
        server.add_folder(folder);
    }
    let date = InternalDate { seconds: 1_600_000_000 + bytes.len() as i64, offset_minutes: 120 };
    server.append(folder, bytes.to_owned().into_bytes(), &flags(names), date)
}
