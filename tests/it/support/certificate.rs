//! A self-signed certificate.

use std::fs;

use rustls::pki_types::CertificateDer;

/// Creates a folder with a certificate for 127.0.0.1 and its key; also returns the certificate.
///
/// # Panics
/// If they cannot be written.
pub(crate) fn folder_with_certificate() -> (tempfile::TempDir, CertificateDer<'static>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(folder.path().join("a.crt"), made.cert.pem()).expect("the folder is writable");
    fs::write(folder.path().join("a.key"), made.signing_key.serialize_pem()).expect("the folder is writable");
    (folder, made.cert.der().clone())
}
