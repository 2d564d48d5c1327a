//! How does a client prove who it is: SASL exchanges as state machines, without base64 or I/O.

mod choice;
mod oauth;
mod password;
mod scram;
mod wire;

pub use choice::{candidates, choose};
pub use wire::{CANCEL, decode_challenge, encode_reply};

use std::fmt;

use secrecy::SecretString;

/// Who signs in, for whom, with what.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account whose secret is shown.
    pub user: String,
    /// The account to act as, where an administrator signs in for it (SASL's authorization identity).
    pub act_as: Option<String>,
    /// The secret.
    pub secret: Secret,
}

/// A secret; its `Debug` form does not show it.
#[derive(Clone, Debug)]
pub enum Secret {
    /// A password.
    Password(SecretString),
    /// An OAuth 2 access token.
    Token(SecretString),
}

/// The mechanisms that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 7677: proves the server too.
    ScramSha256,
    /// RFC 5802: likewise, with an older hash.
    ScramSha1,
    /// RFC 4616: the password itself; the only one with which most servers let administrators act for others.
    Plain,
    /// Never standardised: PLAIN in two steps, for old Exchange.
    Login,
    /// RFC 2195: hides the password from listeners; for servers without TLS.
    CramMd5,
    /// RFC 7628.
    OAuthBearer,
    /// Google's forerunner of it.
    XOAuth2,
}

impl Mechanism {
    /// All of them, best first.
    pub const ALL: [Self; 7] =
        [Self::ScramSha256, Self::ScramSha1, Self::Plain, Self::Login, Self::CramMd5, Self::OAuthBearer, Self::XOAuth2];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
        }
    }

    /// The mechanism of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// Whether it shows a token rather than a password.
    pub const fn wants_token(self) -> bool {
        matches!(self, Self::OAuthBearer | Self::XOAuth2)
    }

    /// Whether it can name an account to act as.
    pub const fn can_act_as(self) -> bool {
        matches!(self, Self::Plain | Self::ScramSha1 | Self::ScramSha256)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why an exchange cannot go on. The client answers with [`CANCEL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaslError {
    /// The mechanism needs a token where a password is given, or the other way round.
    #[error("{0} cannot be used with this kind of secret")]
    WrongSecret(Mechanism),
    /// The mechanism has no way to say whom to act as.
    #[error("{0} cannot sign in on behalf of another account")]
    CannotActAs(Mechanism),
    /// A challenge that is not of the mechanism's form.
    #[error("the server's {mechanism} challenge cannot be understood: {what}")]
    Challenge {
        /// The mechanism.
        mechanism: Mechanism,
        /// What is wrong.
        what: &'static str,
    },
    /// A challenge where the exchange is over.
    #[error("the server sent a {0} challenge too many")]
    TooManyChallenges(Mechanism),
    /// The server wants more hashing than is reasonable: it would stop us, not an attacker.
    #[error("the server asks for {0} iterations of the password hash")]
    Iterations(u64),
    /// The server could not prove that it knows the password: it may be an impostor.
    #[error("the server could not prove that it knows the password")]
    ServerNotAuthentic,
    /// The server refused within the exchange.
    #[error("the server refused: {0}")]
    Refused(String),
    /// No random numbers from the operating system.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// One exchange, from the first message to the server's verdict.
///
/// With SASL-IR send [`initial`](Self::initial) along with AUTHENTICATE. Without, just answer each
/// challenge; the first one, which is empty, gets the initial message. After the tagged OK ask
/// [`finish`](Self::finish) whether the server was who it should be.
pub struct Exchange {
    mechanism: Mechanism,
    initial: Option<Vec<u8>>,
    state: State,
}

enum State {
    /// All was said with the first message.
    Done,
    Login(password::Login),
    CramMd5(password::CramMd5),
    Scram(Box<scram::Scram>),
    OAuth(oauth::OAuth),
}

impl fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Exchange({})", self.mechanism)
    }
}

impl Exchange {
    /// Begins an exchange.
    ///
    /// # Errors
    /// [`SaslError::WrongSecret`], [`SaslError::CannotActAs`], [`SaslError::Random`].
    pub fn new(mechanism: Mechanism, credentials: &Credentials) -> Result<Self, SaslError> {
        Self::with_nonce(mechanism, credentials, &scram::random_nonce()?)
    }

    /// As [`new`](Self::new) with the client's nonce given (printable ASCII without comma): for
    /// published test vectors only, since a nonce that repeats protects nothing.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_nonce(mechanism: Mechanism, credentials: &Credentials, nonce: &str) -> Result<Self, SaslError> {
        let secret = match (&credentials.secret, mechanism.wants_token()) {
            (Secret::Password(password), false) => password,
            (Secret::Token(token), true) => token,
            _ => return Err(SaslError::WrongSecret(mechanism)),
        };
        if credentials.act_as.is_some() && !mechanism.can_act_as() && !mechanism.wants_token() {
            return Err(SaslError::CannotActAs(mechanism));
        }
        let (initial, state) = match mechanism {
            Mechanism::Plain => (Some(password::plain(credentials, secret)), State::Done),
            Mechanism::Login => (None, State::Login(password::Login::new(&credentials.user, secret))),
            Mechanism::CramMd5 => (None, State::CramMd5(password::CramMd5::new(&credentials.user, secret))),
            Mechanism::ScramSha1 | Mechanism::ScramSha256 => {
                let (scram, first) = scram::Scram::new(mechanism, credentials, secret, nonce);
                (Some(first), State::Scram(Box::new(scram)))
            }
            Mechanism::OAuthBearer | Mechanism::XOAuth2 => {
                let first = oauth::first_message(mechanism, credentials, secret);
                (Some(first), State::OAuth(oauth::OAuth::new(mechanism)))
            }
        };
        Ok(Self { mechanism, initial, state })
    }

    /// The mechanism spoken.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes the first message, to go along with AUTHENTICATE. `None` if the server speaks first.
    pub fn initial(&mut self) -> Option<Vec<u8>> {
        self.initial.take()
    }

    /// Answers a challenge (decoded, see [`decode_challenge`]); the answer may be empty and must be sent all the same.
    ///
    /// # Errors
    /// [`SaslError`]: cancel the exchange.
    pub fn challenge(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        if let Some(initial) = self.initial.take() {
            return Ok(initial);
        }
        match &mut self.state {
            State::Done => Err(SaslError::TooManyChallenges(self.mechanism)),
            State::Login(login) => login.answer(),
            State::CramMd5(cram) => cram.answer(challenge),
            State::Scram(scram) => scram.answer(challenge),
            State::OAuth(oauth) => oauth.answer(challenge),
        }
    }

    /// To be asked after the server's OK.
    ///
    /// # Errors
    /// [`SaslError::ServerNotAuthentic`]: with SCRAM, an OK without the server's proof. The
    /// connection must not be used.
    pub fn finish(&self) -> Result<(), SaslError> {
        match &self.state {
            State::Scram(scram) if !scram.server_proved() => Err(SaslError::ServerNotAuthentic),
            _ => Ok(()),
        }
    }

    /// What the server said within the exchange about its refusal: with OAuth, a JSON object
    /// (RFC 7628 §3.2.2) that tells an expired token from a wrong scope.
    pub fn server_error(&self) -> Option<&[u8]> {
        match &self.state {
            State::OAuth(oauth) => oauth.server_error(),
            _ => None,
        }
    }
}
