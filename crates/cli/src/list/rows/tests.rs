use super::*;
use crate::args::{LoginForm, SideArgs};
use crate::endpoint::ImapAddress;
use crate::settings::RunSettings;

fn settings(source: SideArgs) -> ListSettings {
    ListSettings {
        list: "pairs.csv".into(),
        jobs: 1,
        source: SideOptions::read(Side::Source, source).expect("the source's options"),
        target: SideOptions::read(Side::Target, SideArgs::default()).expect("the target's options"),
        allow_cleartext: false,
        run: RunSettings {
            options: Default::default(),
            policy: None,
            config: Default::default(),
            state: "state".into(),
            wait: false,
            json: false,
            quiet: false,
        },
    }
}

fn rows(text: &str) -> Result<Vec<Row>, Usage> {
    parse(text.as_bytes(), &settings(SideArgs::default()))
}

fn user(side: &SideSettings) -> &str {
    match &side.endpoint {
        Endpoint::Imap(ImapAddress { user, .. }) => user,
        Endpoint::Maildir(_) => "",
    }
}

#[test]
fn each_row_is_a_pair_with_its_own_secrets() {
    let rows = rows(
        "\u{feff}target, source,source_password_file,target_password_env\n\
         # a remark\n\
         imaps://a@new,imaps://a@old,/run/a,A_NEW\n\
         \r\n\n\
         imaps://b@new,imaps://b@old,,\n",
    )
    .expect("a list");
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 6]);
    let first = rows[0].settings.as_ref().expect("a pair");
    assert_eq!((user(&first.source), user(&first.target)), ("a", "a"));
    assert_eq!(first.source.options.credential, Credential::File("/run/a".into()));
    assert_eq!(first.target.options.credential, Credential::Variable("A_NEW".into()));
    let second = rows[1].settings.as_ref().expect("a pair");
    assert_eq!(second.source.options.credential, Credential::Usual);
}

#[test]
fn what_a_row_does_not_say_holds_as_typed_for_all() {
    let typed = SideArgs {
        password_file: Some("/run/admin".into()),
        login_form: Some(LoginForm::Master),
        ..SideArgs::default()
    };
    let text = "source,target,source_login_as\nimaps://a@old,maildir:a,root\nmaildir:b,imaps://b@new,\n";
    let rows = parse(text.as_bytes(), &settings(typed)).expect("a list");
    let first = &rows[0].settings.as_ref().expect("a pair").source.options;
    assert_eq!(first.credential, Credential::File("/run/admin".into()));
    assert_eq!(
        first.login_as(),
        Some(limosa_connectors::imap::LoginAs::Master { admin: "root".into(), separator: '*' })
    );
    assert!(rows[1].settings.is_ok(), "options for the other rows do no harm to a maildir");
}

#[test]
fn a_bad_row_does_not_spoil_the_rest() {
    let rows = rows(
        "source,target,source_password_file,source_password_env\n\
         imaps://a@old,imaps://a@new,,\n\
         imaps://b@old,,,\n\
         imaps://c:hunter2@old,imaps://c@new,,\n\
         imaps://d@old,imaps://d@new,file,VARIABLE\n\
         imaps://e@old,imaps://e@new\n\
         imaps://a@old:993,imaps://a@new,,\n",
    )
    .expect("a list");
    let said: Vec<(u64, String)> = rows
        .iter()
        .map(|row| (row.line, row.settings.as_ref().map_or_else(|failure| failure.what.clone(), |_| "fine".into())))
        .collect();
    let expected = [
        (2, "fine"),
        (3, "the row names no target"),
        (4, "source: an endpoint holds a password"),
        (5, "the row names more than one secret for its source"),
        (6, "the row has 2 fields, and the header row 4"),
        (7, "the same pair stands in line 2"),
    ];
    assert_eq!(said, expected.map(|(line, what)| (line, what.to_owned())));
    assert!(!format!("{rows:?}").contains("hunter2"));
}

#[test]
fn a_header_has_only_known_columns_and_no_passwords() {
    for (text, what) in [
        ("source,target,source_password\n", "passwords in clear"),
        ("source,target,Password\n", "passwords in clear"),
        ("source,target,colour\n", "not known"),
        ("source,source,target\n", "twice"),
        ("source\n", "no column \"target\""),
        ("imaps://a:hunter2@old,imaps://a@new\n", "no header"),
        ("source,target\n", "names no pair"),
        ("", "no column"),
    ] {
        let error = rows(text).expect_err(text);
        assert!(error.what().contains(what), "{text}: {}", error.what());
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
