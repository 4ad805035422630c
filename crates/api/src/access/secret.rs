//! Secrets: 256 bits of the system's randomness, known here by their SHA-256 alone.
//!
//! No slow hash: nobody guesses 256 bits, however fast each guess is.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::codes::Code;
use crate::problem::{Answer, Refusal};

/// So that a token is found where it should not be: in logs, in repositories.
pub(crate) const TOKEN_PREFIX: &str = "stn_";

/// `prefix` and 64 hexadecimal digits.
pub(crate) fn fresh(prefix: &str) -> Answer<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| no_randomness(&error))?;
    Ok(format!("{prefix}{}", hex(&bytes)))
}

pub(crate) fn number() -> Result<u64, getrandom::Error> {
    getrandom::u64()
}

pub(crate) fn digest(text: &str) -> [u8; 32] {
    digest_of(text.as_bytes())
}

pub(crate) fn digest_of(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn no_randomness(error: &getrandom::Error) -> Refusal {
    Refusal::new(Code::Internal, format!("the system gives no randomness: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_carry_256_bits() {
        let (one, other) = (fresh(TOKEN_PREFIX).unwrap(), fresh(TOKEN_PREFIX).unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 4 + 64);
        assert!(same(&digest(&one), &digest(&one)) && !same(&digest(&one), &digest(&other)));
    }
}
