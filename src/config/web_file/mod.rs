//! The file of `--web-config`: TLS, headers and basic auth, in the format of Prometheus' exporter-toolkit.
//!
//! Settings of that format that rustls does not support (TLS before 1.2, unverified client certificates) are errors and never
//! ignored: a file that promises more protection than there is would be worse than none.

mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::ConfigError;
use super::lists::{Given, ListOf};
use super::reader::{read_document, read_text};
use super::rules::{PathOf, Switch, Text, Word};
use super::section::section;
use crate::config::choices::{CipherSuite, ClientAuth, Curve, TlsVersion};
pub use values::{ExtraHeader, PasswordHash};
use values::{Headers, Users};

section! {
    /// The contents of the file. Paths are relative to its folder.
    pub WebFile {
        /// Users and the bcrypt hashes of their passwords. If empty, no password is required.
        basic_auth_users: BTreeMap<String, PasswordHash> = BTreeMap::new(), Users, Live;
    }
    sections {
        /// TLS. Plain HTTP is served if neither certificate nor key is set.
        tls_server_config: TlsFile;
        /// Settings of HTTP responses.
        http_server_config: HttpFile;
    }
}

section! {
    /// The TLS of the server.
    pub TlsFile {
        /// The file of the certificate chain, PEM.
        cert_file: Option<PathBuf> = None, Given(PathOf("file")), Live;
        /// The certificate chain itself.
        cert: Option<String> = None, Given(Text), Live;
        /// The file of the private key, PEM.
        key_file: Option<PathBuf> = None, Given(PathOf("file")), Live;
        /// The private key itself.
        key: Option<String> = None, Given(Text), Live;
        /// Whether clients need certificates.
        client_auth_type: ClientAuth = ClientAuth::NoClientCert, Word, Live;
        /// The file of the authority that signed client certificates, PEM.
        client_ca_file: Option<PathBuf> = None, Given(PathOf("file")), Live;
        /// The authority's certificate itself.
        client_ca: Option<String> = None, Given(Text), Live;
        /// The lowest version of TLS.
        min_version: TlsVersion = TlsVersion::Tls12, Word, Live;
        /// The highest version of TLS.
        max_version: TlsVersion = TlsVersion::Tls13, Word, Live;
        /// The cipher suites; if empty, all that rustls supports.
        cipher_suites: Vec<CipherSuite> = Vec::new(), ListOf(Word), Live;
        /// Whether the order here takes precedence over the client's.
        prefer_server_cipher_suites: bool = true, Switch, Live;
        /// The curves; if empty, all that rustls supports.
        curve_preferences: Vec<Curve> = Vec::new(), ListOf(Word), Live;
    }
}

section! {
    /// Settings of HTTP responses.
    pub HttpFile {
        /// Accepted because the format has it, but without effect: the server always uses HTTP/1.1.
        http2: bool = true, Switch, Live;
        /// Headers that are added to every response.
        headers: Vec<ExtraHeader> = Vec::new(), Headers, Live;
    }
}

impl WebFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// If the file cannot be read, or has mistakes; all of them are listed.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&read_text(path)?, path)
    }

    /// Checks the text of a file. Relative paths in it start at the folder of the file.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut file: Self = read_document(text, &path.display().to_string())?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let tls = &mut file.tls_server_config;
        for named in [&mut tls.cert_file, &mut tls.key_file, &mut tls.client_ca_file].into_iter().flatten() {
            *named = folder.join(&named);
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<WebFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        std::fs::write(&path, text).unwrap();
        let file = WebFile::read(&path);
        file.map_err(|error| error.to_string().replace(&path.display().to_string(), "web.yml"))
    }

    #[test]
    fn a_file_of_the_format_is_read() {
        let text = "\
tls_server_config:
  cert_file: a.crt
  key_file: /etc/a.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS13
  cipher_suites: [TLS_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: false
  headers: {Strict-Transport-Security: max-age=31536000}
basic_auth_users:
  alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi
";
        let file = read(text).unwrap();
        let tls = file.tls_server_config;
        assert!(tls.cert_file.unwrap().is_absolute(), "from the folder of the file");
        assert_eq!(tls.key_file.unwrap(), Path::new("/etc/a.key"));
        assert_eq!((tls.min_version, tls.max_version), (TlsVersion::Tls13, TlsVersion::Tls13));
        assert_eq!(tls.curve_preferences, [Curve::X25519, Curve::CurveP256]);
        assert_eq!(file.http_server_config.headers.len(), 1);
        assert!(file.basic_auth_users.contains_key("alice"));
        assert_eq!(read("").unwrap(), WebFile::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let table = [
            (
                "tls_server_config: {min_version: TLS10}",
                "web.yml:1:21: tls_server_config.min_version: `TLS10` is not one of TLS12, TLS13",
            ),
            ("tls_server_config: {certfile: x}", "did you mean `cert_file`?"),
            ("tls_server_config: {client_auth_type: RequestClientCert}", "is not one of NoClientCert, VerifyClientCertIfGiven"),
            ("basic_auth_users: {a: password}", "basic_auth_users.a: not a bcrypt hash: make one with `htpasswd -nBC 10 \"\"`"),
            ("basic_auth_users: {a: $2y$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}", "cost 31 is not in 4..16"),
            ("basic_auth_users: [a]", "must be user names with bcrypt hashes"),
            (
                "http_server_config: {headers: {X-Other: a}}",
                "http_server_config.headers.X-Other: this header cannot be set here; use one of ",
            ),
            ("http_server_config: {headers: {X-Frame-Options: \"a\\nb\"}}", "not a header value"),
            ("web: 1", "unknown key"),
        ];
        for (text, says) in table {
            let refused = read(text).unwrap_err();
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_file_breaks_it(
            text in "((tls_server_config|  cert_file|  min_version|  cipher_suites|  curve_preferences|basic_auth_users|  alice|http_server_config|\
             \x20 headers|    X-Frame-Options|  http2): ?(a\\.crt|TLS1[0-9]|\\[[A-Za-z0-9_, ]{0,40}\\]|\\$2[aby]\\$[0-9]{2}\\$[./A-Za-z0-9]{50,54}|true|\\PC{0,4})?\n){0,6}"
        ) {
            if let Ok(file) = WebFile::parse(&text, Path::new("folder/web.yml")) {
                let tls = &file.tls_server_config;
                let named = [&tls.cert_file, &tls.key_file, &tls.client_ca_file];
                proptest::prop_assert!(named.into_iter().flatten().all(|path| path.starts_with("folder")));
            }
        }
    }
}
