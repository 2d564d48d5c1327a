//! How do client and server prove to each other that they know a password: SCRAM (RFC 5802, RFC 7677).

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use secrecy::{ExposeSecret, SecretString};

use super::{Credentials, Mechanism, SaslError};

/// Above this the server asks for seconds of our time a sign-in. RFC 7677 §4 recommends 4,096 at
/// least; servers in use ask for up to some hundred thousand.
const MAX_ITERATIONS: u32 = 2_000_000;

/// Salts and nonces longer than this come from no honest server.
const MAX_CHALLENGE: usize = 16 << 10;

/// The exchange behind its first message.
pub(super) struct Scram {
    mechanism: Mechanism,
    password: SecretString,
    nonce: String,
    gs2_header: String,
    client_first_bare: String,
    step: Step,
}

enum Step {
    ServerFirst,
    ServerFinal { server_key: hmac::Key, auth_message: String },
    Proved,
}

/// The hash functions of one mechanism.
struct Suite {
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

fn suite(mechanism: Mechanism) -> Suite {
    match mechanism {
        Mechanism::ScramSha1 => Suite {
            digest: &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            pbkdf2: pbkdf2::PBKDF2_HMAC_SHA1,
        },
        _ => Suite { digest: &digest::SHA256, hmac: hmac::HMAC_SHA256, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256 },
    }
}

/// 144 random bits, as text without a comma.
pub(super) fn random_nonce() -> Result<String, SaslError> {
    let mut bytes = [0u8; 18];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SaslError::Random)?;
    Ok(STANDARD.encode(bytes))
}

/// `saslname` of RFC 5802 §7.
pub(super) fn escape_name(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// SASLprep (RFC 4013). What it refuses, such as characters younger than Unicode 3.2, goes as it
/// is: servers that took it as a password did so without the preparation.
fn prepare(text: &str) -> String {
    stringprep::saslprep(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

impl Scram {
    pub(super) fn new(
        mechanism: Mechanism,
        credentials: &Credentials,
        password: &SecretString,
        nonce: &str,
    ) -> (Self, Vec<u8>) {
        let gs2_header = match &credentials.act_as {
            Some(account) => format!("n,a={},", escape_name(&prepare(account))),
            None => "n,,".to_owned(),
        };
        let client_first_bare = format!("n={},r={nonce}", escape_name(&prepare(&credentials.user)));
        let first = format!("{gs2_header}{client_first_bare}").into_bytes();
        let scram = Self {
            mechanism,
            password: prepare(password.expose_secret()).into(),
            nonce: nonce.to_owned(),
            gs2_header,
            client_first_bare,
            step: Step::ServerFirst,
        };
        (scram, first)
    }

    pub(super) fn server_proved(&self) -> bool {
        matches!(self.step, Step::Proved)
    }

    pub(super) fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        let text = std::str::from_utf8(challenge)
            .ok()
            .filter(|text| text.len() <= MAX_CHALLENGE)
            .ok_or(self.misunderstood("no text of reasonable length"))?;
        match &self.step {
            Step::ServerFirst => self.prove(text),
            Step::ServerFinal { server_key, auth_message } => {
                self.check_server(text, server_key, auth_message)?;
                self.step = Step::Proved;
                Ok(Vec::new())
            }
            Step::Proved => Err(SaslError::TooManyChallenges(self.mechanism)),
        }
    }

    /// From the server's first message to the client's proof (RFC 5802 §3).
    fn prove(&mut self, server_first: &str) -> Result<Vec<u8>, SaslError> {
        let mut fields = server_first.split(',');
        let mut field = |name: &str| fields.next().and_then(|field| field.strip_prefix(name));
        let nonce = field("r=").ok_or(self.misunderstood("no nonce"))?;
        let salt = field("s=").ok_or(self.misunderstood("no salt"))?;
        let iterations = field("i=").ok_or(self.misunderstood("no iteration count"))?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(self.misunderstood("the nonce does not continue ours"));
        }
        let salt = STANDARD.decode(salt).map_err(|_| self.misunderstood("the salt is no base64"))?;
        let iterations: u64 = iterations.parse().map_err(|_| self.misunderstood("no iteration count"))?;
        let count = u32::try_from(iterations)
            .ok()
            .filter(|count| *count <= MAX_ITERATIONS)
            .and_then(NonZeroU32::new)
            .ok_or(SaslError::Iterations(iterations))?;

        let suite = suite(self.mechanism);
        let mut salted = vec![0u8; suite.digest.output_len()];
        pbkdf2::derive(suite.pbkdf2, count, &salt, self.password.expose_secret().as_bytes(), &mut salted);
        let salted = hmac::Key::new(suite.hmac, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let server_key = hmac::sign(&salted, b"Server Key");
        let stored_key = digest::digest(suite.digest, client_key.as_ref());

        let without_proof = format!("c={},r={nonce}", STANDARD.encode(&self.gs2_header));
        let auth_message = format!("{},{server_first},{without_proof}", self.client_first_bare);
        let client_signature = hmac::sign(&hmac::Key::new(suite.hmac, stored_key.as_ref()), auth_message.as_bytes());
        let proof: Vec<u8> =
            client_key.as_ref().iter().zip(client_signature.as_ref()).map(|(key, sign)| key ^ sign).collect();

        self.step = Step::ServerFinal { server_key: hmac::Key::new(suite.hmac, server_key.as_ref()), auth_message };
        Ok(format!("{without_proof},p={}", STANDARD.encode(proof)).into_bytes())
    }

    fn check_server(&self, server_final: &str, server_key: &hmac::Key, auth_message: &str) -> Result<(), SaslError> {
        if let Some(error) = server_final.strip_prefix("e=") {
            return Err(SaslError::Refused(error.to_owned()));
        }
        let verifier = server_final
            .strip_prefix("v=")
            .and_then(|rest| rest.split(',').next())
            .ok_or(self.misunderstood("neither proof nor error"))?;
        let signature = STANDARD.decode(verifier).map_err(|_| self.misunderstood("the proof is no base64"))?;
        hmac::verify(server_key, auth_message.as_bytes(), &signature).map_err(|_| SaslError::ServerNotAuthentic)
    }

    fn misunderstood(&self, what: &'static str) -> SaslError {
        SaslError::Challenge { mechanism: self.mechanism, what }
    }
}
