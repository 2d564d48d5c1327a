//! SASL exchanges, against the vectors of their RFCs.

use limosa_imap::Capabilities;
use limosa_imap::sasl::{
    Credentials, Exchange, Mechanism, SaslError, Secret, candidates, choose, decode_challenge, encode_reply,
};

fn password(user: &str, password: &str) -> Credentials {
    Credentials { user: user.to_owned(), act_as: None, secret: Secret::Password(password.into()) }
}

fn token(user: &str, token: &str) -> Credentials {
    Credentials { user: user.to_owned(), act_as: None, secret: Secret::Token(token.into()) }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text")
}

/// Client first, server first, client final, server final.
fn scram(mechanism: Mechanism, credentials: &Credentials, nonce: &str, dialogue: [&str; 4]) {
    let mut exchange = Exchange::with_nonce(mechanism, credentials, nonce).expect("a password");
    assert_eq!(exchange.initial().map(text).as_deref(), Some(dialogue[0]));
    assert_eq!(exchange.challenge(dialogue[1].as_bytes()).map(text).as_deref(), Ok(dialogue[2]));
    assert_eq!(exchange.finish(), Err(SaslError::ServerNotAuthentic));
    assert_eq!(exchange.challenge(dialogue[3].as_bytes()), Ok(Vec::new()));
    assert_eq!(exchange.finish(), Ok(()));
    assert_eq!(exchange.challenge(b""), Err(SaslError::TooManyChallenges(mechanism)));
}

#[test]
fn scram_sha_1_as_in_rfc_5802_section_5() {
    scram(
        Mechanism::ScramSha1,
        &password("user", "pencil"),
        "fyko+d2lbbFgONRv9qkxdawL",
        [
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ],
    );
}

#[test]
fn scram_sha_256_as_in_rfc_7677_section_3() {
    scram(
        Mechanism::ScramSha256,
        &password("user", "pencil"),
        "rOprNGfwEbeRWgbNEkqO",
        [
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ],
    );
}

#[test]
fn scram_refuses_what_is_not_honest() {
    let begin = || {
        let mut exchange =
            Exchange::with_nonce(Mechanism::ScramSha1, &password("user", "pencil"), "abc").expect("a password");
        exchange.initial();
        exchange
    };
    let odd: [&[u8]; 9] = [
        b"",
        b"\xff",
        b"r=abc,s=QQ==,i=4096",  // our nonce alone
        b"r=xyz1,s=QQ==,i=4096", // another nonce
        b"r=abcd,s=***,i=4096",
        b"r=abcd,s=QQ==",
        b"r=abcd,s=QQ==,i=many",
        b"m=new,r=abcd,s=QQ==,i=4096", // an extension that must be understood
        b"s=QQ==,r=abcd,i=4096",
    ];
    for challenge in odd {
        let result = begin().challenge(challenge);
        assert!(matches!(result, Err(SaslError::Challenge { .. })), "{} {result:?}", challenge.escape_ascii());
    }
    for count in ["0", "2000001", "99999999999"] {
        let result = begin().challenge(format!("r=abcd,s=QQ==,i={count}").as_bytes());
        assert!(matches!(result, Err(SaslError::Iterations(_))), "{count} {result:?}");
    }
    let mut exchange = begin();
    exchange.challenge(b"r=abcd,s=QQ==,i=10").expect("an honest challenge");
    assert_eq!(exchange.challenge(b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA="), Err(SaslError::ServerNotAuthentic));
    assert_eq!(exchange.challenge(b"e=invalid-proof"), Err(SaslError::Refused("invalid-proof".to_owned())));
    assert_eq!(exchange.finish(), Err(SaslError::ServerNotAuthentic));
}

#[test]
fn scram_names_are_prepared_and_escaped() {
    let mut credentials = password("a,b=\u{00a0}c\u{2168}", "x");
    credentials.act_as = Some("the=boss".to_owned());
    let mut exchange = Exchange::with_nonce(Mechanism::ScramSha256, &credentials, "abc").expect("a password");
    assert_eq!(exchange.initial().map(text).as_deref(), Some("n,a=the=3Dboss,n=a=2Cb=3D cIX,r=abc"));
}

#[test]
fn scram_nonces_differ() {
    let first = |()| Exchange::new(Mechanism::ScramSha256, &password("u", "p")).expect("a password").initial();
    assert_ne!(first(()), first(()));
}

#[test]
fn plain_as_in_rfc_4616() {
    let mut exchange = Exchange::new(Mechanism::Plain, &password("tim", "tanstaaftanstaaf")).expect("a password");
    assert_eq!(exchange.initial().as_deref(), Some(&b"\0tim\0tanstaaftanstaaf"[..]));
    assert_eq!(exchange.finish(), Ok(()));
    let mut for_ursel = password("Kurt", "xipj3plmq");
    for_ursel.act_as = Some("Ursel".to_owned());
    let mut exchange = Exchange::new(Mechanism::Plain, &for_ursel).expect("a password");
    // Without SASL-IR the first challenge is empty and asks for it.
    assert_eq!(exchange.challenge(b""), Ok(b"Ursel\0Kurt\0xipj3plmq".to_vec()));
    assert_eq!(exchange.challenge(b""), Err(SaslError::TooManyChallenges(Mechanism::Plain)));
}

#[test]
fn cram_md5_as_in_rfc_2195() {
    let mut exchange = Exchange::new(Mechanism::CramMd5, &password("tim", "tanstaaftanstaaf")).expect("a password");
    assert_eq!(exchange.initial(), None);
    let answer = exchange.challenge(b"<1896.697170952@postoffice.reston.mci.net>");
    assert_eq!(answer.map(text).as_deref(), Ok("tim b913a602c7eda7a495b4e6e7334d3890"));
    assert_eq!(exchange.challenge(b"again"), Err(SaslError::TooManyChallenges(Mechanism::CramMd5)));
}

#[test]
fn login_gives_name_then_password() {
    let mut exchange = Exchange::new(Mechanism::Login, &password("tim", "secret")).expect("a password");
    assert_eq!(exchange.initial(), None);
    assert_eq!(exchange.challenge(b"User Name\0"), Ok(b"tim".to_vec()));
    assert_eq!(exchange.challenge(b"Password:"), Ok(b"secret".to_vec()));
    assert!(exchange.challenge(b"").is_err());
}

#[test]
fn oauthbearer_as_in_rfc_7628_section_4() {
    let mut exchange =
        Exchange::new(Mechanism::OAuthBearer, &token("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="))
            .expect("a token");
    let initial = exchange.initial().map(text);
    assert_eq!(
        initial.as_deref(),
        Some("n,a=user@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01")
    );
    let refusal = br#"{"status":"invalid_token","scope":"example_scope"}"#;
    assert_eq!(exchange.challenge(refusal), Ok(b"\x01".to_vec()));
    assert_eq!(exchange.server_error(), Some(&refusal[..]));
    assert!(exchange.challenge(b"").is_err());
}

#[test]
fn xoauth2_names_the_mailbox_and_answers_refusals_with_nothing() {
    let mut credentials = token("admin@example.com", "ya29.token");
    credentials.act_as = Some("shared@example.com".to_owned());
    let mut exchange = Exchange::new(Mechanism::XOAuth2, &credentials).expect("a token");
    assert_eq!(
        exchange.initial().map(text).as_deref(),
        Some("user=shared@example.com\x01auth=Bearer ya29.token\x01\x01")
    );
    assert_eq!(exchange.challenge(b"{\"status\":\"400\"}"), Ok(Vec::new()));
    assert_eq!(exchange.server_error(), Some(&b"{\"status\":\"400\"}"[..]));
}

#[test]
fn secrets_fit_their_mechanisms_and_are_not_printed() {
    let credentials = password("tim", "tanstaaf");
    assert_eq!(Exchange::new(Mechanism::XOAuth2, &credentials).err(), Some(SaslError::WrongSecret(Mechanism::XOAuth2)));
    assert_eq!(
        Exchange::new(Mechanism::Plain, &token("tim", "t")).err(),
        Some(SaslError::WrongSecret(Mechanism::Plain))
    );
    let for_ursel = Credentials { act_as: Some("Ursel".to_owned()), ..credentials.clone() };
    assert_eq!(Exchange::new(Mechanism::CramMd5, &for_ursel).err(), Some(SaslError::CannotActAs(Mechanism::CramMd5)));
    for mechanism in Mechanism::ALL.into_iter().filter(|mechanism| !mechanism.wants_token()) {
        let exchange = Exchange::new(mechanism, &credentials).expect("a password");
        let printed = format!("{exchange:?} {credentials:?}");
        assert!(!printed.contains("tanstaaf"), "{printed}");
        assert_eq!(Mechanism::from_name(&mechanism.to_string().to_lowercase()), Some(mechanism));
    }
}

#[test]
fn the_best_common_mechanism_is_chosen() {
    use Mechanism::{CramMd5, Login, OAuthBearer, Plain, ScramSha1, ScramSha256, XOAuth2};
    let all = Capabilities::parse(
        b"IMAP4rev1 AUTH=login AUTH=PLAIN AUTH=CRAM-MD5 AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=NTLM",
    );
    let with_password = password("tim", "x");
    let for_ursel = Credentials { act_as: Some("Ursel".to_owned()), ..with_password.clone() };
    assert_eq!(candidates(&all, &with_password, true), [Plain, ScramSha256, ScramSha1, Login, CramMd5]);
    assert_eq!(candidates(&all, &with_password, false), [ScramSha256, ScramSha1, CramMd5, Plain, Login]);
    assert_eq!(candidates(&all, &for_ursel, true), [Plain, ScramSha256, ScramSha1]);
    assert_eq!(candidates(&all, &token("tim", "t"), true), [OAuthBearer, XOAuth2]);
    assert_eq!(choose(&Capabilities::parse(b"IMAP4rev1 LOGINDISABLED"), &with_password, true), None);
}

#[test]
fn messages_travel_in_base64() {
    assert_eq!(encode_reply(b"\0a\0b"), b"AGEAYg==\r\n");
    assert_eq!(encode_reply(b""), b"\r\n");
    assert_eq!(decode_challenge(b"AGEAYg=="), Some(b"\0a\0b".to_vec()));
    assert_eq!(decode_challenge(b" AGEAYg \r\n"), Some(b"\0a\0b".to_vec()));
    assert_eq!(decode_challenge(b""), Some(Vec::new()));
    assert_eq!(decode_challenge(b"Go ahead."), None);
}
