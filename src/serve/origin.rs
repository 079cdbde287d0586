//! Allows requests only from pages that this daemon has served itself.
//!
//! A browser says where a request comes from (`Origin`, `Sec-Fetch-Site`). Other programs do not, and are allowed. A link on another
//! site may open the live page, since only the person who follows it sees the content, not the site with the link.

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::{Method, Request};

/// Returns whether a browser sends this request for a page of another origin.
pub(super) fn is_foreign<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    if origin.is_some_and(|origin| !is_own(origin, headers)) {
        return true;
    }
    match text(headers, "sec-fetch-site") {
        None | Some("same-origin" | "none") => false,
        Some(_) => !follows_a_link(request),
    }
}

/// Returns whether an origin is the address that the request was sent to. Works behind a proxy, too.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

/// Returns whether a browser opens this as a page in a tab, not embedded in another page.
fn follows_a_link<B>(request: &Request<B>) -> bool {
    let sent = |name| text(request.headers(), name);
    *request.method() == Method::GET && sent("sec-fetch-mode") == Some("navigate") && sent("sec-fetch-dest") == Some("document")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(method: &str, headers: &[(&str, &str)]) -> bool {
        let request = Request::builder().method(method).header("host", "127.0.0.1:19787");
        is_foreign(&headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap())
    }

    #[test]
    fn a_page_of_this_daemon_and_a_program_that_is_no_browser_may_ask() {
        let navigation = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        for headers in [
            &[][..],
            &[("origin", "http://127.0.0.1:19787")],
            &[("origin", "https://127.0.0.1:19787"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &navigation,
        ] {
            assert!(!foreign("GET", headers), "{headers:?}");
        }
        assert!(foreign("POST", &navigation));
    }

    #[test]
    fn a_page_of_another_origin_may_not() {
        for headers in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "http://127.0.0.1:3000")],
            &[("origin", "http://127.0.0.1")],
            &[("origin", "null")],
            &[("origin", "")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            &[("origin", "http://127.0.0.1:19787"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(foreign("GET", headers) && foreign("POST", headers), "{headers:?}");
        }
    }
}
