//! The conformance suite of the contract: one check for each clause, named after it (`[fetch.once]` → `fetch_once`).
//!
//! A connector's test file implements [`Harness`], a second and independent pair of eyes on the same mailbox, and calls
//! [`conformance_suite!`](crate::conformance_suite). A check is skipped only where the harness declares that the store lacks
//! what the check is about, and says so on its output.

mod changing;
mod drive;
mod folders;
mod harness;
mod reading;
mod renaming;
mod samples;
mod surveying;
mod writing;

pub use changing::*;
pub use drive::{Listing, folder_of, list, read_all, store_all};
pub use folders::*;
pub use harness::{Declared, Harness, Seen};
pub use reading::*;
pub use renaming::*;
pub use samples::{Sample, samples};
pub use surveying::*;
pub use writing::*;

/// Makes one `#[tokio::test]` of each check. The expression gives a [`Harness`](crate::conformance::Harness) and is evaluated in
/// every test anew; it may await.
#[macro_export]
macro_rules! conformance_suite {
    ($harness:expr) => {
        $crate::conformance_suite!(@ $harness;
            account_is_stable connections_are_several source_read_only
            survey_inbox survey_one_round_trip survey_cheap survey_parents_first survey_names survey_counts
            survey_proves_unchanged check_tells_bytes
            changes_full changes_metadata changes_once changes_watermark changes_delta changes_flags changes_moved
            changes_meanwhile changes_renumbered changes_of_a_gone_folder
            arrivals_all arrivals_since
            headers_blocks headers_without_gone headers_cut_the_same
            fetch_once fetch_whole fetch_exact fetch_bounded fetch_gone fetch_head
            write_whole write_exact write_in_order write_receipt write_receipt_ids write_abort write_short write_over_long
            write_unknown_size write_without_date write_alone write_permanent_flags
            create_idempotent create_many create_answers_as_survey create_names create_role
            identify_cheap identify_unique
            rename_keeps rename_below rename_subscriptions rename_no_overwrite rename_not_inbox
            delete_empty delete_empty_only subscribe_idempotent subscribe_many
            set_flags_exactly set_flags_passes_over_gone remove_only remove_passes_over_gone relocate_once
            relocate_tells_ids
        );
    };
    (@ $harness:expr; $($check:ident)*) => {
        $(
            #[tokio::test]
            async fn $check() {
                let harness = $harness;
                $crate::conformance::$check(&harness).await;
            }
        )*
    };
}
