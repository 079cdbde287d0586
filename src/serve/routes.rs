//! From a request to its answer. Nothing is computed here: every answer reads what the monitor has published.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};

use super::{Site, page};

/// The type of every answer.
type Answer = Response<Full<Bytes>>;

/// Answers a request; its body is never read, since no route takes one.
pub(super) fn answer(site: &Site, request: &Request<Incoming>) -> Answer {
    let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !named.is_some_and(|host| site.hosts.allows(host)) {
        return text(
            StatusCode::FORBIDDEN,
            "this Host is not served: use an IP address, localhost, or add the name to web.hosts\n",
        );
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/metrics" if reads => metrics(site),
        "/" if reads => landing_page(site),
        "/-/healthy" if reads => text(StatusCode::OK, "healthy\n"),
        "/-/ready" if reads => ready(site),
        "/-/reload" if *request.method() == Method::POST => reload(site, request),
        "/metrics" | "/" | "/-/healthy" | "/-/ready" => only("GET, HEAD"),
        "/-/reload" => only("POST"),
        _ => text(StatusCode::NOT_FOUND, "no such page: try /, /metrics, /-/healthy or /-/ready\n"),
    }
}

fn metrics(site: &Site) -> Answer {
    match site.metrics.expose() {
        Ok(exposition) => with_type(StatusCode::OK, exposition.content_type, exposition.body),
        Err(error) => {
            tracing::error!("the metrics cannot be written: {error}");
            text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written; the log says why\n")
        }
    }
}

fn landing_page(site: &Site) -> Answer {
    let mut answer = with_type(StatusCode::OK, "text/html; charset=utf-8", page::landing(&site.board));
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

fn ready(site: &Site) -> Answer {
    if site.board.is_failing() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "not ready: the monitor has ended or fails repeatedly\n");
    }
    if site.ready.is_ready() {
        text(StatusCode::OK, "ready\n")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or stopping\n")
    }
}

fn reload(site: &Site, request: &Request<Incoming>) -> Answer {
    let Some((reload, token)) = &site.reload else {
        return text(
            StatusCode::FORBIDDEN,
            "reloading over HTTP is off: set web.allow_reload, send SIGHUP, or just save the file\n",
        );
    };
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if !given.is_some_and(|given| crate::token::matches(given, token)) {
        let mut refused = text(
            StatusCode::UNAUTHORIZED,
            "send Authorization: Bearer TOKEN; the token stands in the file `token` of the state folder\n",
        );
        refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return refused;
    }
    match reload() {
        Ok(()) => text(StatusCode::OK, "reloaded\n"),
        Err(reason) => with_type(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            format!("the old configuration stays: {reason}\n"),
        ),
    }
}

fn only(methods: &'static str) -> Answer {
    let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "this route does not take this method\n");
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    refused
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", body)
}

fn with_type(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    answer
}
