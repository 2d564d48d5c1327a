//! Exceptions and the numbers that people call them by.

use std::path::Path;

use limosa_model::{Exception, PairKey};
use limosa_store::PairException;
use serde::Serialize;

use crate::failure::Failure;
use crate::open;
use crate::settings::ExceptionsOf;

/// An exception with its pair and its number.
#[derive(Clone, Debug, Serialize)]
pub struct Numbered {
    /// Eight hex digits; the same as long as the message stands where it stands.
    pub number: String,
    pub source: String,
    pub target: String,
    /// Under what the message's id was given.
    #[serde(skip)]
    pub source_ids: String,
    #[serde(flatten)]
    pub exception: Exception,
}

impl Numbered {
    fn new(of_pair: PairException) -> Self {
        let PairException { pair: PairKey { source, target }, source_ids, exception } = of_pair;
        let text = format!("{source}\n{target}\n{}\n{}", exception.folder, exception.id);
        let number = blake3::hash(text.as_bytes()).to_hex()[..8].to_owned();
        Self { number, source, target, source_ids, exception }
    }

    /// The pair's key.
    pub fn key(&self) -> PairKey {
        PairKey { source: self.source.clone(), target: self.target.clone() }
    }
}

/// The exceptions that are meant, by pair, folder and id.
///
/// # Errors
/// If the ledger cannot be read, or a number is none, or of several.
pub async fn find(of: &ExceptionsOf, state: &Path) -> Result<Vec<Numbered>, Failure> {
    // Looking must not make a ledger.
    let all = match open::ledger_file(state).exists() {
        false => Vec::new(),
        true => open::store(state).await?.exceptions().await.map_err(|error| Failure::ledger(&error))?,
    };
    let all: Vec<Numbered> = all.into_iter().map(Numbered::new).collect();
    select(of, all)
}

fn select(of: &ExceptionsOf, all: Vec<Numbered>) -> Result<Vec<Numbered>, Failure> {
    for wanted in &of.numbers {
        let unknown = |what: String| {
            Err(Failure::new("exception-unknown", what).hint("limosa exceptions list shows all with their numbers"))
        };
        match all.iter().filter(|one| is_meant(wanted, one)).count() {
            1 => {}
            0 => return unknown(format!("there is no exception {wanted}")),
            many => return unknown(format!("{many} exceptions begin with {wanted}")),
        }
    }
    let pair = of.pair.as_ref().map(|(source, target)| (open::account_of(source), open::account_of(target)));
    let mut found = all;
    found.retain(|one| {
        let Numbered { source, target, exception, .. } = one;
        (of.numbers.is_empty() || of.numbers.iter().any(|wanted| is_meant(wanted, one)))
            && pair.as_ref().is_none_or(|pair| (&pair.0, &pair.1) == (source, target))
            && of.code.as_ref().is_none_or(|code| *code == exception.code)
            && of.folder.as_ref().is_none_or(|folder| *folder == exception.folder)
            // Whoever names one means it, whatever became of it since.
            && (!of.open || !of.numbers.is_empty() || exception.approval.is_none())
    });
    Ok(found)
}

fn is_meant(wanted: &str, one: &Numbered) -> bool {
    !wanted.is_empty() && one.number.starts_with(&wanted.to_ascii_lowercase())
}

/// An exception in which every field holds something.
#[cfg(test)]
pub fn sample_numbered() -> Numbered {
    let pair = PairKey { source: "imap://a@old.example:993".into(), target: "imap://a@new.example:993".into() };
    let exception = Exception {
        folder: "Gesendet".into(),
        id: limosa_model::MessageId::Uid(7),
        message_id: Some("<m@example.org>".into()),
        date: Some(limosa_model::InternalDate { seconds: 1_700_000_000, offset_minutes: 60 }),
        subject: Some("Photos".into()),
        size: Some(5000),
        code: "malformed".into(),
        reason: "the server says no".into(),
        hint: Some("mend it".into()),
        original: Some("maildir:/originals Gesendet 1".into()),
        approval: limosa_model::Approval::new("Ada", "spam", 1_700_000_100).ok(),
    };
    Numbered::new(PairException { pair, source_ids: "1".into(), exception })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_number_will_do_if_it_is_of_one() {
        let first = sample_numbered();
        let second = Numbered { number: format!("{}ffffff", &first.number[..2]), ..first.clone() };
        let number = first.number.clone();
        let all = vec![first, second];
        let of = |wanted: &str| ExceptionsOf { numbers: vec![wanted.to_owned()], ..ExceptionsOf::default() };
        let found = |wanted: &str| select(&of(wanted), all.clone()).map(|found| found.len());
        assert_eq!(found(&number.to_uppercase()[..7]).ok(), Some(1));
        for wanted in [&number[..2], "", "zz"] {
            assert_eq!(found(wanted).expect_err("it is none or of several").code, "exception-unknown", "{wanted}");
        }
    }

    #[test]
    fn exceptions_are_chosen_by_what_they_are() {
        let one = sample_numbered();
        let check = |of: ExceptionsOf, expect: usize| {
            assert_eq!(select(&of, vec![one.clone()]).map(|found| found.len()).ok(), Some(expect), "{of:?}");
        };
        check(ExceptionsOf::default(), 1);
        check(ExceptionsOf { open: true, ..ExceptionsOf::default() }, 0);
        check(ExceptionsOf { code: Some("too-big".into()), ..ExceptionsOf::default() }, 0);
        check(ExceptionsOf { folder: Some("Gesendet".into()), ..ExceptionsOf::default() }, 1);
        let pair = |target: &str| Some(("imaps://a@old.example".to_owned(), target.to_owned()));
        check(ExceptionsOf { pair: pair("imaps://a@new.example"), ..ExceptionsOf::default() }, 1);
        check(ExceptionsOf { pair: pair("imaps://b@new.example"), ..ExceptionsOf::default() }, 0);
    }
}
