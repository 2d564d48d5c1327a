//! Sealed secrets.

use limosa_model::programme::store::{Sealed, SecretOf, StoreError};
use limosa_model::programme::{EndpointId, PairId};

use super::{Place, put_endpoint, with_migration, with_pairs};

fn sealed(key: &str, byte: u8) -> Sealed {
    Sealed { key: key.into(), bytes: vec![byte, 0, 255, byte] }
}

/// Every endpoint has a secret, and every pair two; the last one put is there.
pub async fn secrets_are_kept_apart(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let old = put_endpoint(&store, "old", None).await;
    let pair = with_pairs(&store, migration, &["alice"]).await[0];
    let all = [SecretOf::Endpoint(old), SecretOf::Source(pair), SecretOf::Target(pair)];
    for of in all {
        assert_eq!(store.secret(of).await.expect("the secret is read"), None);
    }
    for round in 0..2_u8 {
        for (of, number) in all.into_iter().zip(0_u8..) {
            store.put_secret(of, &sealed("k", 10 * round + number)).await.expect("the secret is kept");
        }
        for (of, number) in all.into_iter().zip(0_u8..) {
            assert_eq!(store.secret(of).await.expect("the secret is read"), Some(sealed("k", 10 * round + number)));
        }
    }
    for nobody in [SecretOf::Endpoint(EndpointId(99)), SecretOf::Target(PairId(99))] {
        let error = store.put_secret(nobody, &sealed("k", 1)).await.expect_err("there is nobody");
        assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
    }
}

/// Secrets are sealed anew one after the other, and one that was put meanwhile stays.
pub async fn secrets_no_overwrite(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let pairs = with_pairs(&store, migration, &["a", "b", "c"]).await;
    for (pair, number) in pairs.iter().zip(0_u8..) {
        store.put_secret(SecretOf::Source(*pair), &sealed("old", number)).await.expect("the secret is kept");
    }
    let mut seen = 0;
    loop {
        let some = store.secrets_not_under("new", 2).await.expect("the secrets are read");
        if some.is_empty() {
            break;
        }
        for (of, before) in some {
            let anew = Sealed { key: "new".into(), ..before.clone() };
            assert!(store.replace_secret(of, &before, &anew).await.expect("the secret is replaced"));
            assert!(!store.replace_secret(of, &before, &anew).await.expect("it is another one by now"));
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
    let of = SecretOf::Source(pairs[0]);
    let put_meanwhile = Sealed { key: "new".into(), bytes: vec![7] };
    let read = store.secret(of).await.expect("the secret is read").expect("there is one");
    store.put_secret(of, &put_meanwhile).await.expect("the secret is kept");
    assert!(!store.replace_secret(of, &read, &sealed("newer", 1)).await.expect("it is another one by now"));
    assert_eq!(store.secret(of).await.expect("the secret is read"), Some(put_meanwhile));
}
