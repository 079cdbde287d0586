//! A webhook's URL. It is checked once and never shown in full, since its path is often secret.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use ureq::http::Uri;

const MAX_BYTES: usize = 2048;

/// An `http` or `https` URL with a host and without credentials. `Display` and `Debug` end after the port.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Uri);

/// Why a text is not a webhook URL. Messages do not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WebhookUrlError {
    /// It is not a URL.
    #[error("not a valid URL: use at most {MAX_BYTES} ASCII characters, such as https://example.org/path")]
    Malformed,
    /// Another scheme, or none.
    #[error("a webhook URL must begin with http:// or https://")]
    Scheme,
    /// A user name or password before the host.
    #[error("a URL must not contain credentials, which logs and proxies record; put a token into a file and set `token_file`")]
    Credentials,
}

impl WebhookUrl {
    /// The whole URL, to connect to it.
    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }

    /// The whole URL, to compare it with another.
    #[must_use]
    pub fn in_full(&self) -> String {
        self.0.to_string()
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether the data stays on this machine, judging by the host name.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, WebhookUrlError> {
        if text.len() > MAX_BYTES {
            return Err(WebhookUrlError::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_| WebhookUrlError::Malformed)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(WebhookUrlError::Scheme);
        }
        let authority = uri.authority().ok_or(WebhookUrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(WebhookUrlError::Credentials);
        }
        // An invalid port, or a colon without a port, belongs to neither the host nor the port.
        let port = authority.port().map_or(0, |port| port.as_str().len() + 1);
        let sound_port = authority.port().is_none_or(|_| authority.port_u16().is_some_and(|port| port > 0));
        if authority.host().is_empty() || authority.host().len() + port != authority.as_str().len() || !sound_port {
            return Err(WebhookUrlError::Malformed);
        }
        Ok(WebhookUrl(uri))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.0.scheme_str().unwrap_or_default(), self.0.authority());
        let more = if self.0.path_and_query().is_some_and(|path| path.as_str() != "/") { "/..." } else { "/" };
        write!(f, "{scheme}://{}{more}", authority.map_or("", |authority| authority.as_str()))
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_over_http_is_a_receiver() {
        for good in ["http://127.0.0.1:9/a?b=c", "https://example.org", "http://[::1]:8080/", "HTTP://localhost/"] {
            assert!(good.parse::<WebhookUrl>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", WebhookUrlError::Malformed),
            ("http://", WebhookUrlError::Malformed),
            ("http://a b/", WebhookUrlError::Malformed),
            ("http://example.org:0/", WebhookUrlError::Malformed),
            ("http://example.org:99999/", WebhookUrlError::Malformed),
            ("http://example.org:/", WebhookUrlError::Malformed),
            ("example.org", WebhookUrlError::Scheme),
            ("/path", WebhookUrlError::Scheme),
            ("file:///etc/passwd", WebhookUrlError::Malformed),
            ("ftp://example.org/", WebhookUrlError::Scheme),
            ("https://ada:secret@example.org/", WebhookUrlError::Credentials),
            (&format!("http://example.org/{}", "a".repeat(2048)), WebhookUrlError::Malformed),
        ] {
            assert_eq!(bad.parse::<WebhookUrl>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn the_path_is_told_to_nobody() {
        let url: WebhookUrl = "https://example.org:8443/services/T0/secret?key=secret".parse().expect("a good URL");
        assert_eq!(url.to_string(), "https://example.org:8443/...");
        assert_eq!(format!("{url:?}"), "WebhookUrl(https://example.org:8443/...)");
        assert_eq!("http://[::1]".parse::<WebhookUrl>().expect("a good URL").to_string(), "http://[::1]/");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        let loopback = |url: &str| url.parse::<WebhookUrl>().expect("a good URL").is_loopback();
        assert!(loopback("http://localhost:1") && loopback("http://127.9.9.9") && loopback("http://[::1]/"));
        assert!(!loopback("http://localhost.example.org") && !loopback("http://10.0.0.1"));
    }
}
